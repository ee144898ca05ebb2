"""Compares two builds of this project under load, block by block in turn; compare.sh says how it is used."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from analysis.plan.scenario_files import PlanError
from analysis.records.comparison import PLAN_FILE
from load.client.refusal import BROKEN, WRONG_USE, Refused
from load.client.script import run, warn
from load.compare.options import read_options
from load.compare.record import PROJECT, Asked, record
from load.compare.sides import choose_side, find_notes
from load.run.blocks import choose_form, count_users, read_scenario
from stack.programs import SIGNALS


def compare() -> int:
    """Record a comparison, and return the exit code of its analysis, or BROKEN for all that breaks: 1 says SLOWER.

    Raises Refused for wrong usage.
    """
    try:
        folder = record_as_asked()
        code = subprocess.run([sys.executable, "-m", "analysis.compare", str(folder)], check=False).returncode
        if not (folder / "compare.json").exists():  # nothing was judged, and 1 would say SLOWER
            code = BROKEN
    except Refused as problem:
        raise Refused(str(problem), WRONG_USE if problem.exit_code == WRONG_USE else BROKEN) from None
    except Exception:
        with suppress(OSError):
            traceback.print_exc()
        return BROKEN
    return code if code >= 0 else BROKEN


def record_as_asked() -> Path:
    """Record the comparison that the options ask for, and return its folder; raises Refused."""
    options = read_options()
    sides = {name: choose_side(what, options.called_from, PROJECT) for name, what in options.what.items()}
    notes = find_notes(sides, PROJECT)
    form = choose_form(options.profile)
    try:
        users = count_users(read_scenario(options.profile, options.scenario), saturate=options.saturate)
    except PlanError as problem:
        raise Refused(str(problem), BROKEN) from None
    print(*notes, sep="\n", end="\n" if notes else "", flush=True)
    out = options.called_from / options.out if options.out else None
    was_there = out is not None and out.exists()
    folder = make_folder(out)
    try:
        record(Asked(sides, form, users, folder), options, notes)
    except BaseException:
        keep_or_empty(folder)
        if not was_there:
            with suppress(OSError):  # what was recorded keeps it
                folder.rmdir()
        raise
    return folder


def make_folder(out: Path | None) -> Path:
    """Make the results folder, which no other run has; raises Refused."""
    folder = out or PROJECT / time.strftime("test_results_%Y%m%d_%H%M%S")
    try:
        folder.mkdir(exist_ok=out is not None)
        if any(folder.iterdir()):
            raise Refused(f"--out {folder} is not empty; give another folder")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as problem:
        words = f"cannot write into {folder}: {problem.strerror}; give another folder with --out"
        raise Refused(words, BROKEN) from None
    return folder


def keep_or_empty(folder: Path) -> None:
    """Say where the records of a comparison are that broke off; without any load, remove them."""
    if (folder / PLAN_FILE).exists():
        judge = f"python -m analysis.compare {folder}"
        warn(f"compare.sh: what was recorded so far is in {folder}; `{judge}` judges it")
        return
    for path in folder.iterdir():
        path.unlink()


def interrupt(*_: object) -> NoReturn:
    """End in order, as after Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Compare, and return the exit code."""
    os.chdir(PROJECT)
    for number in SIGNALS:  # also where a script has started it in the background, to ignore Ctrl-C
        signal.signal(number, interrupt)
    return run("compare.sh", compare, "from the start")


if __name__ == "__main__":
    sys.exit(main())
