"""What an upgrade of Python brings: the same worker under each Python of this machine, one after the other."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.asked import find_paths
from benchmarks.measures import Bench
from benchmarks.origin import describe_origin
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import INVALID, OF_ROUNDS, Round
from benchmarks.service import BOOKS, serve
from benchmarks.stand import PROJECT, Stack, StandError, await_read_model, end_services, open_stack
from benchmarks.table import Table, show
from benchmarks.wrk import Load, ensure_wrk

MINORS = range(11, 16)  # of Python 3
READS = {"book": "one book", "list": "list of 50"}
COLUMNS = ["Python, read", "per second", "µs of the service", "µs of Redis", "times as fast", "note"]
ASK_VERSION = "import platform; print(platform.python_version())"
INSTALL_S = 600


def measure_pythons(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure both reads under every Python in rounds; return the table and whether each measurement is valid."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StandError("two cores or more are needed: one for the worker, the others for load and stores")
    ensure_wrk()
    pythons = find_pythons(folder)
    os.sched_setaffinity(0, cores[1:])  # and so is everything that is started from here, but for the worker
    with open_stack(folder / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="1") as stack:
        end_services(stack)
        bench = Bench({"small": stack}, options.seconds, cores[0], folder)
        rounds = [run_round(number, options.rounds, pythons, bench) for number in range(1, options.rounds + 1)]
        origin = describe_origin(stack)
    own = next(iter(pythons))
    caption = f"{origin}\n\n{OF_ROUNDS} A worker is as many times as fast as {own} takes its processor time."
    rows = [write_row(version, read, own, rounds) for version in pythons for read in READS]
    valid = not any(result.fault for each in rounds for result in each.values())
    return [Table("Versions of Python", caption, COLUMNS, rows)], valid


def find_pythons(folder: Path) -> dict[str, str]:
    """Return the Python with the requirements for each version that can be had here, by version; this one comes first.

    The others get an environment of their own in `folder`; raises StandError when there is none, or no environment.
    """
    found = {ask_version(sys.executable): sys.executable}
    for name in (f"python3.{minor}" for minor in MINORS):
        version = ask_version(name) if shutil.which(name) else ""
        if version and version not in found:
            found[version] = make_environment(name, folder / version)
    if len(found) < 2:
        raise StandError("there is no other Python: put one on the PATH as python3.N")
    return found


def ask_version(python: str) -> str:
    """Return the version of a Python, nothing when it does not run."""
    ran = subprocess.run([python, "-c", ASK_VERSION], capture_output=True, text=True, timeout=30, check=False)
    return ran.stdout.strip()


def make_environment(python: str, folder: Path) -> str:
    """Install the requirements for a Python into a new environment and return its Python; raises StandError."""
    print(f"installing the requirements for {python} ...", flush=True)
    own = str(folder / "bin" / "python")
    pip = [own, "-m", "pip", "install", "--quiet", "-r", str(PROJECT / "requirements.txt")]
    for command in ([python, "-m", "venv", str(folder)], pip):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if ran.returncode:
            raise StandError(f"{python} has no environment: {ran.stderr.strip()[-300:]}")
    return own


def run_round(number: int, of: int, pythons: dict[str, str], bench: Bench) -> Round:
    """Measure every Python once, backwards in even rounds."""
    stack, results = bench.stacks["small"], Round()
    for version in list(pythons)[:: 1 if number % 2 else -1]:
        before = read_times(bench.stacks.values())
        measured = measure_python(pythons[version], stack, bench)
        after = read_times(bench.stacks.values())
        for read, result in measured.items():
            results[f"{version}/{read}"] = marked = mark_disturbed(result, before, after, len(READS) * bench.seconds)
            words = f"{marked.per_second:,.0f}/s, {marked.cost_us:,.0f} µs {marked.fault or marked.note}"
            print(f"round {number}/{of}: Python {version}: {READS[read]}: {words}", flush=True)
    return results


def measure_python(python: str, stack: Stack, bench: Bench) -> Round:
    """Measure both reads under one Python."""
    with serve(BOOKS, stack.settings(BENCHMARK_PYTHON=python), bench.folder, bench.core) as service:
        await_read_model(service.url, stack.token)
        loads = {read: Load(find_paths(read, stack, service.url), stack.token) for read in READS}
        return {read: bench.load(service, stack, load) for read, load in loads.items()}


def write_row(version: str, read: str, own: str, rounds: Sequence[Round]) -> list[str]:
    """Return the row of one Python and one read."""
    pairs = [(each[f"{version}/{read}"], each[f"{own}/{read}"]) for each in rounds]
    title = f"{version}, {READS[read]}"
    if fault := next((each.fault for pair in pairs for each in pair if each.fault), ""):
        return [title, "", "", "", INVALID, fault]
    results = [result for result, _ in pairs]
    notes = [each.note for each in sorted(results, key=lambda each: not each.disturbed) if each.note]
    forms = {"per_second": ",.0f", "cost_us": ",.0f", "redis_us": ",.0f"}
    figures = [show([getattr(each, name) for each in results], form) for name, form in forms.items()]
    ratio = "" if version == own else show([base.cost_us / result.cost_us for result, base in pairs], ".2f")
    return [title, *figures, ratio, *(notes or [""])[:1]]
