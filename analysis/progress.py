"""Shows how a running scenario is doing, read from the files that Locust writes, until its process is gone."""

import argparse
import shutil
import sys
import time
from pathlib import Path

import psutil

from analysis.plan import Plan
from analysis.results import Second, read_second
from analysis.run import read_run

TERMINAL_S = 1.0
PLAIN_S = 10.0
END_BYTES = 16_384  # some seconds of history: reading all of it again and again would cost the load its processor


def describe_progress(plan: Plan, number: str, history: list[Second], now: float) -> str:
    """One line: which of how many, elapsed of planned, users, requests a second, failures."""
    last = history[-1] if history else Second(int(now), 0, 0, 0, 0.0)
    elapsed = now - history[0].at if history else 0.0
    return (
        f"[{number}] {plan.name}  {format_clock(elapsed)} of {format_clock(plan.seconds)}  "
        f"{last.users} users  {last.requests_per_s:.1f} req/s  {last.failures} failures"
    )


def read_ends(path: Path) -> list[Second]:
    """The first and the latest lines of a history; those between are left out when it is long."""
    try:
        with open(path, "rb") as file:
            head = file.read(END_BYTES)
            file.seek(max(len(head), path.stat().st_size - END_BYTES))
            tail = file.read()
    except OSError:
        return []
    lines = head.decode(errors="replace").splitlines()
    if tail:  # the line at either edge is cut
        lines = lines[:-1] + tail.decode(errors="replace").splitlines()[1:]
    names = lines[0].split(",") if lines else []
    rows = [line.split(",") for line in lines if ",,Aggregated," in line]
    return [read_second(dict(zip(names, row, strict=True))) for row in rows if len(row) == len(names)]


def format_clock(seconds: float) -> str:
    """Minutes and seconds, `5:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def is_running(pid: int) -> bool:
    """Whether a process has not ended; one that was killed may wait for its parent to notice."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def follow(plan: Plan, number: str, path: Path, pid: int) -> None:
    """Print one live line on a terminal, a line every ten seconds elsewhere, and a last one at the end."""
    live = sys.stdout.isatty()
    shown = 0.0
    while is_running(pid):
        now = time.time()
        if now - shown >= (TERMINAL_S if live else PLAIN_S):
            show(describe_progress(plan, number, read_ends(path), now), live, end="")
            shown = now
        time.sleep(0.2)
    show(describe_progress(plan, number, read_ends(path), time.time()), live, end="\n")


def show(line: str, live: bool, end: str) -> None:
    """Write a line over the last one on a terminal, as much of it as has room; under it elsewhere."""
    if live:
        line = "\r\x1b[K" + fit(line, shutil.get_terminal_size().columns - 1)
    print(line, end=end if live else "\n", flush=True)


def fit(line: str, columns: int) -> str:
    """As many parts of a line as there is room for, the first ones: a number that is cut would read as another."""
    while len(line) > columns:
        line = line.rpartition("  ")[0]
    return line


def main() -> None:
    """Follow one scenario of the run in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--number", required=True, help="which of how many, as 3/7")
    parser.add_argument("--pid", type=int, required=True, help="the process to watch")
    options = parser.parse_args()
    plan = next(plan for plan in read_run(options.folder).plans if plan.name == options.scenario)
    follow(plan, options.number, options.folder / f"{plan.name}_stats_history.csv", options.pid)


if __name__ == "__main__":
    main()
