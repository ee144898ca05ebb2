"""What a search for the break-point, and the open model, cost the process that makes a load, in turns within one run.

Requests per second of processor time are what one core of the generator can send; the services, which share the
machine, would be the limit long before. All turns are at one rate, so what a second costs weighs more here.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_seconds
from analysis.records.results_folder import DROPPED
from benchmarks.origin import describe_origin
from benchmarks.recording import START_S, prepare_accounts
from benchmarks.stand import PROJECT, StandError, open_stack
from benchmarks.table import Table, judge, show

CLOSED, SEARCH, OPEN = "closed", "search", "open"
KINDS = (CLOSED, SEARCH, CLOSED, OPEN)  # the turns, again and again
TITLES = {SEARCH: "the closed load beside a search", OPEN: "the open load"}
BARS = {SEARCH: 0.98, OPEN: 0.90}  # of the requests of the closed load alone
RATE, USERS, CYCLES = 300, 300, 3  # requests a second; users that think, and as many in the pool
COLUMNS = ["requests per second of processor time, as a share of the closed load", "ratio", "bar", "verdict"]


@dataclass(frozen=True)
class Turn:
    """Some seconds of the load; `seconds` of the processor time of the generator, `search_s` of them of the search."""

    kind: str
    requests: int
    failures: int
    seconds: float
    search_s: float

    @property
    def rate(self) -> float:
        """Requests per second of processor time."""
        return self.requests / self.seconds


def measure_search(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure on a stack of its own; return the table and whether each turn is valid."""
    print("bringing up a stack ...", flush=True)
    with open_stack(folder / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="2", BCRYPT_ROUNDS="4") as stack:
        settings = stack.settings(BCRYPT_ROUNDS="4")
        prepare_accounts(settings, folder)
        turns = take_turns(settings, folder, options.rounds * CYCLES * len(KINDS), options.seconds)
        origin = describe_origin(stack)
    rows = []
    for kind, bar in BARS.items():
        ratios = find_ratios(turns, kind)
        rows.append([TITLES[kind], show(ratios, ".3f"), f"≥ {bar:.2f}", judge(median(ratios), bar)])
    rates = ", ".join(f"{kind} {median(find_rates(turns, kind)):,.0f}" for kind in (CLOSED, SEARCH, OPEN))
    own = median(turn.search_s / turn.seconds for turn in turns if turn.kind == SEARCH)
    failed, dropped = sum(turn.failures for turn in turns), count_dropped(folder)
    words = (
        f"{len(turns)} turns of {options.seconds} s at {RATE} requests a second. Medians: {rates}. The search itself"
        f" took {own:.2%} of the generator's processor time. {failed} requests failed; {dropped} arrivals found nobody."
    )
    table = Table("What the search and the open model cost", f"{origin}\n\n{words}", COLUMNS, rows)
    return [table], not failed and not dropped


def take_turns(settings: dict[str, str], folder: Path, count: int, seconds: int) -> list[Turn]:
    """Run the load with the accounts in `folder` for so many turns; raises StandError."""
    asked = {"TURNS": str(count), "TURN_S": str(seconds), "RECORD": str(folder / "load"), "PYTHONPATH": str(PROJECT)}
    shown = ["--headless", "--only-summary", "--stop-timeout", "10", "-u", str(2 * USERS), "-r", str(2 * USERS)]
    load = str(PROJECT / "benchmarks" / "search_load.py")
    ran = subprocess.run(
        [sys.executable, "-m", "locust", "-f", load, *shown, "--record", asked["RECORD"]], cwd=folder,
        env={**settings, **asked}, capture_output=True, text=True, timeout=count * (seconds + 2) + START_S, check=False,
    )  # fmt: skip
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if len(lines) != count:
        raise StandError(f"the load ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    return [Turn(**json.loads(line)) for line in lines]


def find_rates(turns: list[Turn], kind: str) -> list[float]:
    """Return the rates of the turns of a kind."""
    return [turn.rate for turn in turns if turn.kind == kind]


def find_ratios(turns: list[Turn], kind: str) -> list[float]:
    """Return the rates of a kind as shares of the closed load, from each turn to the next: drifts cancel out."""
    pairs = [(one, other) if one.kind == kind else (other, one) for one, other in pairwise(turns)]
    return [found.rate / plain.rate for found, plain in pairs if found.kind == kind]


def count_dropped(folder: Path) -> int:
    """Return how many arrivals found nobody in the pool."""
    rows = read_seconds(folder, "load", Gaps()).values()
    return round(sum(row.busy_s for part in rows for row in part if row.endpoint == DROPPED))
