"""Runs the lessons: `python -m lessons [NAME...]`; ./lessons.sh sets up what it needs."""

import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from lessons.lesson import NAMES, Outcome, find_experiment
from lessons.page import write_page
from lessons.place import PROJECT, Place, run_place
from lessons.record import merge_outcomes

BROKE, USAGE, INTERRUPTED = 1, 64, 130


def main() -> int:
    """Run the lessons that are named, or all, and write lessons.json and lessons.html; gives the exit code."""
    names = sys.argv[1:]
    if unknown := [name for name in names if name not in NAMES]:
        print(f"lessons.sh: there is no lesson '{unknown[0]}': choose from {', '.join(NAMES)}", file=sys.stderr)
        return USAGE
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run_lessons([name for name in NAMES if name in (names or NAMES)])
    except KeyboardInterrupt:
        print("lessons.sh: interrupted; what it started has ended", file=sys.stderr)
        return INTERRUPTED


def run_lessons(names: list[str]) -> int:
    """Run these lessons in a place of their own, and keep what each shows at once; gives the exit code."""
    print("starting a private MariaDB and Redis ...", flush=True)
    broken = []
    with tempfile.TemporaryDirectory(prefix="lessons.") as folder, run_place(Path(folder)) as place:
        for number, name in enumerate(names, start=1):
            print(f"\n[{number}/{len(names)}] {name} ...", flush=True)
            if not run_lesson(name, place):
                broken.append(name)
    if len(broken) < len(names):
        print(f"\nall sentences, tables and pictures: {PROJECT / 'lessons.html'}")
    if broken:
        print(f"lessons.sh: broke: {', '.join(broken)}", file=sys.stderr)
    return BROKE if broken else 0


def run_lesson(name: str, place: Place) -> bool:
    """Run one lesson, print what it showed, and write it down; False if it broke, which must not end the others."""
    began = time.monotonic()
    try:
        outcome = find_experiment(name)(place, short=False)
    except Exception:
        traceback.print_exc()
        print("the programs said at last:", *place.read_log_end(), sep="\n", file=sys.stderr)
        return False
    finally:
        place.end_all()
    print(show_outcome(outcome), f"({time.monotonic() - began:.0f} s)", sep="\n", flush=True)
    merge_outcomes(PROJECT / "lessons.json", {name: outcome})
    write_page(PROJECT / "lessons.json", PROJECT / "lessons.html")
    return True


def show_outcome(outcome: Outcome) -> str:
    """The sentence of an outcome, and its table in columns."""
    lines = [outcome.columns, *outcome.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(outcome.columns))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([outcome.sentence, "", *table])


if __name__ == "__main__":
    sys.exit(main())
