"""python -m analysis.compare: what it writes and prints, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from tests.support.made_comparisons import Compared, write_comparison
from tests.support.recordings import ADD, LIST, ONE, make_plan, write_good_run

PROJECT = Path(__file__).parents[2]
SLOW = Compared(cost=1.3, slow={LIST: 1.3, ONE: 1.3, ADD: 1.3})


def compare(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a wide terminal."""
    command = [sys.executable, "-m", "analysis.compare", *map(str, arguments)]
    chosen = {**os.environ, "COLUMNS": "160", **environment}
    return subprocess.run(command, cwd=PROJECT, env=chosen, capture_output=True, text=True, timeout=120, check=False)


def read(folder: Path) -> dict[str, Any]:
    """What stands in compare.json."""
    data: dict[str, Any] = json.loads((folder / "compare.json").read_text())
    return data


@pytest.mark.parametrize(
    ("made", "verdict", "code"),
    [
        (Compared(), "SAME", 0),
        (Compared(cost=0.7), "FASTER", 0),
        (SLOW, "SLOWER", 1),
        (Compared(noise=3.0), "CANNOT TELL", 2),
        (Compared(books=(1, 2)), "INVALID", 2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_verdict_is_printed_written_and_the_exit_code(
    tmp_path: Path, made: Compared, verdict: str, code: int
) -> None:
    write_comparison(tmp_path, made)
    done = compare(tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert f"\n{verdict}: " in done.stdout
    data = read(tmp_path)
    assert (data["verdict"], data["kind"], data["complete"]) == (verdict, "blocks", True)
    assert f" {verdict}\n" in (tmp_path / "compare.md").read_text()
    assert f"<title>{verdict}: comparison" in (tmp_path / "compare.html").read_text()
    suite = next(iter(JUnitXml.fromfile(str(tmp_path / "compare.xml"))))
    (whole,) = [case for case in suite if case.name == "Is B slower than A?"]
    kinds = [type(result).__name__ for result in whole.result]
    wanted = {"SLOWER": ["Failure"], "CANNOT TELL": ["Skipped"], "INVALID": ["Error"]}
    assert kinds == wanted.get(verdict, [])


def test_every_figure_that_is_printed_stands_in_the_json(tmp_path: Path) -> None:
    write_comparison(tmp_path, SLOW)
    done = compare(tmp_path)
    measures = {(each["scope"], each["measure"]): each for each in read(tmp_path)["measures"]}
    cost = measures["all together", "processor time per answer"]
    assert cost["ratio"] == pytest.approx(1.3) and cost["unit"] == "ms" and cost["count"] == 12
    assert cost["verdict"] == "SLOWER" and 0 < cost["p"] <= cost["level"]
    row = next(line for line in done.stdout.splitlines() if line.startswith("processor time per answer "))
    assert row.split("  ")[0] and "SLOWER" in row and "4 ms" in row and "5.2 ms" in row and "+30 %" in row
    assert len(read(tmp_path)["pairs"][0]["a"]) == 12


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    write_comparison(tmp_path, SLOW)
    names = ("compare.json", "compare.md", "compare.html", "compare.xml")
    texts = []
    for _ in range(2):
        compare(tmp_path)
        texts.append([(tmp_path / name).read_bytes() for name in names])
    assert texts[0] == texts[1]


def test_the_markdown_goes_into_the_summary_of_a_workflow(tmp_path: Path) -> None:
    write_comparison(tmp_path / "run")
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    compare(tmp_path / "run", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text() == "before\n" + (tmp_path / "run" / "compare.md").read_text()


def test_another_band_and_another_place_to_write(tmp_path: Path) -> None:
    write_comparison(tmp_path / "run", Compared(cost=1.06))
    assert compare(tmp_path / "run").returncode == 0
    assert compare("--within", "3%", "--out", tmp_path / "new", tmp_path / "run").returncode == 1
    assert (read(tmp_path / "run")["within"], read(tmp_path / "new")["within"]) == (0.1, 0.03)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: FOLDER"),
        (("a", "b", "c"), "give the folder of one comparison, or those of two finished runs"),
        (("--within", "2", "a"), "--within: 2 must be like 0.1 or 10%, more than 0 and less than 100%"),
        (("--within", "ten", "a"), "--within: ten must be like 0.1"),
        (("--quick", "a"), "unrecognized arguments: --quick"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_usage_is_64_and_says_what_would_be_right(arguments: tuple[str, ...], words: str) -> None:
    done = compare(*arguments)
    assert done.returncode == 64
    assert words in done.stderr and "usage: python -m analysis.compare" in done.stderr


def test_a_folder_that_holds_nothing_is_3_and_leaves_nothing(tmp_path: Path) -> None:
    done = compare(tmp_path)
    assert done.returncode == 3
    assert "plan.json: No such file or directory" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    done = compare(tmp_path, tmp_path)
    assert done.returncode == 3 and "run.json" in done.stderr


def write_two_runs(folder: Path, factor: float = 1.0, **facts: Any) -> tuple[Path, Path]:
    """Two finished runs, whose second has latencies so many times as long."""
    paths = folder / "one", folder / "other"
    for path, times in zip(paths, (1.0, factor), strict=True):
        path.mkdir()
        write_good_run(
            path,
            make_plan(name="read_heavy"),
            latency=lambda _, __, source, times=times: 10 * times * source.uniform(0.9, 1.1),
        )
    data = json.loads((paths[1] / "run.json").read_text())
    (paths[1] / "run.json").write_text(json.dumps({**data, **facts}))
    return paths


def test_two_finished_runs_that_differ_are_never_called_slower(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path, 1.5, machine={"cpus": 8})
    done = compare(one, other)
    data = read(other)
    assert (done.returncode, data["verdict"], data["kind"]) == (2, "CANNOT TELL", "runs")
    found = {each["measure"]: each["verdict"] for each in data["measures"]}
    assert found["p50"] == found["p95"] == "DIFFERS"
    assert "SLOWER" not in done.stdout and "FASTER" not in done.stdout
    assert "more than each run's own noise" in data["answer"]
    assert [note for note in data["notes"] if "share no noise" in note]
    assert "machine cpus differs: not known in A, 8 in B." in data["notes"]
    assert not (one / "compare.json").exists()


def test_two_finished_runs_that_are_alike_are_the_same(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path)
    done = compare("--within", "0.3", one, other)
    assert (done.returncode, read(other)["verdict"]) == (0, "SAME")
    assert {each["scope"] for each in read(other)["measures"]} == {"read_heavy"}


def test_a_scenario_that_was_invalid_in_a_run_is_not_compared(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path)
    (one / "summary.json").write_text(json.dumps({"scenarios": [{"name": "read_heavy", "verdict": "INVALID"}]}))
    done = compare(one, other)
    assert (done.returncode, read(other)["verdict"]) == (2, "INVALID")
    assert "read_heavy is not compared: it was INVALID in A." in read(other)["notes"]


def test_a_run_that_failed_is_never_the_same(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path)
    (other / "summary.json").write_text(json.dumps({"scenarios": [{"name": "read_heavy", "verdict": "FAIL"}]}))
    done = compare("--within", "0.3", one, other)
    assert (done.returncode, read(other)["verdict"]) == (2, "CANNOT TELL")
    assert "read_heavy was FAIL in B: it may be fast for that very reason." in read(other)["notes"]


def test_runs_of_which_a_measure_is_not_known_are_never_the_same(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path)
    (other / "read_heavy_server.jsonl").write_text("")
    done = compare("--within", "0.3", one, other)
    assert (done.returncode, read(other)["verdict"]) == (2, "CANNOT TELL")
    assert {each["verdict"] for each in read(other)["measures"]} == {"SAME"}
    assert "read_heavy: the processor time per answer is not known of both runs." in read(other)["notes"]


def test_scenarios_that_were_planned_otherwise_or_are_missing_are_named_and_not_compared(tmp_path: Path) -> None:
    one, other = write_two_runs(tmp_path)
    data = json.loads((other / "run.json").read_text())
    data["plan"][0]["write_share"] = 0.5
    data["plan"].append({**data["plan"][0], "name": "stages"})
    (other / "run.json").write_text(json.dumps(data))
    done = compare(one, other)
    assert (done.returncode, read(other)["verdict"]) == (2, "INVALID")
    notes = read(other)["notes"]
    assert "read_heavy is not compared: the runs planned another load." in notes
    assert "stages is not compared: only B has it." in notes
