"""The memory of both services, six workers and two masters: idle and after a load, beside an earlier build's.

It is the proportional resident memory (PSS): what several processes share counts once.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from benchmarks.builds import BEFORE, unpack_build
from benchmarks.origin import describe_origin, name_commit
from benchmarks.recording import prepare_accounts
from benchmarks.rounds import OF_ROUNDS
from benchmarks.services import NOW, WORKERS
from benchmarks.stand import PROJECT, Stack, StandError, open_stack
from benchmarks.table import Table, judge_most, show

USERS, ACCOUNTS, LOAD_S, SETTLED_S = 100, 120, 60, 10
MOST = 0.70  # of the earlier build
LOAD = ["--headless", "--only-summary", "--stop-timeout", "10", "-u", str(USERS), "-r", "20"]
COLUMNS = ["PSS of both services", f"{NOW} MB", f"{BEFORE} MB", "ratio", "bar", "verdict"]


class Memory(NamedTuple):
    """MB of both services."""

    idle: float
    loaded: float


def measure_memory(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure both builds in rounds, each with services that have just started; return the table."""
    found: dict[str, list[Memory]] = {NOW: [], BEFORE: []}
    projects = {NOW: PROJECT, BEFORE: unpack_build(folder)}
    for number in range(1, options.rounds + 1):
        for name in list(found)[:: 1 if number % 2 else -1]:
            with open_stack(
                folder / f"stack-{projects[name].name}", projects[name], **WORKERS, BCRYPT_ROUNDS="4"
            ) as stack:
                found[name].append(measure_stack(stack, folder / f"load-{number}-{projects[name].name}"))
                origin = describe_origin(stack)
            print(f"round {number}/{options.rounds}: {name}: {found[name][-1]}", flush=True)
    load = f"The load: read_heavy with {USERS} users for {LOAD_S} s. {NOW} is {name_commit()}."
    return [Table("Memory of the services", f"{origin} {load}\n\n{OF_ROUNDS}", COLUMNS, write_rows(found))], True


def measure_stack(stack: Stack, folder: Path) -> Memory:
    """Measure the services of a stack before and after the load; raises StandError when it fails."""
    folder.mkdir()
    time.sleep(SETTLED_S)
    idle = read_memory(stack)
    settings = stack.settings(BCRYPT_ROUNDS="4")
    prepare_accounts(settings, folder, ACCOUNTS)
    command = [sys.executable, "-m", "locust", "-f", str(PROJECT / "locustfile.py"), "-t", f"{LOAD_S}s", *LOAD]
    ran = subprocess.run(
        command, cwd=folder, env={**settings, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        timeout=LOAD_S + 120, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise StandError(f"the load ended with {ran.returncode}: {(ran.stdout + ran.stderr).strip()[-300:]}")
    time.sleep(SETTLED_S)
    return Memory(idle, read_memory(stack))


def read_memory(stack: Stack) -> float:
    """Return the MB of both services: of their masters and workers."""
    masters = [psutil.Process(int(stack.values[name])) for name in ("AUTH_PID", "BOOKS_PID")]
    processes = [process for master in masters for process in (master, *master.children(recursive=True))]
    return sum(read_pss_kb(process.pid) for process in processes) / 1024


def read_pss_kb(pid: int) -> int:
    """Return the proportional resident memory of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M)[0])


def write_rows(found: dict[str, list[Memory]]) -> list[list[str]]:
    """Return a row for each moment: both builds, and this one over the earlier one."""
    rows = []
    for place, moment in enumerate(("idle", "after the load")):
        now, before = ([each[place] for each in taken] for taken in found.values())
        ratios = [one / other for one, other in zip(now, before, strict=True)]
        verdict = judge_most(median(ratios), MOST)
        rows.append([moment, show(now, ".0f"), show(before, ".0f"), show(ratios, ".2f"), f"≤ {MOST:.2f}", verdict])
    return rows
