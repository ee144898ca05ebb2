"""What the size of the catalogue costs: the processor time of reads, and time and memory of rebuild and verify."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.asked import find_paths
from benchmarks.commands import COMMAND_COLUMNS, run_command, write_run
from benchmarks.large import fill
from benchmarks.measures import Bench
from benchmarks.origin import describe_origin
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import OF_ROUNDS, Round
from benchmarks.service import BOOKS, serve
from benchmarks.stand import Stack, StandError, await_read_model, end_services, open_stack
from benchmarks.table import Table, judge_most, show
from benchmarks.wrk import Load, Result, ensure_wrk

BOOKS_OF_INIT = 5_000
SIZES = {"5,000": 1, "100,000": 20, "1,000,000": 200}  # times the books of init.sql
READS = {"book": "one book", "list": "list of 50", "author": "list of 50 by author"}
MOST_MORE_US = {"100,000": 30, "1,000,000": 60}  # than with 5,000
READ_COLUMNS = ["read, books", "µs of the worker", "µs of Redis", "µs more than with 5,000", "bar", "verdict"]


def measure_sizes(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure reads in rounds, then each command once; return the tables and whether all is valid."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StandError("two cores or more are needed: one for the worker, the others for load and stores")
    ensure_wrk()
    os.sched_setaffinity(0, cores[1:])  # and so is everything that is started from here, but for the worker
    with ExitStack() as opened:
        stacks = {size: opened.enter_context(open_size(size, times, folder)) for size, times in SIZES.items()}
        bench = Bench(stacks, options.seconds, cores[0], folder)
        rounds = [run_round(number, options.rounds, bench) for number in range(1, options.rounds + 1)]
        runs = {
            (command, size): run_command(command, stack, cores[0])
            for size, stack in stacks.items()
            for command in ("rebuild", "verify")
        }
        origin = describe_origin(stacks["5,000"])
    where = f"{origin} The worker, or the command, ran on core {cores[0]}, load and stores on the others."
    reads = [write_read(read, size, rounds) for read in READS for size in SIZES]
    commands = [write_run(command, size, BOOKS_OF_INIT * SIZES[size], run) for (command, size), run in runs.items()]
    tables = [
        Table("Sizes of the catalogue", f"{where}\n\n{OF_ROUNDS} µs are those of one request.", READ_COLUMNS, reads),
        Table("Rebuild and verify", f"{where} Each ran once.", COMMAND_COLUMNS, commands),
    ]
    return tables, not any(result.fault for each in rounds for result in each.values())


@contextmanager
def open_size(size: str, times: int, folder: Path) -> Iterator[Stack]:
    """Bring up a stack with so many times the books of init.sql, and with no service running."""
    print(f"bringing up a stack of {size} books ...", flush=True)
    with open_stack(folder / f"stack-{times}", AUTH_WORKERS="1", BOOKS_WORKERS="1") as stack:
        end_services(stack)
        if times > 1:
            fill(stack, times)
        yield stack


def run_round(number: int, of: int, bench: Bench) -> Round:
    """Measure the reads of each size, backwards in even rounds."""
    results: Round = {}
    for size in list(SIZES)[:: 1 if number % 2 else -1]:
        stack, before = bench.stacks[size], read_times(bench.stacks.values())
        with serve(BOOKS, stack.settings(), bench.folder, bench.core) as service:
            await_read_model(service.url, stack.token)
            loads = {read: Load(find_paths(read, stack, service.url), stack.token) for read in READS}
            measured = {read: bench.load(service, stack, load) for read, load in loads.items()}
        after = read_times(bench.stacks.values())
        for read, result in measured.items():
            results[f"{read}/{size}"] = marked = mark_disturbed(result, before, after, len(READS) * bench.seconds)
            words = f"{marked.cost_us:,.0f} + {marked.redis_us:,.0f} µs {marked.fault or marked.note}"
            print(f"round {number}/{of}: {READS[read]}, {size} books: {words}", flush=True)
    return results


def write_read(read: str, size: str, rounds: Sequence[Round]) -> list[str]:
    """Return the row of one read at one size."""
    results, few = [each[f"{read}/{size}"] for each in rounds], [each[f"{read}/5,000"] for each in rounds]
    title = f"{READS[read]}, {size}"
    if fault := next((each.fault for each in (*results, *few) if each.fault), ""):
        return [title, "", "", "", "", f"**INVALID** {fault}"]
    costs = [show([each.cost_us for each in results], ".0f"), show([each.redis_us for each in results], ".0f")]
    if size not in MOST_MORE_US:
        return [title, *costs, "", "", ""]
    more = [find_cost(each) - find_cost(base) for each, base in zip(results, few, strict=True)]
    verdict = judge_most(median(more), MOST_MORE_US[size])
    if any(each.disturbed for each in (*results, *few)):
        verdict = "**not judged**: disturbed"
    return [title, *costs, show(more, ".0f"), f"≤ {MOST_MORE_US[size]}", verdict]


def find_cost(result: Result) -> float:
    """Return what an answer took, worker and Redis together."""
    return result.cost_us + result.redis_us
