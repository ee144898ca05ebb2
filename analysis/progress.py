"""Shows how a running scenario is doing, read from the files that Locust writes, until its process is gone."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from analysis.plan.plan import Plan
from analysis.records.failures import SHED
from analysis.records.gaps import Gaps
from analysis.records.locust_files import Second, read_failures, read_second
from analysis.records.processes import is_running
from analysis.records.run import read_run

TERMINAL_S = 1.0
PLAIN_S = 10.0
END_BYTES = 16_384  # some seconds of history: reading all of it again and again would cost the load its processor


def describe_progress(  # noqa: PLR0913  what the line tells
    plan: Plan, number: str, history: list[Second], shed: int, now: float, *, width: int = 1000
) -> str:
    """One line: which of how many, elapsed of planned, users, requests a second, failures, and refusals if there are.

    What has no room in `width` characters is left out, the failures last: a figure that is cut is another figure.
    """
    last = history[-1] if history else Second(int(now), 0, 0, 0, 0.0)
    elapsed = now - history[0].at if history else 0.0
    parts = [
        f"[{number}] {plan.name}",
        f"{format_clock(elapsed)} of {format_clock(plan.seconds)}",
        f"{last.users} users",
        f"{last.requests_per_s:.1f} req/s",
        f"{max(last.failures - shed, 0)} failures{f'  {shed} shed' if shed else ''}",
    ]
    for place in (3, 2, 1, 0):
        if len("  ".join(parts)) > width:
            del parts[place]
    return "  ".join(parts)


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


def follow(plan: Plan, number: str, folder: Path, pid: int) -> None:
    """Print one live line on a terminal, a line every ten seconds elsewhere, and a last one at the end."""
    live = sys.stdout.isatty()
    shown = 0.0
    while is_running(pid):
        now = time.time()
        if now - shown >= (TERMINAL_S if live else PLAIN_S):
            show(plan, number, folder, live, end="")
            shown = now
        time.sleep(0.2)
    show(plan, number, folder, live, end="\n")


def show(plan: Plan, number: str, folder: Path, live: bool, end: str) -> None:
    """Write how a scenario is doing now: over the last line on a terminal, as wide as that is; under it elsewhere."""
    history = read_ends(folder / f"{plan.name}_stats_history.csv")
    shed = count_shed(folder / f"{plan.name}_failures.csv")
    width = shutil.get_terminal_size().columns - 1 if live else 1000
    line = describe_progress(plan, number, history, shed, time.time(), width=width)
    print(f"\r\x1b[K{line}" if live else line, end=end if live else "\n", flush=True)


def count_shed(path: Path) -> int:
    """How many requests were refused so far, which Locust counts among the failures."""
    return sum(failure.count for failure in read_failures(path, Gaps()) if failure.kind == SHED)


def main() -> None:
    """Follow one scenario of the run in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--number", required=True, help="which of how many, as 3/7")
    parser.add_argument("--pid", type=int, required=True, help="the process to watch")
    options = parser.parse_args()
    plan = next(plan for plan in read_run(options.folder).plans if plan.name == options.scenario)
    follow(plan, options.number, options.folder, options.pid)


if __name__ == "__main__":
    main()
