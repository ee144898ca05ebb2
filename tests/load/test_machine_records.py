"""A stream of answers gives the same numbers whether one process records it, or two machines of two processes each."""

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analysis.records.counts import add_times, count_endpoints, count_seconds
from analysis.records.gaps import Gaps
from analysis.records.latencies import Latencies, read_latencies
from analysis.records.raw_files import read_failure_samples, read_ledger, read_machines, read_seconds
from analysis.records.results_folder import SecondRow, name_endpoint
from stack.ports import find_free_ports
from tests.support.drawn_answers import ANSWERS, Drawn, draw_answers
from tests.support.stacks import PROJECT

MACHINES = PROCESSES = 2
FILES = 5  # of a record
SHARES = 0.5, 0.9, 0.95, 0.99, 0.999
ALIKE = 0.005  # relative
SECRET = "the-secret-of-a-test"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of the record of one process, and of that of 2 x 2 whose records have come home."""
    alone, home = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("home")
    machines = [{"id": str(n), "name": f"load-{n}", "processes": PROCESSES, "build": {}} for n in range(MACHINES)]
    (home / "run.json").write_text(json.dumps({"machines": machines}))
    (port,) = find_free_ports(1)
    began = [start("alone", str(alone)), start("master", str(home), str(port))]
    for place in range(MACHINES * PROCESSES):
        machine = place // PROCESSES
        folder = home / f"machine{machine}"
        folder.mkdir(exist_ok=True)
        given = {"LOAD_NONCE": "drawn", "LOAD_SHARE": f"{machine} {MACHINES} 0", "LOAD_FOLDER": str(folder)}
        began.append(start("worker", str(folder), str(port), str(place), str(MACHINES * PROCESSES), **given))
    try:
        ends = [process.wait(60) for process in began]
    finally:
        for process in began:
            process.kill()
            process.wait()
    assert ends == [0] * len(began)
    return alone, home


def start(*words: str, **settings: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.support.recorded_stream", *words]
    return subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "LOAD_SECRET": SECRET, **settings})


def read_rows(folder: Path) -> list[SecondRow]:
    """All rows of all parts; there is no gap in them."""
    gaps = Gaps()
    rows = [row for part in read_seconds(folder, "soak", gaps).values() for row in part]
    assert not gaps
    return rows


def test_the_records_of_all_processes_have_come_home(folders: tuple[Path, Path]) -> None:
    events = read_machines(folders[1], "soak", Gaps())
    assert Counter((event.machine, event.event) for event in events if event.event == "whole") == {
        ("load-0", "whole"): PROCESSES,
        ("load-1", "whole"): PROCESSES,
    }
    records = [*folders[1].glob("machine*/record_*")]
    assert len(records) == MACHINES * PROCESSES * FILES
    for record in records:
        assert record.read_bytes() == (folders[1] / record.name.replace("record", "soak")).read_bytes()


def test_the_totals_are_those_of_one_process_and_of_the_stream(folders: tuple[Path, Path]) -> None:
    alone, home = map(read_rows, folders)
    assert count_endpoints(home) == count_endpoints(alone) and count_seconds(home) == count_seconds(alone)
    assert add_times(home) == pytest.approx(add_times(alone), rel=1e-4)
    stream = draw_answers()
    counted = {endpoint: counts.__dict__ for endpoint, counts in count_endpoints(home).items()}
    drawn = Counter((name_endpoint(a.method, a.name), a.failure or "right") for a in stream)
    assert {(e, kind): n for e, kinds in counted.items() for kind, n in kinds.items() if n} == drawn
    assert sum(counts.requests for counts in count_seconds(home).values()) == ANSWERS


def test_the_percentiles_are_those_of_one_process_and_of_the_stream(folders: tuple[Path, Path]) -> None:
    alone, home = (read_latencies(folder, "soak", Gaps()) for folder in folders)
    right = [answer for answer in draw_answers() if not answer.failure]
    assert home.answers == alone.answers == len(right)
    for endpoint in (*home.names, None):
        found = [find_percentiles(latencies, endpoint) for latencies in (home, alone)]
        assert found[0] == pytest.approx(found[1], rel=ALIKE), endpoint
        assert found[0] == pytest.approx(sort_out(right, endpoint), rel=ALIKE), endpoint


def find_percentiles(latencies: Latencies, endpoint: str | None) -> list[float | None]:
    chosen = latencies.of([endpoint]) if endpoint else latencies
    return [chosen.percentile(share) for share in SHARES]


def sort_out(right: list[Drawn], endpoint: str | None) -> list[float]:
    """The percentiles of an endpoint, or of all, by sorting the stream."""
    times = sorted(answer.ms for answer in right if endpoint in (None, name_endpoint(answer.method, answer.name)))
    return [times[math.ceil(share * len(times)) - 1] for share in SHARES]


def test_the_ledgers_and_samples_are_those_of_one_process(folders: tuple[Path, Path]) -> None:
    writes = [Counter(map(describe_write, read_ledger(folder, "soak", Gaps()))) for folder in folders]
    assert writes[0] == writes[1]
    assert writes[0].total() == sum(a.method != "GET" and a.name != "/login" for a in draw_answers())
    kinds = [
        {(each.method, each.name, each.text) for each in read_failure_samples(folder, "soak", Gaps())}
        for folder in folders
    ]
    assert kinds[0] == kinds[1] and len(kinds[0]) > 10


def describe_write(write: Any) -> tuple[Any, ...]:
    """What a write and its outcome say, but for number and time."""
    sent, outcome = write
    return sent.isbn, sent.method, sent.key, sent.digest, outcome.outcome, outcome.status, outcome.version
