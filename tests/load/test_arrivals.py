"""An open load: actions begin at the times of a Poisson process, and latency counts from when they were due."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from scipy.stats import chi2

from analysis.records.gaps import Gaps
from analysis.records.latencies import read_latencies
from analysis.records.raw_files import read_seconds
from analysis.records.results_folder import ARRIVED, DROPPED
from tests.support.outages import freeze
from tests.support.read_models import LONG
from tests.support.records_of_load import add_accounts, start_load, wait_for_lines
from tests.support.runs import Runner, copy_project, end_of, is_loaded, read_summary, wait_for
from tests.support.stacks import PROJECT, Stack

RATE, SECONDS, RAMP_S = 40, 25, 2
FROZEN_S, WITH_FREEZE_S = 3.0, 25 if LONG else 15
OPEN = {
    "arrivals": str(RATE),
    "run-time": f"{SECONDS}s",
    "limit-pool-ramp-seconds": str(RAMP_S),
    "limit-late-p99-ms": "1000",
    "objective-writes-p95-ms": "9000",
}
SIGMAS = 4.0  # of chance
FALSE_ALARMS = 1e-5  # on either side
RESTLESS = f"""
import sys

from locust import constant

sys.path.insert(0, {str(PROJECT)!r})

from load.run.hooks import install_hooks
from load.users.reads import one_book
from load.users.user import LibraryUser


class Restless(LibraryUser):
    tasks = [one_book]
    think_time = constant(0)


install_hooks()
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """A copy of the project."""
    made = copy_project(tmp_path_factory.mktemp("arrivals") / "project", stack)
    yield made
    assert made.processes() == []


def read_arrivals(out: Path) -> dict[str, Counter[int]]:
    """Return the arrivals of each second, and the dropped ones, of all processes."""
    found: dict[str, Counter[int]] = {ARRIVED: Counter(), DROPPED: Counter()}
    for rows in read_seconds(out, "arrivals", Gaps()).values():
        for row in rows:
            if row.endpoint in found:
                found[row.endpoint][row.second] += round(row.busy_s)
    return found


@pytest.mark.alone  # beside other tests a process may begin too late
@pytest.mark.parametrize("processes", ["1", "2"] if LONG else ["2"])
def test_arrivals_are_poisson_and_as_many_as_planned(runner: Runner, tmp_path: Path, processes: str) -> None:
    out = tmp_path / "results"
    runner.plan("arrivals", **OPEN)
    code, said = runner.run("--only", "arrivals", "--out", str(out), *runner.urls, "--processes", processes)
    (scenario,) = read_summary(out)["scenarios"]
    assert (code, scenario["verdict"]) == (0, "PASS"), said
    assert (scenario["planned"]["users"], scenario["planned"]["arrivals_per_second"]) == (None, RATE)
    found = read_arrivals(out)
    assert not found[DROPPED].total()
    seconds = sorted(found[ARRIVED])[2:-2]  # whole ones
    counts = [found[ARRIVED][second] for second in range(seconds[0], seconds[-1] + 1)]
    mean = sum(counts) / len(counts)
    assert mean == pytest.approx(RATE, abs=SIGMAS * math.sqrt(RATE / len(counts)))
    # Of a Poisson process the squares sum to a chi-squared; arrivals at even distances would be far below it.
    squares = sum((count - mean) ** 2 for count in counts) / mean
    assert chi2.ppf(FALSE_ALARMS, len(counts) - 1) < squares < chi2.ppf(1 - FALSE_ALARMS, len(counts) - 1)


def stand_still(stack: Stack) -> None:
    """Freeze the books service for a while."""
    with ExitStack() as frozen:
        for worker in psutil.Process(int(stack["BOOKS_PID"])).children():
            frozen.enter_context(freeze(str(worker.pid)))
        time.sleep(FROZEN_S)


def test_services_that_stand_still_show_in_the_latency_from_when_actions_were_due(
    runner: Runner, tmp_path: Path, stack: Stack
) -> None:
    out = tmp_path / "results"
    runner.plan("arrivals", **{**OPEN, "run-time": f"{WITH_FREEZE_S}s"})
    run = runner.start("--only", "arrivals", "--out", str(out), *runner.urls)
    try:
        wait_for(lambda: is_loaded(out, "arrivals", 5 * RATE) or run.poll() is not None)
        time.sleep(4)
        stand_still(stack)
        _, said = end_of(run)
    finally:
        run.terminate()
        end_of(run, 60)
    (scenario,) = read_summary(out)["scenarios"]
    # Of all actions, at least 3 in 25 were due while the service stood still, evenly over that time.
    assert scenario["achieved"]["p99_ms"] >= 1500, said
    assert not read_arrivals(out)[DROPPED].total()
    table: dict[str, Any] = next(one for one in scenario["tables"] if one["title"] == "Raw and corrected latencies")
    assert table["rows"][-1][0] == "all"


@pytest.mark.skipif(not LONG, reason="long form only")
def test_closed_users_beside_an_open_load_hide_that_services_stood_still(
    runner: Runner, tmp_path: Path, stack: Stack, ready: Path
) -> None:
    out, closed = tmp_path / "results", tmp_path / "closed"
    closed.mkdir()
    (add_accounts(closed, ready) / "restless.py").write_text(RESTLESS)
    runner.plan("arrivals", **{**OPEN, "arrivals": "100", "run-time": "62s"})
    run = runner.start("--only", "arrivals", "--out", str(out), *runner.urls)
    try:
        wait_for(lambda: is_loaded(out, "arrivals", 500) or run.poll() is not None)
        beside = start_load(closed, stack, str(closed / "restless.py"), "-u", "10", "-r", "10", "-t", "40s")
        try:
            wait_for_lines(closed / "run_generator.csv", 10)
            stand_still(stack)
            assert beside.wait(90) == 0, (closed / "said").read_text()
        finally:
            beside.kill()
            beside.wait()
        _, said = end_of(run)
    finally:
        run.terminate()
        end_of(run, 60)
    (scenario,) = read_summary(out)["scenarios"]
    assert scenario["achieved"]["p99_ms"] >= 1500, said
    answers = read_latencies(closed, "run", Gaps())
    p99, longest = answers.percentile(0.99), answers.percentile(1)
    assert longest and longest >= 900 * FROZEN_S  # each user met the standstill, once
    assert p99 and p99 < scenario["achieved"]["p99_ms"] / 10  # a few ms on a quiet machine


def test_an_arrival_that_finds_nobody_in_the_pool_makes_the_run_invalid(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "results"
    runner.plan("arrivals", **{**OPEN, "run-time": "10s", "limit-pool-seconds": "0.01"})
    code, said = runner.run("--only", "arrivals", "--out", str(out), *runner.urls)
    (scenario,) = read_summary(out)["scenarios"]
    assert (code, scenario["verdict"]) == (2, "INVALID"), said
    assert "were dropped, because all users of the pool were busy" in "; ".join(scenario["reasons"])
