"""The commands of the read model that go over all books: how long they take, and the most memory that they have."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.stand import PROJECT, Stack, StandError
from benchmarks.table import judge, judge_most

COMMAND_S = 1200
MANY = 100_000  # books: fewer are over before the start of the command is little
LEAST_BOOKS, MOST_MB = 10_000, 200  # of a rebuild: books a second, and memory
COMMAND_COLUMNS = [
    "command, books",
    "seconds",
    "books/s",
    "bar",
    "verdict",
    "largest memory MB",
    "its bar",
    "its verdict",
]


class Run(NamedTuple):
    """A command over all books: how long it took, and the most memory that it had."""

    seconds: float
    memory_mb: float


def run_command(command: str, stack: Stack, core: int) -> Run:
    """Run a command of the read model on a core; raises StandError when it fails."""
    words = ["taskset", "-c", str(core), sys.executable, "-m", "backend.read_model", command]
    started, memory_kb = time.monotonic(), 0
    with subprocess.Popen(words, cwd=PROJECT, env=stack.settings(), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if time.monotonic() - started > COMMAND_S:
                process.kill()
            memory_kb = max(memory_kb, read_peak_kb(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise StandError(f"{command} ended with {process.returncode}")
    return Run(time.monotonic() - started, memory_kb / 1024)


def read_peak_kb(pid: int) -> int:
    """Return the most memory that a process has had so far, 0 when it has ended."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M)
    return int(found[1]) if found else 0


def write_run(command: str, size: str, books: int, run: Run) -> list[str]:
    """Return the row of one command; a rebuild of many books has bars."""
    rate = books / run.seconds
    row = [f"{command}, {size}", f"{run.seconds:.1f}", f"{rate:,.0f}", "", "", f"{run.memory_mb:.0f}", "", ""]
    if command == "rebuild" and books >= MANY:
        row[3:5] = f"≥ {LEAST_BOOKS:,}", judge(rate, LEAST_BOOKS)
        row[6:8] = f"< {MOST_MB}", judge_most(run.memory_mb, MOST_MB)
    return row
