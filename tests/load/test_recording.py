"""What a load records of itself, held against what Locust counted and against the raw time of every request."""

import hashlib
import json
import math
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from analysis.records.counts import are_requests
from analysis.records.results_folder import DIGITS, HIGHEST_US, LOWEST_US, NUMBERS, name_endpoint
from tests.support.records_of_load import (
    RAW_TIMES,
    add_accounts,
    count_answers,
    read_generator_rows,
    read_raw,
    read_rows,
    read_totals,
    read_writes,
    record_load,
    remove_books,
    start_load,
    wait_for_lines,
    write_run_file,
)
from tests.support.scripts import run_locust, run_on
from tests.support.stacks import Stack

USERS = 40


@pytest.fixture
def folder(stack: Stack, ready: Path, tmp_path: Path) -> Iterator[Path]:
    """A new folder for results, with the accounts and sessions of `ready`; the books are removed afterwards."""
    yield add_accounts(tmp_path, ready)
    remove_books(tmp_path, stack)


@pytest.fixture(scope="module")
def recorded(stack: Stack, ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a load of reads and writes that one process has made and recorded, raw times beside it."""
    folder = add_accounts(tmp_path_factory.mktemp("recorded"), ready)
    (folder / "raw.py").write_text(RAW_TIMES)
    files = f"locustfile_write_heavy.py,{folder / 'raw.py'}"
    record_load(folder, stack, files, "-u", str(USERS), "-r", "40", "-t", "8s")
    yield folder
    remove_books(folder, stack)


def read_histograms(path: Path) -> dict[str, HdrHistogram]:
    """Return the sum of the histograms of each tag, as the library itself reads them."""
    whole: dict[str, HdrHistogram] = defaultdict(lambda: HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    log = HistogramLogReader(str(path), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    while one := log.get_next_interval_histogram():
        whole[one.get_tag()].add(one)
    log.close()
    return whole


def nearest_rank(values: list[float], share: float) -> float:
    """Return a percentile by sorting."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def test_the_percentiles_of_every_endpoint_agree_with_sorting_the_raw_times_to_one_percent(recorded: Path) -> None:
    raw: dict[str, list[float]] = defaultdict(list)
    for request in read_raw(recorded):
        if not request.failure:
            raw[name_endpoint(request.method, request.name)].append(request.ms)
    histograms = read_histograms(recorded / "run.hlog")
    assert {tag: histogram.get_total_count() for tag, histogram in histograms.items()} == {
        tag: len(times) for tag, times in raw.items()
    }
    for tag, times in raw.items():
        for percent in (50, 95, 99):
            found = histograms[tag].get_value_at_percentile(percent) / 1000
            # Of ranks between two answers the library takes the nearer one, sorting the next one up.
            near = [nearest_rank(times, percent / 100), nearest_rank(times, percent / 100 - 0.5 / len(times))]
            assert any(found == pytest.approx(each, rel=0.01) for each in near), (tag, percent, times)


def test_every_request_is_counted_in_the_second_in_which_it_ended(recorded: Path) -> None:
    raw = Counter(
        (int(request.start + request.ms / 1000), name_endpoint(request.method, request.name))
        for request in read_raw(recorded)
    )
    rows: Counter[tuple[int, str]] = Counter()
    for row in read_rows(recorded):
        if ended := row.right + row.wrong + row.unanswered + row.shed:
            rows[row.second, row.endpoint] += ended
    assert rows == raw


def test_the_time_of_every_request_is_busy_time(recorded: Path) -> None:
    busy = sum(row.busy_s for row in read_rows(recorded) if are_requests(row))
    assert busy == pytest.approx(sum(request.ms for request in read_raw(recorded)) / 1000, rel=0.001)


def test_in_every_second_the_users_are_busy_or_think(recorded: Path) -> None:
    rows = [row for row in read_rows(recorded) if row.endpoint not in NUMBERS]
    seconds = sorted({row.second for row in rows})
    for second in seconds[2:-2]:
        spent = sum(row.busy_s for row in rows if row.second == second)
        assert spent == pytest.approx(USERS, rel=0.1), second
    assert sum(row.busy_s for row in rows if row.second > seconds[-2]) < USERS  # of the think times nothing is left


def test_the_ledger_has_every_write_and_its_outcome(recorded: Path) -> None:
    writes = read_writes(recorded)
    counted = {key: count for key, count in read_totals(recorded).items() if key[0] in ("POST", "PATCH", "DELETE")}
    books = {key: count for key, count in counted.items() if key[1].startswith("/api/")}
    assert Counter(sent.method for sent, _ in writes) == Counter({key[0]: count for key, count in books.items()})
    for sent, outcome in writes:
        assert outcome and outcome.at >= sent.at
        assert (outcome.outcome, outcome.status) == (
            "acknowledged",
            {"POST": 201, "PATCH": 200, "DELETE": 204}[sent.method],
        )
        assert (outcome.version is None) == (sent.method == "DELETE")
        body = json.dumps(sent.fields).encode()
        assert sent.digest == (hashlib.sha256(body).hexdigest() if sent.fields else None)
        assert (sent.key is not None) == (sent.method == "POST")
        assert (sent.if_match is None) == (sent.method == "POST")


def test_a_load_of_several_processes_is_recorded_by_each_and_whole(stack: Stack, folder: Path) -> None:
    record_load(folder, stack, "locustfile_write_heavy.py", "-u", "30", "-r", "30", "-t", "5s", *run_on(2))
    assert count_answers(read_rows(folder)) == read_totals(folder)
    parts = [read_generator_rows(folder, part) for part in ("_0", "_1", "_master")]
    assert len({rows[0]["pid"] for rows in parts}) == 3
    assert [max(row["users"] for row in rows) for rows in parts] == [15, 15, 0]
    for part in ("_0", "_1"):
        assert sum(h.get_total_count() for h in read_histograms(folder / f"run{part}.hlog").values()) > 0
    assert len(read_writes(folder)) == sum(
        count for (method, name), count in read_totals(folder).items() if name.startswith("/api/") and method != "GET"
    )


@pytest.mark.alone
def test_a_generator_that_is_frozen_shows_it(stack: Stack, folder: Path) -> None:
    load = start_load(folder, stack, "locustfile.py", "-u", "10", "-r", "10", "-t", "8s")
    try:
        wait_for_lines(folder / "run_generator.csv", 3)
        load.send_signal(signal.SIGSTOP)
        time.sleep(3)
        load.send_signal(signal.SIGCONT)
        assert load.wait(40) == 0
    finally:
        load.kill()
    lags = [lag for row in read_generator_rows(folder) for lag in row["lags"]]
    assert max(lags) == pytest.approx(3000, abs=500)


@pytest.mark.alone
def test_a_kill_loses_at_most_a_second_and_no_write(stack: Stack, folder: Path) -> None:
    load = start_load(folder, stack, "locustfile_write_heavy.py", "-u", "40", "-r", "40", "-t", "60s")
    wait_for_lines(folder / "run_generator.csv", 5)
    load.kill()
    killed = time.time()
    load.wait(10)
    late = 1.0 if os.environ.get("LONG_CHECKS") == "1" else 2.0  # of this machine, between a second and its line
    rows, writes = read_rows(folder), read_writes(folder)
    assert max(row.second for row in rows) + 1 >= int(killed) - late
    assert read_generator_rows(folder)[-1]["at"] >= killed - 1 - late
    answers = sum(h.get_total_count() for h in read_histograms(folder / "run.hlog").values())
    assert 20 < answers <= sum(row.right for row in rows)  # the kill may have come between the two files
    unknown = [sent for sent, outcome in writes if outcome is None]
    assert len(writes) > 20 and all(sent.at >= killed - 1 - late for sent in unknown)


def test_nothing_is_recorded_under_a_name_that_another_load_has_used(stack: Stack, folder: Path) -> None:
    write_run_file(folder, stack)
    (folder / "run_seconds.csv").write_text("of another load\n")
    ran = run_locust("locustfile.py", "-u", "2", "-t", "20s", "--record", "run", folder=folder, stack=stack)
    assert ran.returncode == 64, ran.stdout + ran.stderr
    assert "nothing can be recorded as run: File exists; give another name" in ran.stderr
    assert (folder / "run_seconds.csv").read_text() == "of another load\n"
