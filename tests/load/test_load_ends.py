"""A load of several processes against services that answer slowly: what came last is counted everywhere alike."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from analysis.records.counts import count_requests
from analysis.records.results_folder import DIGITS, HIGHEST_US, LOWEST_US
from tests.support.faulty_server import FaultyServer, run_faulty_server
from tests.support.read_models import LONG
from tests.support.records_of_load import (
    add_accounts,
    count_answers,
    read_generator_rows,
    read_rows,
    read_totals,
    remove_books,
    start_load,
    wait_for_lines,
)
from tests.support.scripts import run_on
from tests.support.stacks import Stack

SLOW_S = 2.5


@pytest.fixture
def slow(stack: Stack) -> Iterator[FaultyServer]:
    """A front of the books service that can be made slow."""
    with run_faulty_server(stack["BOOKS_URL"]) as server:
        yield server


@pytest.fixture
def folder(stack: Stack, slow: FaultyServer, ready: Path, tmp_path: Path) -> Iterator[Path]:
    """A new folder for results; the books are removed afterwards."""
    yield add_accounts(tmp_path, ready)
    slow.latency_s = 0
    remove_books(tmp_path, stack)


def count_latencies(folder: Path) -> int:
    """Return the answers in the histograms of both worker processes."""
    found = 0
    for part in ("_0", "_1"):
        log = HistogramLogReader(str(folder / f"run{part}.hlog"), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
        while one := log.get_next_interval_histogram():
            found += one.get_total_count()
        log.close()
    return found


@contextmanager
def slow_load(folder: Path, stack: Stack, slow: FaultyServer, *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a load of two processes, and make the service slow once both have users."""
    behind, more = {**stack, "BOOKS_URL": slow.url}, [*run_on(2), "--exit-code-on-error", "0"]
    load = start_load(folder, behind, options[0], "-u", "20", "-r", "20", *options[1:], *more)
    try:
        for part in ("_0", "_1"):
            wait_for_lines(folder / f"run{part}_generator.csv", 3)
        slow.latency_s = SLOW_S
        yield load
    finally:
        load.terminate()
        load.wait(40)


IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")
ENDS = {
    "run-time": ("locustfile.py", "-t", "8s"),
    "SIGTERM": ("locustfile.py", "-t", "60s"),
    "shape": ("locustfile_stages.py", "--stages", "20:8:20"),
}


@pytest.mark.parametrize(
    "ended_by",
    ["run-time", *(pytest.param(name, marks=IN_FULL) for name in ENDS if name != "run-time")],
)
def test_the_last_slow_answers_are_in_all_records(
    folder: Path, stack: Stack, slow: FaultyServer, ended_by: str
) -> None:
    with slow_load(folder, stack, slow, *ENDS[ended_by]) as load:
        if ended_by == "SIGTERM":
            time.sleep(3.5)
            load.send_signal(signal.SIGTERM)
        assert load.wait(40) == 0, (folder / "said").read_text()
    rows = read_rows(folder)
    assert count_answers(rows) == read_totals(folder)
    counts = count_requests(rows)
    assert counts.requests == counts.right == count_latencies(folder) > 20
    stopped_at = json.loads((folder / "run_requests.json").read_text())["stopped_at"]
    last = max(row.second for row in rows if row.right)
    assert stopped_at < last, "no answer came late: nothing was tested"
    assert last < stopped_at + SLOW_S + 1


def test_a_killed_process_of_the_load_does_not_hold_its_end_up(folder: Path, stack: Stack, slow: FaultyServer) -> None:
    with slow_load(folder, stack, slow, "locustfile.py", "-t", "5s") as load:
        os.kill(int(read_generator_rows(folder, "_0")[0]["pid"]), signal.SIGKILL)
        killed = time.monotonic()
        load.wait(40)
    assert time.monotonic() - killed < 15
