"""What checks and records of this project cost the process that makes a load: its users over Locust's bare ones.

Ours does without cookies, and without looking for garbage among what it has loaded: the ratio has that saving in it.
Right answers per second of processor time are what one core of the generator can make; the services, which share the
machine, would be the limit long before. Each turn is a process of its own, so that the bare one has nothing of ours.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.origin import describe_origin
from benchmarks.recording import prepare_accounts
from benchmarks.rounds import OF_ROUNDS
from benchmarks.stand import PROJECT, StandError, open_stack
from benchmarks.table import Table, judge, show

BAR = 0.75
USERS, START_S = 8, 60
LOADS = {"bare": "benchmarks/generator_bare.py", "ours": "benchmarks/generator_load.py"}
COLUMNS = ["right answers per second of processor time", "bare FastHttpUser", "ours", "ratio", "bar", "verdict"]


@dataclass(frozen=True)
class Turn:
    """One load: right answers, failures, and the processor seconds of its process."""

    right: int
    failures: int
    seconds: float

    @property
    def rate(self) -> float:
        """Right answers per second of processor time."""
        return self.right / self.seconds


def measure_generator(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure both loads in rounds; return the table and whether each turn is valid."""
    print("bringing up a stack ...", flush=True)
    turns: dict[str, list[Turn]] = {kind: [] for kind in LOADS}
    with open_stack(folder / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="2", BCRYPT_ROUNDS="4") as stack:
        settings = stack.settings(BCRYPT_ROUNDS="4")
        prepare_accounts(settings, folder)
        isbns = [isbn for (isbn,) in stack.ask("SELECT isbn FROM books ORDER BY isbn")]
        settings |= {"BARE_TOKEN": stack.token, "BARE_ISBNS": ",".join(isbns[::5])}
        for number in range(1, options.rounds + 1):
            for kind in list(LOADS)[:: 1 if number % 2 else -1]:
                turns[kind].append(take_turn(kind, number, settings, folder, options.seconds))
                print(f"round {number}/{options.rounds}: {kind}: {turns[kind][-1].rate:,.0f} a second", flush=True)
        origin = describe_origin(stack)
    ratios = [ours.rate / bare.rate for ours, bare in zip(turns["ours"], turns["bare"], strict=True)]
    rates = [show([turn.rate for turn in each], ",.0f") for each in turns.values()]
    row = ["list and one book as in read_heavy", *rates, show(ratios, ".2f"), f"≥ {BAR:.2f}"]
    row.append(judge(median(ratios), BAR))
    caption = f"{origin} One process, {USERS} users without think time.\n\n{OF_ROUNDS}"
    valid = not any(turn.failures for each in turns.values() for turn in each)
    return [Table("The generator over a bare one", caption, COLUMNS, [row])], valid


def take_turn(kind: str, number: int, settings: dict[str, str], folder: Path, seconds: int) -> Turn:
    """Run one load in a process of its own; raises StandError."""
    shown = ["--headless", "--only-summary", "--stop-timeout", "10", "-u", str(USERS), "-r", str(USERS)]
    record = ["--record", str(folder / f"turn{number}")] if kind == "ours" else []
    command = [sys.executable, "-m", "locust", "-f", str(PROJECT / LOADS[kind]), "-t", f"{seconds + 3}s"]
    ran = subprocess.run(
        [*command, *shown, *record], cwd=folder, env={**settings, "PYTHONPATH": str(PROJECT)}, capture_output=True,
        text=True, timeout=seconds + START_S, check=False,
    )  # fmt: skip
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise StandError(f"the {kind} load ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    return Turn(**json.loads(lines[0]))
