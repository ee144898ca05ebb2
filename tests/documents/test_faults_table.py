"""The table of the faults in docs/guarantees.md says what the results say, and a result that is bad is seen in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.documents.faults import BEGIN, DOCUMENT, END, FILE, SHOWN, say_where, write_faults, write_figure, write_row
from tests.documents.verdict_controls import replace_between
from tests.faults.experiments import BY_NAME
from tests.faults.findings import Control, Finding
from tests.faults.json_file import describe_result, merge_results
from tests.faults.table import Result

FOUND: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_table_of_the_faults_is_that_of_the_results() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == replace_between(text, BEGIN, END, write_faults(FOUND)), "run python -m tests.documents.faults FILE"


def test_the_results_are_of_all_faults_with_their_controls_and_of_the_long_form() -> None:
    assert FOUND.keys() == BY_NAME.keys() == SHOWN.keys()
    for name, experiment in BY_NAME.items():
        assert FOUND[name]["fault"] == experiment.fault
        assert FOUND[name]["form"] == "long"
        assert [each["without"] for each in FOUND[name]["controls"]] == [each.without for each in experiment.controls]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_figure_that_the_table_shows_is_one_that_was_measured(name: str) -> None:
    begins = [[each[0] for each in FOUND[name]["findings"] if each[0].startswith(start)] for start in SHOWN[name]]
    assert [len(found) for found in begins] == [1] * len(SHOWN[name])
    assert len(SHOWN[name]) <= 3


def test_a_figure_is_short_and_one_that_fails_says_so() -> None:
    assert write_figure("recovery", "≤ 5 s", "3.1 s (late), 4 in all; more", True) == "recovery: 3.1 s (≤ 5 s)"
    assert write_figure("recovery", "≤ 5 s", "6.1 s", False) == "recovery: 6.1 s (≤ 5 s) **FAILS**"


def test_what_failed_broke_or_was_disturbed_stands_in_its_row(tmp_path: Path) -> None:
    control = Control("a protection", ("recovery",), ())
    findings = [Finding("recovery", "≤ 5 s", "3.1 s", True), Finding("another thing", "0", "7 of 9", False)]
    result = Result(BY_NAME["F2"], findings, [(control, findings)], others=0.5)
    merge_results(tmp_path / "found.json", {"F2": describe_result(result)})
    row = write_row("F2", json.loads((tmp_path / "found.json").read_text())["F2"])
    for words in (
        "another thing: 7 of 9 (0) **FAILS**",
        "1 of 2; **disturbed**",
        "a protection **(not seen to fail)**",
    ):
        assert words in row
    assert "**broke**: no disk" in write_row("F2", describe_result(Result(BY_NAME["F2"], [], [], "no disk")))


def test_results_of_a_later_run_take_the_place_of_those_of_the_same_fault(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    for found in ({"F1": {"hold": 1}, "F2": {"hold": 1}}, {"F2": {"hold": 2}}):
        merge_results(file, found)
    assert json.loads(file.read_text()) == {"F1": {"hold": 1}, "F2": {"hold": 2}}
    later = {name: {**each, "commit": "1234567" if name == "F2" else "7654321"} for name, each in FOUND.items()}
    lines = say_where(later).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"- {', '.join(n for n in BY_NAME if n != 'F2')}", "- F2"]
