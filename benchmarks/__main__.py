"""Measures the services, the scenarios or the record of a load and prints a table: `python -m benchmarks [WHAT]`."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from mysql.connector import Error as DatabaseError

from benchmarks.cases import Case, choose_cases, list_names
from benchmarks.large import fill
from benchmarks.measures import Bench
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.recording import measure_recording
from benchmarks.scenarios import compare_scenarios
from benchmarks.stand import Stack, StandError, end_services, open_stack
from benchmarks.table import Round, describe, write_notes, write_rates, write_ratios
from benchmarks.wrk import Result, ensure_wrk
from load.client.script import Arguments, count_of

BROKEN, INTERRUPTED = 3, 130
FAILURES = (StandError, OSError, subprocess.SubprocessError, DatabaseError)
EXITS = """exit codes:
  0    measured, whether or not the bars are met
  1    at least one measurement is invalid
  3    it could not be measured
  64   a wrong option
  130  interrupted; everything that was started is down again

Needs two cores or more, Debian or Ubuntu. Takes about ten minutes, `scenarios` about six, `recording` three."""


def read_options() -> argparse.Namespace:
    """Read the options."""
    parser = Arguments("python -m benchmarks", description=__doc__, epilog=EXITS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="?", choices=tuple(MEASURES), default="speed")
    parser.add_argument("--rounds", type=count_of, default=3, help="how often each case is measured (3)")
    parser.add_argument("--seconds", type=count_of, default=4, help="length of a measurement (4)")
    parser.add_argument("--only", default="", metavar="NAME[,NAME]", help=f"some of: {' '.join(list_names())}")
    parser.add_argument("--out", type=Path, help="a file to write the table to, in Markdown")
    options = parser.parse_args()
    options.only = [name for name in options.only.split(",") if name]
    if unknown := set(options.only) - set(list_names()):
        parser.error(f"--only {','.join(sorted(unknown))}: there are {' '.join(list_names())}")
    return options


def measure_speed(options: argparse.Namespace, folder: Path) -> tuple[str, bool]:
    """Measure all chosen cases; return the tables and whether each measurement is valid."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StandError("two cores or more are needed: one for the worker, the others for load and stores")
    ensure_wrk()
    os.sched_setaffinity(0, cores[1:])  # and so is everything that is started from here, but for the worker
    cases = choose_cases(options.only)
    with ExitStack() as opened:
        stacks = open_stacks(opened, {case.stack for case in cases} | {"small"}, folder)
        bench = Bench(stacks, options.seconds, cores[0], folder)
        rounds = [run_round(number, options.rounds, cases, bench) for number in range(1, options.rounds + 1)]
        small = stacks["small"]
        parts = ["\n".join(describe(small, cores[0])), write_notes(small)]
    parts += ["\n".join(write_ratios(rounds)), "\n".join(write_rates(cases, rounds))]
    return "\n\n".join(parts), not any(result.fault for each in rounds for result in each.values())


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
        words += f" ({result.note})" if result.note else ""
        print(f"round {number}/{of}, {place}/{len(cases)}: {case.title}: {words}", flush=True)
    return results


MEASURES: dict[str, Callable[[argparse.Namespace, Path], tuple[str, bool]]] = {
    "speed": measure_speed,
    "scenarios": compare_scenarios,
    "recording": measure_recording,
}


def end(signal_number: int, _frame: object) -> None:
    """End as Ctrl-C does: everything is taken down on the way out."""
    raise KeyboardInterrupt


def main() -> int:
    """Measure, print the table, and return the exit code."""
    options = read_options()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, end)
    try:
        with tempfile.TemporaryDirectory(prefix="libros-benchmark-") as folder:
            table, valid = MEASURES[options.what](options, Path(folder))
        print(f"\n{table}")
        if options.out:
            options.out.write_text(f"{table}\n", encoding="utf-8")
    except FAILURES as problem:
        print(f"python -m benchmarks: {problem}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("python -m benchmarks: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
