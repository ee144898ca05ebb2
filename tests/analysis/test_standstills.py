"""Standstills, which hardly move a percentile: dead seconds, corrected latencies, and workers that started or ended."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from analysis.checks.corrected import find_missed, weighted_percentiles
from analysis.checks.worker_rules import WorkerChange, find_changes
from analysis.findings import ScenarioReport
from analysis.plan.plan import Stage
from analysis.records.gaps import Gaps
from analysis.records.latencies import read_latencies
from analysis.records.results_folder import ServerSample, Worker
from analysis.report.report import build_report
from tests.support.recordings import (
    LIST,
    LOGIN,
    ONE,
    START,
    Services,
    make_plan,
    write_good_run,
    write_lines,
    write_server,
)

MINUTE = make_plan(Stage(20, 300, 20), name="read_heavy")
PIDS = ("4001", "4002")


def judge_folder(folder: Path) -> ScenarioReport:
    """The only scenario of a run."""
    (scenario,) = build_report(folder).scenarios
    return scenario


@pytest.mark.parametrize(
    ("freezes", "words"),
    [
        ((), ""),
        (((50, 2), (90, 2)), ""),  # two dead seconds apart: under 1 % of 300
        (
            ((50, 4),),
            "Requests waited for 3 s without a right answer (1 % of 300 s). The longest standstill lasted 3 s ",
        ),
        (((50, 3), (90, 2)), "for 3 s without a right answer (1 % of 300 s)"),
        (((50, 6), (90, 2)), "The longest standstill lasted 5 s (from second 51 on)."),
    ],
)
def test_dead_seconds_fail_when_three_follow_one_another_or_they_are_a_hundredth_of_all(
    tmp_path: Path, freezes: tuple[tuple[int, int], ...], words: str
) -> None:
    # Nobody waits all through the first second of a freeze.
    write_good_run(tmp_path, MINUTE, freezes=freezes)
    checks = {check.name: check for check in judge_folder(tmp_path).checks}
    check = checks["the services never stood still"]
    assert check.verdict == ("FAIL" if words else "PASS"), (check.reason, check.figures)
    assert words in check.reason


def test_an_older_recording_that_does_not_count_waiting_requests_shows_its_standstills_too(tmp_path: Path) -> None:
    write_good_run(tmp_path, MINUTE, freezes=((50, 6),))
    path = tmp_path / "read_heavy_seconds.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "(waiting)" not in line))
    assert "The longest standstill lasted 5 s (from second 51 on)." in "; ".join(judge_folder(tmp_path).reasons)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(("seconds", "verdict"), [(3, "PASS"), (4, "FAIL")])
def test_log_ins_that_go_on_do_not_hide_that_the_catalogue_stands_still(
    tmp_path: Path, seconds: int, verdict: str, recorded: bool
) -> None:
    write_good_run(tmp_path, MINUTE, freezes=((50, seconds),), goes_on="auth", mix={LIST: 50, ONE: 30, LOGIN: 20})
    if not recorded:
        path = tmp_path / "read_heavy_seconds.csv"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if "(waiting" not in line))
    checks = {check.name: check for check in judge_folder(tmp_path).checks}
    check = checks["the services never stood still"]
    assert check.verdict == verdict
    words = "Requests waited for 3 s without a right answer from the catalogue (1 % of 300 s). "
    assert (words in check.reason) == (verdict == "FAIL")


@pytest.mark.parametrize("service", ["auth", "books"])
def test_samples_that_a_frozen_service_does_not_give_are_its_own_fault(tmp_path: Path, service: str) -> None:
    other = "books" if service == "auth" else "auth"
    write_good_run(tmp_path, MINUTE, freezes=((50, 10),), goes_on=other, mix={LIST: 50, ONE: 30, LOGIN: 20})
    path = tmp_path / "read_heavy_server.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    frozen = range(START + 51, START + 60)
    write_lines(path, [line for line in lines if line["service"] != service or int(line["at"]) not in frozen])
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL", scenario.reasons
    assert not [reason for reason in scenario.reasons if "no sample" in reason]


def test_seconds_in_which_nobody_waits_are_not_dead(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(Stage(1, 300, 1), name="smoke"))  # a request every other second
    checks = {check.name: check.verdict for check in judge_folder(tmp_path).checks}
    assert checks["the services never stood still"] == "PASS"


def test_corrected_latencies_are_those_of_hdrhistogram(tmp_path: Path) -> None:
    write_good_run(tmp_path, MINUTE, freezes=((50, 9), (120, 30)))
    latencies, interval_us = read_latencies(tmp_path, "read_heavy", Gaps()), 2_000_000
    wanted = [
        missing
        for us, count in zip(latencies.us.tolist(), latencies.count.tolist(), strict=True)
        for _ in range(count)
        for missing in range(us - interval_us, interval_us - 1, -interval_us)
    ]
    us, missed = find_missed(latencies, interval_us / 1_000_000)
    assert sorted(np.repeat(us, missed.astype(int)).tolist()) == sorted(wanted)
    assert len(wanted) > 100


def test_percentiles_of_weights_are_those_of_repeated_answers() -> None:
    us, weights = np.array([5000, 1000, 9000]), np.array([4.0, 90.0, 6.0])
    assert weighted_percentiles(us, weights) == [9.0, 9.0]
    assert weighted_percentiles(us, np.array([4.0, 95.0, 0.5])) == [1.0, 5.0]
    assert weighted_percentiles(us[:0], weights[:0]) == [None, None]


def test_corrected_percentiles_stand_beside_the_raw_ones_and_the_report_says_which_are_judged(tmp_path: Path) -> None:
    write_good_run(tmp_path, MINUTE, freezes=((50, 40),), mix={LIST: 70, ONE: 30})
    scenario = judge_folder(tmp_path)
    (table,) = [table for table in scenario.tables if table.title == "Raw and corrected latencies"]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert set(rows) == {"reads", "all"}
    assert rows["reads"]["p95 ms"] < 100 and rows["reads"]["corrected p95 ms"] > 10_000
    (note,) = [note for note in scenario.notes if note.startswith("The raw percentiles are judged. ")]
    assert re.fullmatch(
        r"The raw percentiles are judged. The corrected percentiles add [\d,]+ requests that waiting users did not "
        r"send \(a user sends every [12]\.\d s\)\.",
        note,
    ), note


def sample(second: float, *pids: str) -> ServerSample:
    """What the books service says of its worker processes."""
    return ServerSample(START + second, "books", values={}, workers={pid: Worker(1, 1, 1, 1, 1) for pid in pids})


@pytest.mark.parametrize(
    ("samples", "changes"),
    [
        ([sample(second, *PIDS) for second in range(9)], []),
        ([sample(1, *PIDS), sample(2, "4001"), sample(3, *PIDS)], []),
        ([sample(49, *PIDS), sample(50, "4001"), sample(51, *PIDS)], []),
        ([sample(-1, *PIDS), sample(0, "4001"), sample(1, *PIDS)], []),
        ([sample(-2, "4001"), sample(-1, *PIDS), sample(1, *PIDS)], []),
        ([sample(49, *PIDS), sample(51, "4001")], []),
        ([sample(1, *PIDS), sample(2, "4001"), sample(3, "4001")], [WorkerChange("books", "4002", "ended", 2)]),
        ([sample(1, "4001"), sample(2, "4001"), sample(3, *PIDS)], [WorkerChange("books", "4002", "started", 3)]),
        ([sample(-1, *PIDS), sample(0.5, "4001"), sample(1.5, "4001")], [WorkerChange("books", "4002", "ended", 0.5)]),
        ([sample(-2, *PIDS), sample(-1, "4001"), sample(2, "4001"), sample(60, "4001", "9")], []),
    ],
)
def test_workers_that_started_or_ended_are_found_by_name_and_time(
    samples: list[ServerSample], changes: list[WorkerChange]
) -> None:
    assert find_changes(samples, "books", (START, START + 50)) == changes


@pytest.mark.parametrize("name", ["smoke", "read_heavy"])
def test_a_worker_that_started_or_ended_fails_any_scenario_even_when_nothing_else_can_be_judged(
    tmp_path: Path, name: str
) -> None:
    plan = make_plan(name=name)
    write_good_run(tmp_path, plan, idle=0.5)
    write_server(tmp_path, plan, Services())
    path = tmp_path / f"{name}_server.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.replace('"4001"', '"4901"') if n > 60 else line for n, line in enumerate(lines)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert "books 4001 ended (at " in scenario.reasons[0] and "books 4901 started (at " in scenario.reasons[0]
