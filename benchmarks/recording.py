"""What the record costs the process that makes a load: its requests with and without it, in turns within one run.

Requests per second of processor time are what one core of the generator can send; the services, which share the
machine, would be the limit long before.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.origin import describe_origin
from benchmarks.stand import PROJECT, StandError, open_stack
from benchmarks.table import Table, judge, show

BAR = 0.90  # of the requests without a record
USERS, ACCOUNTS, PAIRS = 8, 10, 3
PREPARED_S, START_S = 120, 60
COLUMNS = ["the load with its record, as a share of without", "ratio", "bar", "verdict"]


@dataclass(frozen=True)
class Turn:
    """Some seconds of the load."""

    recorded: bool
    requests: int
    failures: int
    seconds: float  # of the processor time of the generator

    @property
    def rate(self) -> float:
        """Requests per second of processor time."""
        return self.requests / self.seconds


def measure_recording(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure on a stack of its own; return the table and whether each turn is valid."""
    print("bringing up a stack ...", flush=True)
    with open_stack(folder / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="2", BCRYPT_ROUNDS="4") as stack:
        settings = stack.settings(BCRYPT_ROUNDS="4")
        prepare_accounts(settings, folder)
        turns = take_turns(settings, folder, options.rounds * PAIRS, options.seconds)
        origin = describe_origin(stack)
    ratios = find_ratios(turns)
    rates = [f"{median([turn.rate for turn in turns if turn.recorded is kind]):,.0f}" for kind in (False, True)]
    words = f"{len(turns)} turns of {options.seconds} s: {rates[0]} requests a second without, {rates[1]} with."
    verdict = judge(median(ratios), BAR)
    row = ["requests per second of processor time", show(ratios, ".3f"), f"≥ {BAR:.2f}", verdict]
    table = Table("What the record of a load costs", f"{origin}\n\n{words}", COLUMNS, [row])
    return [table], not any(turn.failures for turn in turns)


def prepare_accounts(settings: dict[str, str], folder: Path, count: int = ACCOUNTS) -> None:
    """Make, register and sign in some accounts; raises StandError."""
    environment = {**settings, "PYTHONPATH": str(PROJECT)}
    steps = (["create_users_csv", "--count", str(count)], ["register_users"], ["load.client.sign_in"])
    for name, *arguments in steps:
        ran = subprocess.run(
            [sys.executable, "-m", name, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=PREPARED_S, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise StandError(f"{name} ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")


def take_turns(settings: dict[str, str], folder: Path, pairs: int, seconds: float, home_port: int = 0) -> list[Turn]:
    """Run the load with the accounts in `folder` for that many pairs of turns; raises StandError.

    With a port all turns are recorded, and those that count as recorded send their record to it too.
    """
    records = folder / "records"
    records.mkdir()
    asked = {"TURNS": str(2 * pairs), "TURN_S": str(seconds), "RECORDS": str(records), "HOME_PORT": str(home_port)}
    shown = ["--headless", "--only-summary", "--stop-timeout", "10", "-u", str(USERS), "-r", str(USERS)]
    load = str(PROJECT / "benchmarks" / "recording_load.py")
    ran = subprocess.run(
        [sys.executable, "-m", "locust", "-f", load, *shown], cwd=folder,
        env={**settings, **asked, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        timeout=2 * pairs * (seconds + 1) + START_S, check=False,
    )  # fmt: skip
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if len(lines) != 2 * pairs:
        raise StandError(f"the load ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    return [Turn(**json.loads(line)) for line in lines]


def find_ratios(turns: list[Turn]) -> list[float]:
    """Return the rates with a record as shares of those without, from each turn to the next: drifts cancel out."""
    pairs = [(one, other) if one.recorded else (other, one) for one, other in pairwise(turns)]
    return [recorded.rate / plain.rate for recorded, plain in pairs]
