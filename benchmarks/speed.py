"""The speed of one worker: each case against its base, in rounds; the worker on one core, all else on the others."""

import argparse
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import psutil
import redis
from mysql.connector import Error as DatabaseError

from benchmarks.cases import Case, choose_cases
from benchmarks.large import fill
from benchmarks.measures import Bench
from benchmarks.origin import describe_origin
from benchmarks.peers.packages import install_packages
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import Round, make_rates, make_ratios
from benchmarks.stand import Stack, StandError, end_services, open_stack
from benchmarks.table import Table
from benchmarks.wrk import CLIENTS, Result, ensure_wrk

FAILURES = (StandError, OSError, subprocess.SubprocessError, DatabaseError, psutil.Error, redis.RedisError)


def measure_speed(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure all chosen cases; return the tables and whether each measurement is valid."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StandError("two cores or more are needed: one for the worker, the others for load and stores")
    ensure_wrk()
    os.sched_setaffinity(0, cores[1:])  # and so is everything that is started from here, but for the worker
    cases = choose_cases(options.only)
    if any(case.key.startswith("peer/") for case in cases):
        install_packages(folder)  # not while others are watched
    with ExitStack() as opened:
        stacks = open_stacks(opened, {case.stack for case in cases} | {"small"}, folder)
        bench = Bench(stacks, options.seconds, cores[0], folder)
        rounds = [run_round(number, options.rounds, cases, bench) for number in range(1, options.rounds + 1)]
        origin = describe_speed(stacks["small"], cores[0])
    valid = not any(result.fault for each in rounds for result in each.values())
    return [make_ratios(rounds, origin), make_rates(cases, rounds, origin)], valid


def open_stacks(opened: ExitStack, names: set[str], folder: Path) -> dict[str, Stack]:
    """Bring up one stack for each name, the large one filled, with no service running."""
    stacks = {}
    for name in sorted(names):
        print(f"bringing up the stack `{name}` ...", flush=True)
        stacks[name] = opened.enter_context(open_stack(folder / name, AUTH_WORKERS="1", BOOKS_WORKERS="1"))
        end_services(stacks[name])
        if name == "large":
            print("filling it up to 100,000 books ...", flush=True)
            fill(stacks[name])
    return stacks


def run_round(number: int, of: int, cases: list[Case], bench: Bench) -> Round:
    """Measure every case once, backwards in even rounds."""
    results: Round = {}
    for place, case in enumerate(cases if number % 2 else cases[::-1], start=1):
        before = read_times(bench.stacks.values())
        try:
            result = case.measure(bench)
        except FAILURES as problem:
            result = Result(0, str(problem).replace("\n", " "))
        after = read_times(bench.stacks.values())
        results[case.key] = result = mark_disturbed(result, before, after, bench.seconds * case.times)
        words = f"INVALID: {result.fault}" if result.fault else f"{result.per_second:,.1f} per second"
        words += f", {result.cost_us:,.0f} µs" if result.cost_us else ""
        words += f" ({result.note})" if result.note else ""
        print(f"round {number}/{of}, {place}/{len(cases)}: {case.title}: {words}", flush=True)
    return results


def describe_speed(stack: Stack, core: int) -> str:
    """Return where the rates were measured, with the load, and the sizes of what was asked for."""
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split(" [")[0]
    books = stack.ask("SELECT COUNT(*) / COUNT(DISTINCT author_id) FROM book_authors WHERE isbn LIKE '97899999%'")
    return (
        f"{describe_origin(stack)} The worker ran on core {core}, load and stores on the others; {CLIENTS} clients"
        f" ({wrk}). The bare route answers with {len(stack.book.encode())} bytes; the authors asked for have about"
        f" {books[0][0]:.0f} books each."
    )
