"""Runs a load that records, as the runner does, and reads what it left."""

import csv
import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_ledger, read_seconds
from analysis.records.results_folder import Outcome, SecondRow, Sent, split_endpoint
from tests.support.scripts import choose_environment, locust_command, run_locust, run_script
from tests.support.stacks import Stack

# Loaded beside a locustfile: writes the raw time of every request, to hold the record against.
RAW_TIMES = """
import json
from locust import events

file = open("raw.jsonl", "w")

@events.request.add_listener
def note(request_type, name, response_time, exception, start_time, **_):
    print(json.dumps([request_type, name, response_time, str(exception or ""), start_time]), file=file, flush=True)
"""


class Request(NamedTuple):
    """One request as Locust told of it: its milliseconds, why it failed ("" if it did not), when it was sent."""

    method: str
    name: str
    ms: float
    failure: str
    start: float


def add_accounts(folder: Path, ready: Path) -> Path:
    """Put the accounts and sessions of a folder that has them into another, and return that."""
    for name in ("users.csv", "sessions.json"):
        (folder / name).symlink_to(ready / name)
    return folder


def write_run_file(folder: Path, stack: Stack) -> None:
    """Write as much of a run.json as the parts of a run need that read it."""
    services = {name: {"url": stack[f"{name.upper()}_URL"]} for name in ("auth", "books")}
    (folder / "run.json").write_text(json.dumps({"services": services, "target_is_this_machine": True}))


def record_load(folder: Path, stack: Stack, locustfile: str, *arguments: str) -> None:
    """Run a load to its end under the name "run"; AssertionError with its words when it failed."""
    write_run_file(folder, stack)
    ran = run_locust(locustfile, "--record", "run", *arguments, folder=folder, stack=stack)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def start_load(folder: Path, stack: Stack, locustfile: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a load that records under the name "run"; what it says goes to the file "said"."""
    write_run_file(folder, stack)
    shown = ("--headless", "--only-summary", "--stop-timeout", "10", "--csv", "run", "--record", "run")
    with open(folder / "said", "wb") as said:
        return subprocess.Popen(
            locust_command(locustfile, *shown, *arguments), cwd=folder, env=choose_environment(stack), stdout=said,
            stderr=said, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def remove_books(folder: Path, stack: Stack) -> None:
    """Remove the books that recorded loads have left on the stack."""
    ran = run_script("load/run/read_back.py", "run", ".", folder=folder, stack=stack)
    assert ran.returncode == 0, ran.stderr


def read_raw(folder: Path) -> list[Request]:
    """Return the raw requests that RAW_TIMES has written."""
    return [Request(*json.loads(line)) for line in (folder / "raw.jsonl").read_text().splitlines()]


def read_rows(folder: Path) -> list[SecondRow]:
    """Return the rows of the seconds of all processes; there must be no gap in them."""
    gaps = Gaps()
    rows = [row for part in read_seconds(folder, "run", gaps).values() for row in part]
    assert gaps == []
    return rows


def count_answers(rows: list[SecondRow]) -> Counter[tuple[str, str]]:
    """Return the requests of each method and name that the rows hold."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        requests = row.right + row.wrong + row.unanswered + row.shed
        if requests:
            counts[split_endpoint(row.endpoint)] += requests
    return counts


def read_totals(folder: Path) -> dict[tuple[str, str], int]:
    """Return the requests of each method and name that Locust itself has counted."""
    with open(folder / "run_stats.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Name"] != "Aggregated"]
    return {(row["Type"], row["Name"]): int(row["Request Count"]) for row in rows}


def read_failures(folder: Path) -> Counter[tuple[str, str, str]]:
    """Return how often each request failed, and how."""
    with open(folder / "run_failures.csv", newline="", encoding="utf-8") as file:
        return Counter(
            {(row["Method"], row["Name"], row["Error"]): int(row["Occurrences"]) for row in csv.DictReader(file)}
        )


def assert_nothing_raised(folder: Path) -> None:
    """Assert that the load itself has raised nothing."""
    raised = (folder / "run_exceptions.csv").read_text()
    assert not raised.splitlines()[1:], raised


def read_writes(folder: Path) -> list[tuple[Sent, Outcome | None]]:
    """Return the ledger."""
    return read_ledger(folder, "run", Gaps())


def read_generator_rows(folder: Path, part: str = "") -> list[dict[str, Any]]:
    """Return the lines of a generator file, numbers as numbers and the lags as a list of them."""
    with open(folder / f"run{part}_generator.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {**{name: float(row[name]) for name in row if name != "lags_ms"}, "lags": [*map(float, row["lags_ms"].split())]}
        for row in rows
    ]


def wait_for_lines(path: Path, count: int, seconds: float = 30) -> None:
    """Wait until a file has so many lines."""
    end = time.monotonic() + seconds
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end, f"{path} has fewer than {count} lines"
        time.sleep(0.05)
