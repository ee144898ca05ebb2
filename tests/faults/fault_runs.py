"""Runs `python -m tests.faults` in processes of their own, three at once, and reads what they have found."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.stacks import PROJECT

# What can run beside other faults, each lane on a stack of its own; what needs the machine for itself; and what the
# short form leaves to the long one for its length.
LANES = (("F1", "F3"), ("F2", "F4", "F7"), ("F9-frozen", "F6"))
ALONE = (("F8", "F13-a"),)
LONG_ONLY = (("F5", "F9-emptied", "F9-full", "F9-killed", "F10", "F11", "F12", "F13-b", "F14"),)
Results = dict[str, dict[str, Any]]  # by the name of the experiment


def run_faults(names: set[str], folder: Path, *, long: bool) -> Results:
    """Run these experiments and return their results; in the long form one after the other.

    In the short form, what did not hold beside others is run again by itself, and judged by that.
    """
    turns = [[lane] for lane in (*LANES, *ALONE, *LONG_ONLY)] if long else [LANES, ALONE]
    results: Results = {}
    for lanes in turns:
        wanted = [tuple(name for name in lane if name in names) for lane in lanes]
        results |= run_at_once([lane for lane in wanted if lane], folder, long=long)
    for name in [] if long else [name for lane in LANES for name in lane if name in names]:
        if name not in results or list_failures(results[name]):
            (folder / "again").mkdir(exist_ok=True)
            results |= run_at_once([(name,)], folder / "again", long=False)
    return results


def list_failures(found: dict[str, Any]) -> list[Any]:
    """Return what of a result does not hold, and the controls that were not seen to fail."""
    broken = [found["broken"]] if found["broken"] or not found["findings"] else []
    failing = [each for each in found["findings"] if not each[-1]]
    return [*broken, *failing, *(each for each in found["controls"] if not each["seen_to_fail"])]


def run_at_once(lanes: Sequence[Sequence[str]], folder: Path, *, long: bool) -> Results:
    """Run each lane in a process and return all results; what is not among them is told in the log of its lane."""
    processes = {lane[0]: start(lane, folder, ["--long"] if long else []) for lane in lanes}
    deadline = time.monotonic() + (7200 if long else 600)
    try:
        for process in processes.values():
            process.wait(max(1.0, deadline - time.monotonic()))
    finally:
        for process in processes.values():
            process.terminate()  # it takes down what it has started
        for process in processes.values():
            process.wait(120)
    files = [folder / f"{name}.json" for name in processes]
    found: Results = {}
    for file in [each for each in files if each.exists()]:
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def start(lane: Sequence[str], folder: Path, options: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the experiments of one lane."""
    with (folder / f"{lane[0]}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults", *lane, *options, "--json", folder / f"{lane[0]}.json"],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
