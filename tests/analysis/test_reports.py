"""What a summary leaves: summary.json, summary.md, junit.xml and the terminal; the same each time, and after a kill."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from junitparser import Error, Failure, JUnitXml, Skipped
from rich.console import Console

from analysis.findings import NO_OBJECTIVE, WHOLE_LOAD, Figure, RunReport
from analysis.number_formats import show_number
from analysis.plan.plan import SCENARIOS, Stage
from analysis.report.report import NO_ANSWER, build_report
from analysis.report.summary_markdown import escape
from analysis.report.terminal import print_report
from analysis.summarize import main
from tests.support.recordings import (
    START,
    Services,
    make_plan,
    ramp_users,
    write_failures,
    write_good_run,
    write_run,
    write_scenario,
    write_server,
)
from tests.support.runs import find_unlisted
from tests.support.whole_runs import write_whole_run

PROJECT = Path(__file__).resolve().parents[2]
CONTRACT = {"run", "profile", "complete", "verdict", "scenarios"}
OF_SCENARIO = {"name", "question", "verdict", "reasons", "planned", "achieved"}
FIGURES = ("users", "seconds", "requests", "rps", "errors", "shed", "p50_ms", "p95_ms", "p99_ms")
ACHIEVED = {"users", "seconds", "requests", "rps", "error_ratio", "p50_ms", "p95_ms", "p99_ms"}


def run_summarize(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis.summarize", *arguments]
    env = {name: value for name, value in os.environ.items() if name not in ("GITHUB_STEP_SUMMARY", "FORCE_COLOR")}
    return subprocess.run(
        command, check=False, cwd=PROJECT, capture_output=True, text=True, timeout=120, env={**env, **environment}
    )


def test_all_seven_pass_and_summarizing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    names = ("summary.json", "summary.md", "junit.xml")
    first = run_summarize(str(tmp_path), PYTHONHASHSEED="1")
    texts = [(tmp_path / name).read_bytes() for name in names]
    second = run_summarize(str(tmp_path), PYTHONHASHSEED="2")
    assert (first.returncode, first.stderr, first.stdout) == (0, "", second.stdout)
    assert [(tmp_path / name).read_bytes() for name in names] == texts
    assert not list(tmp_path.glob(".*"))


def test_the_table_of_a_results_folder_has_every_file_of_one(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    main([str(tmp_path)])
    assert find_unlisted(tmp_path) == []
    for name in ("smoke_1_seconds.csv", "smoke_master_generator.csv", "smoke_other.csv"):
        (tmp_path / name).touch()
    assert find_unlisted(tmp_path) == ["smoke_other.csv"]


def test_summary_json_has_the_fields_of_the_contract(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    main([str(tmp_path)])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary.keys() >= CONTRACT
    assert [scenario["name"] for scenario in summary["scenarios"]] == list(SCENARIOS)
    for scenario in summary["scenarios"]:
        assert scenario.keys() >= OF_SCENARIO
        assert {"users", "seconds"} <= scenario["planned"].keys()
        assert scenario["achieved"].keys() >= ACHIEVED
        assert scenario["answer"]


def test_the_terminal_shows_seven_answers_in_eighty_columns_and_colour_only_on_a_terminal(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    report = build_report(tmp_path)
    plain, colourful = io.StringIO(), io.StringIO()
    print_report(tmp_path, report, Console(file=plain, width=80))
    print_report(tmp_path, report, Console(file=colourful, width=80, force_terminal=True, color_system="standard"))
    lines = plain.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    assert [line.split()[0] for line in lines[1:8]] == list(SCENARIOS)
    assert [line.split(":")[0] for line in lines if line.endswith("what is asked?")] == list(SCENARIOS)
    assert "Verdict of the run: PASS" in plain.getvalue()
    assert "\x1b[" not in plain.getvalue()
    assert "\x1b[32mPASS" in colourful.getvalue()


def enlarge(report: RunReport) -> RunReport:
    """The report with figures as long as they may get."""
    numbers = {"users": 10_000, "seconds": 86_400, "requests": 1_234_567_890, "rps": 12345.6, "errors": 98_765_432}
    long = {**numbers, "shed": 87_654_321, "p50_ms": 0.0123, "p95_ms": 12345.678, "p99_ms": 59999.9}
    scenarios = [replace(one, verdict="INCONCLUSIVE", achieved={**one.achieved, **long}) for one in report.scenarios]
    return replace(report, scenarios=tuple(scenarios))


def list_shown(report: RunReport) -> list[set[str]]:
    """The figures of each scenario as the terminal has them."""
    shown = []
    for got in (scenario.achieved for scenario in report.scenarios):
        shown.append({show_number(got[key]) for key in FIGURES})
    return shown


def test_no_figure_is_cut_in_a_terminal_of_any_width(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    usual = build_report(tmp_path)
    tables = []
    for report in (usual, enlarge(usual)):
        for width in (40, 60, 80, 200):
            said = io.StringIO()
            print_report(Path("x"), report, Console(file=said, width=width))
            assert all(len(line) <= width for line in said.getvalue().splitlines()) and "…" not in said.getvalue()
            figures = said.getvalue().partition("are in milliseconds")[0]
            words = set(re.findall(r"[^\s,]+(?:,\d+)*", figures))
            assert [shown - words for shown in list_shown(report)] == [set()] * len(SCENARIOS), width
            tables.append(figures.startswith("scenario"))
    assert tables == [False, False, True, True, False, False, False, True]


def break_run(folder: Path) -> RunReport:
    """A run with a FAIL, an INVALID, an INCONCLUSIVE and a PASS; the last has an objective that was not judged."""
    plans = [make_plan(name=name) for name in ("smoke", "baseline", "read_heavy", "soak")]
    write_run(folder, *plans, codes={plan.name: 0 for plan in plans[:3]})
    write_scenario(folder, plans[0])
    write_failures(folder, "smoke", [("GET", "/api/books", "3 items | instead of <20>", 1)])
    write_scenario(folder, plans[1], users=[0, *[33] * 29])
    write_scenario(folder, plans[2])
    assert main([str(folder)]) == 1
    return build_report(folder)


def test_junit_has_a_test_for_each_scenario_and_each_objective(tmp_path: Path) -> None:
    report = break_run(tmp_path)
    suites = {suite.name: list(suite) for suite in JUnitXml.fromfile(str(tmp_path / "junit.xml"))}
    assert list(suites) == ["smoke", "baseline", "read_heavy", "soak"]
    for scenario in report.scenarios:
        cases = suites[scenario.name]
        assert [case.name for case in cases] == [scenario.question, *(check.name for check in scenario.checks)]
    first = {name: [type(result) for result in cases[0].result] for name, cases in suites.items()}
    assert first == {"smoke": [Failure], "baseline": [Error], "read_heavy": [], "soak": [Skipped]}
    (p95,) = [case for case in suites["read_heavy"] if case.name == "GET /api/books p95"]
    assert (p95.result, "read_heavy.hlog" in p95.system_out) == ([], True)
    (login,) = [case for case in suites["read_heavy"] if case.name == "login p95"]
    assert login.result[0].message == "not judged: There were 0 answers (20 are needed)."


def test_summary_md_shows_the_verdict_its_reasons_and_a_row_a_scenario(tmp_path: Path) -> None:
    break_run(tmp_path)
    text = (tmp_path / "summary.md").read_text()
    lines = text.splitlines()
    assert lines[0] == "# ❌ FAIL (PARTIAL: not every planned scenario ran to its end)"
    assert (
        "- **smoke** FAIL: 1 request failed (0.35 % of 285): GET /api/books: 3 items \\| instead of \\<20> (1 x)."
        in lines
    )
    rows = [line for line in lines if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| scenario", "| smoke", "| baseline", "| read_heavy", "| soak"]
    no_answer = [NO_ANSWER in row for row in rows[1:]]
    assert no_answer == [False, True, False, False]  # the INVALID one alone
    columns = {len(re.findall(r"(?<!\\)\|", row)) for row in lines if row.startswith("|")}
    assert len(columns) == 1


def test_each_reason_stands_under_its_own_verdict_wherever_it_is_shown(tmp_path: Path) -> None:
    plan = make_plan(name="read_heavy")
    write_run(tmp_path, plan)
    write_scenario(tmp_path, plan, idle=0.5, kinds=lambda number: "wrong" if number == 9 else "right")
    assert main([str(tmp_path)]) == 1
    (scenario,) = build_report(tmp_path).scenarios
    failed, invalid = scenario.reasons
    assert invalid.startswith("Users account for 50 % of their time (")
    said = run_summarize(str(tmp_path)).stdout
    assert f"FAIL: {failed[:40]}" in said and f"INVALID: {invalid[:40]}" in said
    text = (tmp_path / "summary.md").read_text()
    assert f"**read_heavy** FAIL: {escape(failed)}" in text and f"**read_heavy** INVALID: {escape(invalid)}" in text
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    whole = next(iter(suite)).result[0]
    assert (type(whole), whole.message) == (Failure, f"FAIL: {failed} INVALID: {invalid}")


def test_what_has_no_objective_is_no_test_in_junit(tmp_path: Path) -> None:
    plan = make_plan(Stage(20, 150, 20), name="soak")
    write_good_run(tmp_path, plan)
    main([str(tmp_path)])
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    names = [case.name for case in suite]
    (scenario,) = build_report(tmp_path).scenarios
    without = [check.name for check in scenario.checks if check.reason == NO_OBJECTIVE]
    assert "keys in Redis of books: no growth" in without
    assert not set(without) & set(names) and "memory of books 4001: no growth" in names


def test_a_row_says_of_what_its_figures_are_and_a_sentence_what_it_leaves_out(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(Stage(50, 60, 10)))
    said = " ".join(run_summarize(str(tmp_path)).stdout.split())
    assert f"p50, p95 and p99 are in milliseconds, of {WHOLE_LOAD}." in said
    assert f"Latencies are of {WHOLE_LOAD}" in (tmp_path / "summary.md").read_text()
    assert f"p50, p95 and p99 are of {WHOLE_LOAD}" in (tmp_path / "report.html").read_text()
    assert "After ramp and warm-up, the p50 is " in said


def test_markup_in_answers_of_a_service_stays_text() -> None:
    assert escape("a|b\n<script> [x](y) `z` *w* \\") == "a\\|b \\<script> \\[x](y) \\`z\\` \\*w\\* \\\\"


def test_the_summary_is_added_to_the_page_of_a_workflow_when_it_names_one(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir()
    write_good_run(folder, make_plan(name="smoke"))
    (page := tmp_path / "page.md").write_text("before\n")
    assert run_summarize(str(folder), GITHUB_STEP_SUMMARY=str(page)).returncode == 0
    assert page.read_text() == "before\n" + (folder / "summary.md").read_text()


def test_a_run_that_was_killed_in_mid_scenario_is_summarized_as_partial(tmp_path: Path) -> None:
    plans = [make_plan(name="smoke"), make_plan(Stage(20, 60, 10), name="read_heavy"), make_plan(name="soak")]
    write_run(tmp_path, *plans, codes={"smoke": 0})
    write_scenario(tmp_path, plans[0])
    write_scenario(tmp_path, plans[1], users=ramp_users(plans[1])[:31])
    for ending in ("_stats.csv", "_requests.json", "_read_back.json", "_failures.csv", "_exceptions.csv"):
        (tmp_path / f"read_heavy{ending}").unlink()
    for ending, lost in ((".hlog", 30), ("_seconds.csv", 9), ("_server.jsonl", 55), ("_stats_history.csv", 40)):
        path = tmp_path / f"read_heavy{ending}"
        path.write_bytes(path.read_bytes()[:-lost])
    ran = run_summarize(str(tmp_path))
    assert (ran.returncode, ran.stderr) == (2, "")
    assert "Verdict of the run: INVALID (PARTIAL: not every planned scenario ran to its end)" in ran.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"] is False
    assert [scenario["verdict"] for scenario in summary["scenarios"]] == ["PASS", "INVALID", "INCONCLUSIVE"]
    killed = summary["scenarios"][1]
    assert killed["reasons"][0] == "Nothing says how Locust ended, because the load was cut off."
    assert killed["achieved"]["requests"] > 250 and killed["achieved"]["p95_ms"] > 10
    assert "PARTIAL" in (tmp_path / "summary.md").read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INVALID", 2), ("INCONCLUSIVE", 2), ("crash", 3)]
)
def test_the_exit_code_of_a_summary_is_that_of_the_run(tmp_path: Path, verdict: str, code: int) -> None:
    plan = make_plan(name="smoke")
    users = {"INVALID": [0, *[33] * 29], "INCONCLUSIVE": None}.get(verdict)
    if verdict == "INCONCLUSIVE":
        plan = make_plan(Stage(1, 30, 1), name="smoke")
    write_good_run(tmp_path, plan, users=users, kinds=lambda n: "wrong" if verdict == "FAIL" and n == 9 else "right")
    if verdict == "crash":
        write_run(tmp_path, plan, codes={"smoke": 139})
    assert main([str(tmp_path)]) == code


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ('{"run": "x", "prof', "is cut off"),
        ("[]", "is cut off"),
        ('{"run": "x", "profile": "quick", "plan": []}', "is cut off"),
    ],
)
def test_a_folder_without_a_run_is_refused_in_one_line(
    tmp_path: Path, content: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert main([str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert words in said.err and (said.out, said.err.count("\n")) == ("", 1)
    assert not (tmp_path / "summary.json").exists()


def test_a_fault_of_the_summary_itself_does_not_say_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    monkeypatch.setattr("analysis.summarize.build_report", lambda _: 1 // 0)
    assert main([str(tmp_path)]) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_wrong_use_of_summarize_shows_its_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert capsys.readouterr().err == "usage: python -m analysis.summarize DIR\n"


def list_figures(report: RunReport) -> Iterable[tuple[str, Figure]]:
    """Every figure of a report, with its scenario."""
    for scenario in report.scenarios:
        for figure in (*scenario.figures, *(figure for check in scenario.checks for figure in check.figures)):
            yield scenario.name, figure


def test_every_figure_table_and_time_line_names_files_that_are_there(tmp_path: Path) -> None:
    write_whole_run(tmp_path)
    report = build_report(tmp_path)
    sources = {figure.source for _, figure in list_figures(report)}
    for scenario in report.scenarios:
        sources |= {table.source for table in scenario.tables} | {line.source for line in scenario.time_lines}
    names = {name for source in sources for name in source.split(", ")}
    assert len(names) > 40
    assert not [name for name in names if not (tmp_path / name).is_file()]


def read_raw(folder: Path, name: str, start: float, end: float) -> HdrHistogram:
    """All latencies of a scenario between two seconds of the load, by the library alone."""
    whole = HdrHistogram(1, 60_000_000, 3)
    for line in (folder / f"{name}.hlog").read_text().splitlines():
        found = re.fullmatch(r"Tag=[^,]*,([\d.]+),[^,]*,[^,]*,(\S+)", line)
        if found and start <= float(found[1]) - START < end:
            whole.decode_and_add(found[2])
    return whole


def test_ten_figures_agree_with_what_the_raw_files_say(tmp_path: Path) -> None:
    plans = {plan.name: plan for plan in write_whole_run(tmp_path)}
    write_server(tmp_path, plans["soak"], Services(growth={"fds": 3.0}))
    report = build_report(tmp_path)
    found: dict[tuple[str, str], Any] = {(name, figure.name): figure.value for name, figure in list_figures(report)}
    with open(tmp_path / "spike_seconds.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["endpoint"].startswith("(")]
    in_spike = [row for row in rows if 20 <= int(row["second"]) - START < 40]
    ledger = [json.loads(line) for line in (tmp_path / "write_heavy_ledger.jsonl").read_text().splitlines()]
    with open(tmp_path / "soak_generator.csv", newline="") as file:
        cpu = [float(row["cpu"]) for row in csv.DictReader(file)]
    plateau, whole = read_raw(tmp_path, "baseline", 8, 30), read_raw(tmp_path, "read_heavy", 0, 30)
    raw = {
        ("baseline", "p50"): plateau.get_value_at_percentile(50) / 1000,
        ("baseline", "p95"): plateau.get_value_at_percentile(95) / 1000,
        ("baseline", "p99"): plateau.get_value_at_percentile(99) / 1000,
        ("baseline", "throughput"): plateau.get_total_count() / 22,
        ("read_heavy", "latencies"): whole.get_total_count(),
        ("spike", "requests in the spike"): sum(int(row["right"]) for row in in_spike),
        ("spike", "requests"): sum(int(row["right"]) for row in rows),
        ("write_heavy", "acknowledged"): sum(line.get("outcome") == "acknowledged" for line in ledger),
        ("write_heavy", "of unknown outcome"): sum(line.get("outcome") == "unknown" for line in ledger),
        ("soak", "busiest process, mean share of a core"): sum(cpu) / len(cpu),
        ("smoke", "books before it"): json.loads((tmp_path / "smoke_data.jsonl").read_text().splitlines()[0])["books"],
    }
    for key, value in raw.items():
        assert found[key] == pytest.approx(value, rel=0.01), key
    (table,) = [t for s in report.scenarios if s.name == "soak" for t in s.tables if t.title == "Growth"]
    slopes = {row[1]: row[2] for row in table.rows if row[0] == "own descriptors"}
    assert slopes["books 4001"] == pytest.approx(3.0, rel=0.1)
    assert {value for owner, value in slopes.items() if owner != "books 4001"} == {0.0}


def test_a_long_run_is_summarized_in_seconds(tmp_path: Path) -> None:
    plan = make_plan(Stage(150, 600, 15), name="soak", share=0.08)
    write_good_run(tmp_path, plan)
    began = time.monotonic()
    build_report(tmp_path)
    assert time.monotonic() - began < 20 * 2
