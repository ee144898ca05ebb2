"""The table of other versions in docs/guarantees.md says what tests/check_services.sh printed."""

import json
from pathlib import Path

import pytest

from tests.documents.faults import DOCUMENT
from tests.documents.other_versions import BEGIN, END, FILE, write_tried
from tests.documents.verdict_controls import replace_between
from tests.documents.versions_tried import Tried, merge_tried, read_tried

LINE = (
    "Debian 13.8, Python 3.13.5, MariaDB 11.8.9, Valkey 8.1.1: {} ({}; 17 passed, 1 skipped, 9 deselected in 89.12s)\n"
)
ALL_WELL = LINE.format("passed", "2765 passed, 4 skipped in 276.05s (0:04:36)")
VERSIONS: Tried = {"system": "Debian 13.8", "python": "3.13.5", "mariadb": "11.8.9", "store": "Valkey 8.1.1"}


def test_the_table_of_other_versions_is_that_of_what_was_tried() -> None:
    text, found = DOCUMENT.read_text(encoding="utf-8"), json.loads(FILE.read_text(encoding="utf-8"))
    assert text == replace_between(text, BEGIN, END, write_tried(found)), "run python -m tests.documents.other_versions"


def test_a_line_of_results_is_found_in_a_log_and_both_its_runs_are_counted() -> None:
    counts = {"passed": 2782, "failed": 0, "skipped": 5, "failures": []}
    assert read_tried(f"some\nother words\n{ALL_WELL}") == {**VERSIONS, **counts}


def test_tests_that_failed_are_named_and_counted_with_those_that_could_not_begin() -> None:
    log = "FAILED tests/a.py::test_one[with words] - E  assert 0\nERROR tests/b.py::test_two\n"
    tried = read_tried(log + LINE.format("FAILED", "3 failed, 2765 passed, 4 skipped, 2 errors in 276.05s"))
    assert tried and (tried["passed"], tried["failed"], tried["skipped"]) == (2782, 5, 5)
    assert tried["failures"] == ["tests/a.py::test_one[with words]", "tests/b.py::test_two"]
    shown = write_tried({"one": {**tried, "date": "", "commit": ""}})
    assert "- `tests/b.py::test_two` (Debian 13.8 with Valkey 8.1.1)\n" in shown


def test_a_round_without_a_test_that_passed_is_refused_and_a_log_without_a_line_says_nothing() -> None:
    with pytest.raises(ValueError, match=r"no test passed on Debian 13\.8 with Valkey 8\.1\.1"):
        read_tried(LINE.replace("17 passed, ", "").format("FAILED", "no tests ran in 0.05s"))
    assert read_tried("check_services.sh: valkey-tools could not be installed\n") is None


def test_a_later_try_takes_the_place_of_the_one_of_the_same_releases(tmp_path: Path) -> None:
    file = tmp_path / "tried.json"
    for log in (ALL_WELL, ALL_WELL.replace("Valkey", "Redis"), ALL_WELL.replace("13.8", "13.9")):
        tried = read_tried(log)
        assert tried
        merge_tried(file, tried)
    kept = json.loads(file.read_text())
    assert {name: each["system"] for name, each in kept.items()} == {
        "Debian 13 with Valkey 8": "Debian 13.9",
        "Debian 13 with Redis 8": "Debian 13.8",
    }
