"""What a rebuild does to reads beside it: the p99 of a closed load with pauses, with and without."""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

import redis

from backend.read_model.lookup import CATALOGUE
from benchmarks.asked import find_paths
from benchmarks.large import fill
from benchmarks.measures import Bench
from benchmarks.origin import describe_origin
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import OF_ROUNDS, Round
from benchmarks.service import Service
from benchmarks.services import LASTING
from benchmarks.services import WORKERS as SERVICES
from benchmarks.stand import PROJECT, Stack, await_read_model, open_stack
from benchmarks.table import Table, judge_most, show
from benchmarks.wrk import Load, Result, ensure_wrk

CLIENTS, PAUSE_MS = 32, 80  # 400 reads a second, if they are answered at once
MOST = 2.0  # times the p99 without
ENDED_SOONER = "the rebuild ended before the reads did"
BESIDE = {
    "nothing": "no rebuild",
    "command": "beside the command `rebuild`, a process of its own",
    "service": "beside a rebuild in a thread of a worker: the read model was lost, reads come from MariaDB",
}
COLUMNS = ["reads", "reads/s", "p50 ms", "p99 ms", "p99 over that without", "bar", "verdict"]


def measure_beside(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure in rounds on a stack of 100,000 books; return the table and whether each measurement is valid."""
    ensure_wrk()
    print("bringing up a stack of 100,000 books ...", flush=True)
    with open_stack(folder / "stack", **SERVICES) as stack:
        fill(stack)
        bench = Bench({"large": stack}, options.seconds, None, folder)
        rounds = [run_round(number, options.rounds, bench, stack) for number in range(1, options.rounds + 1)]
        origin = describe_origin(stack)
    load = f"{CLIENTS} clients read one book, each {PAUSE_MS} ms after its last answer on average; 100,000 books."
    table = Table("Reads beside a rebuild", f"{origin} {load}\n\n{OF_ROUNDS}", COLUMNS, write_rows(rounds))
    return [table], not any(result.fault for each in rounds for result in each.values())


def run_round(number: int, of: int, bench: Bench, stack: Stack) -> Round:
    """Measure each once, the rebuild of the services last: the read model is whole again before the next round."""
    results: Round = {}
    for kind, words in BESIDE.items():
        before = read_times([stack], LASTING)
        result = measure(kind, bench, stack)
        after = read_times([stack], LASTING)
        results[kind] = result = mark_disturbed(result, before, after, round(after[0] - before[0]))
        print(f"round {number}/{of}: {words}: p99 {result.p99_ms:.1f} ms {result.fault or result.note}", flush=True)
    return results


def measure(kind: str, bench: Bench, stack: Stack) -> Result:
    """Measure reads with what is to be beside them, and wait for its end."""
    url = stack.values["BOOKS_URL"]
    service = Service(url, int(stack.values["BOOKS_PID"]))
    load = Load(find_paths("book", stack, url), stack.token, clients=CLIENTS, pause_ms=PAUSE_MS)
    if kind == "command":
        words = [sys.executable, "-m", "backend.read_model", "rebuild"]
        with subprocess.Popen(words, cwd=PROJECT, env=stack.settings(), stdout=subprocess.DEVNULL) as rebuild:
            result = bench.load(service, stack, load)
            return result if rebuild.poll() is None else Result(0, ENDED_SOONER)
    store = redis.Redis.from_url(stack.values["REDIS_URL"])
    if kind == "service":
        store.delete(CATALOGUE)
    result = bench.load(service, stack, load)
    is_over = kind == "service" and store.hexists(CATALOGUE, "layout")
    await_read_model(url, stack.token)
    return Result(0, ENDED_SOONER) if is_over else result


def write_rows(rounds: list[Round]) -> list[list[str]]:
    """Return a row for each; only the command has a bar."""
    rows = []
    for kind, words in BESIDE.items():
        results = [each[kind] for each in rounds]
        if fault := next((each.fault for each in results if each.fault), ""):
            rows.append([words, "", "", "", "", "", f"**INVALID** {fault}"])
            continue
        figures = [("per_second", ",.0f"), ("p50_ms", ".1f"), ("p99_ms", ".1f")]
        ratios = [each[kind].p99_ms / each["nothing"].p99_ms for each in rounds if each["nothing"].p99_ms]
        judged = ["", "", ""] if kind == "nothing" else [show(ratios, ".2f"), "", ""]
        if kind == "command":
            is_disturbed = any(each[name].disturbed for each in rounds for name in (kind, "nothing"))
            verdict = "**not judged**: disturbed" if is_disturbed else judge_most(median(ratios), MOST)
            judged[1:] = [f"≤ {MOST:.1f}", verdict]
        rows.append(
            [words, *(show([getattr(each, name) for each in results], form) for name, form in figures), *judged]
        )
    return rows
