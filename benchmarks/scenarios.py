"""The experiment: the load scenarios read_heavy and write_heavy under both read models, and what they cost.

At a fixed load the requests per second say nothing; the processor time that each request takes does.
"""

import argparse
import csv
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.records.counts import are_requests
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_seconds
from benchmarks.origin import describe_origin
from benchmarks.quiet import DISTURBED, find_share, read_cpu, read_times
from benchmarks.stand import PROJECT, Stack, StandError, open_stack, run_script
from benchmarks.table import Table

MODELS = ("redis", "sql")
NAMES = ("read_heavy", "write_heavy")
WORKERS = {"AUTH_WORKERS": "2", "BOOKS_WORKERS": "2"}
PIDS = {"books": "BOOKS_PID", "mariadb": "DB_PID", "redis": "REDIS_PID"}
RUN_S = 900
NOTICED = 0.10  # a smaller difference says nothing after one run of each
TIMES = ["p50 ms", "p95 ms", "p99 ms"]
COSTS = ["CPU books", "MariaDB", "Redis", "together"]
COLUMNS = ["scenario", "read model", "requests/s", *TIMES, "errors", *COSTS]
NOTE = (
    "CPU is milliseconds of processor time per request of the scenario, log-ins and refreshes among the requests: of"
    " the books workers and their master, of MariaDB and of Redis. The load is that of `./run_all_tests.sh --quick`."
)

Sample = tuple[float, dict[str, float]]  # time, and processor seconds so far by name


def compare_scenarios(_options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Run the two scenarios on one stack after the other; return the table and whether each run was valid."""
    rows: list[dict[str, Any]] = []
    for model in MODELS:
        print(f"bringing up a stack with READ_MODEL={model} ...", flush=True)
        with open_stack(folder / model, READ_MODEL=model, **WORKERS) as stack:
            rows += [{"model": model, **row} for row in run_scenarios(stack, folder / f"{model}-results")]
            origin = describe_origin(stack)
    rows.sort(key=lambda row: NAMES.index(row["name"]))
    caption = "\n\n".join([origin, NOTE, *conclude(rows)])
    table = Table("Scenarios under both read models", caption, COLUMNS, [write_row(row) for row in rows])
    return [table], all(row["verdict"] in ("PASS", "FAIL") for row in rows)


def run_scenarios(stack: Stack, results: Path) -> list[dict[str, Any]]:
    """Run the scenarios against a stack; return what summary.json says of each and its processor times."""
    environment = {**os.environ, **{name: stack.values[name] for name in ("AUTH_URL", "BOOKS_URL", "METRICS_TOKEN")}}
    command = [str(PROJECT / "run_all_tests.sh"), "--quick", "--only", ",".join(NAMES), "--out", str(results)]
    lasting = ("DB_PID", "REDIS_PID", "AUTH_PID", "BOOKS_PID")
    before = read_times([stack], lasting)
    with sampling(stack) as samples:
        code = run_script(command, RUN_S, cwd=PROJECT, env=environment)
    after = read_times([stack], lasting)
    share = find_share(before, after, after[0] - before[0])
    if code not in (0, 1, 2):
        raise StandError(f"run_all_tests.sh ended with {code}")
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    with (results / "scenarios.csv").open(encoding="utf-8") as file:
        ends = {row["scenario"]: float(row["ended"]) for row in csv.DictReader(file)}
    times = {name: (read_begin(results, name), end) for name, end in ends.items()}
    return [{**each, "cpu": spend(samples, *times[each["name"]]), "others": share} for each in summary["scenarios"]]


def read_begin(results: Path, name: str) -> float:
    """Return the first second of a load: what its preparation asked for is none of its requests."""
    rows = [row for part in read_seconds(results, name, Gaps()).values() for row in part]
    return float(min(row.second for row in rows if are_requests(row)))


@contextmanager
def sampling(stack: Stack) -> Iterator[list[Sample]]:
    """Note the processor seconds of the stack's processes twice a second while a block runs."""
    samples: list[Sample] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.5):
            samples.append((time.time(), {name: read_cpu(int(stack.values[pid])) for name, pid in PIDS.items()}))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def spend(samples: list[Sample], started: float, ended: float) -> dict[str, float]:
    """Return the processor seconds between two times."""
    first = [cpu for at, cpu in samples if at <= started][-1]
    last = next((cpu for at, cpu in samples if at >= ended), samples[-1][1])
    return {name: last[name] - first[name] for name in PIDS}


def cost(row: dict[str, Any]) -> dict[str, float]:
    """Return milliseconds of processor time per request."""
    return {name: 1000 * seconds / max(1, row["achieved"]["requests"]) for name, seconds in row["cpu"].items()}


def write_row(row: dict[str, Any]) -> list[str]:
    """Return the row of one scenario under one read model."""
    achieved, each = row["achieved"], cost(row)
    times = [f"{achieved[f'{name}_ms'] or 0:.0f}" for name in ("p50", "p95", "p99")]
    costs = [f"{milliseconds:.2f}" for milliseconds in (*each.values(), sum(each.values()))]
    name = row["name"] + ("" if row["verdict"] == "PASS" else f" ({row['verdict']})")
    return [name, row["model"], f"{achieved['rps']:.1f}", *times, str(achieved["errors"]), *costs]


def conclude(rows: list[dict[str, Any]]) -> list[str]:
    """Say for each scenario whether the read model pays, where one quiet run of each can tell, and why one failed."""
    lines = [f"{row['name']}, {row['model']}: {reason}" for row in rows for reason in row["reasons"]]
    for name in NAMES:
        redis, sql = (next(row for row in rows if (row["name"], row["model"]) == (name, model)) for model in MODELS)
        ratio = sum(cost(redis).values()) / sum(cost(sql).values())
        lines.append(
            f"{name}: a request takes {ratio:.2f} times the processor time with the read model that it takes from"
            f" SQL: {judge(ratio, max(redis['others'], sql['others']))}."
        )
    return lines


def judge(ratio: float, others: float) -> str:
    """Say what a ratio of processor times shows."""
    if others >= DISTURBED:
        return f"not judged, other programs took {others:.0%} of a core meanwhile"
    if abs(ratio - 1) < NOTICED:
        return "no difference that one run of each can show"
    return "it pays" if ratio < 1 else "it costs"
