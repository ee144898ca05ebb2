"""What it costs to send records home to the master of several machines: the processes of the load, and the master."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.origin import describe_origin
from benchmarks.recording import PAIRS, Turn, find_ratios, prepare_accounts, take_turns
from benchmarks.stand import PROJECT, StandError, open_stack
from benchmarks.table import Table, judge, judge_most, show
from stack.ports import find_free_ports

WORKER_BAR, MASTER_BAR = 0.95, 0.15  # of the requests without sending; of a core
RATE, WORKERS, REPLAY_S = 2000, 2, 20
COLUMNS = ["what", "figure", "bar", "verdict"]


class Home:
    """A master that keeps records in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        (self.port,) = find_free_ports(1)
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.machines_home", str(self.port), str(folder)], cwd=PROJECT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout
        self._process.stdout.readline()

    def end(self) -> dict[str, float]:
        """End it, and return its processor time and how much it has kept."""
        said, _ = self._process.communicate(timeout=30)
        told: dict[str, float] = json.loads(said)
        return told


def measure_machines(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure both; return the table and whether each turn is valid."""
    print("bringing up a stack ...", flush=True)
    with open_stack(folder / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="2", BCRYPT_ROUNDS="4") as stack:
        settings = stack.settings(BCRYPT_ROUNDS="4")
        prepare_accounts(settings, folder)
        home = Home(folder / "home")
        turns = take_turns(settings, folder, options.rounds * PAIRS, options.seconds, home.port)
        home.end()
        origin = describe_origin(stack)
    share, kib = replay(folder)
    rows = [write_worker(turns), write_master(share)]
    words = (
        f"{len(turns)} turns of {options.seconds} s of one process, all recorded, every other one sent home. The master"
        f" kept the records of {WORKERS} processes with {RATE:,} requests a second each, replayed for {REPLAY_S} s"
        f" ({kib:,.0f} KiB/s)."
    )
    valid = not any(turn.failures for turn in turns)
    return [Table("Records sent home", f"{origin}\n\n{words}", COLUMNS, rows)], valid


def replay(folder: Path) -> tuple[float, float]:
    """Replay the records of the load at a fixed rate; return the master's share of a core, and KiB a second."""
    home, asked = Home(folder / "replayed"), [str(folder / "records"), str(RATE), str(REPLAY_S)]
    command = [sys.executable, "-m", "benchmarks.machines_replay", str(home.port)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    senders = [subprocess.Popen([*command, f"sender{n}", *asked], cwd=PROJECT, env=environment) for n in range(WORKERS)]
    if any(sender.wait(REPLAY_S + 60) for sender in senders):
        raise StandError("a record could not be replayed")
    told = home.end()
    return told["cpu_s"] / REPLAY_S, told["kept"] / REPLAY_S / 1024


def write_worker(turns: list[Turn]) -> list[str]:
    """Return the row of a process of the load."""
    ratios = find_ratios(turns)
    title = "requests per second of processor time of a process that sends its record, as a share of without"
    return [title, show(ratios, ".3f"), f"≥ {WORKER_BAR:.2f}", judge(median(ratios), WORKER_BAR)]


def write_master(share: float) -> list[str]:
    """Return the row of the master."""
    title = f"the master's share of a core, {WORKERS} x {RATE:,} requests a second"
    return [title, f"{share:.3f}", f"≤ {MASTER_BAR:.2f}", judge_most(share, MASTER_BAR)]
