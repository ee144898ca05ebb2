"""Writes the table of the faults into docs/guarantees.md: `python -m tests.documents.faults FILE`.

FILE is what `python -m tests.faults --long --json FILE` wrote. Its results first take the place of those of the same
faults in docs/data/faults.json. The table is made from that file alone.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.documents.verdict_controls import replace_between
from tests.faults.experiments import BY_NAME
from tests.faults.json_file import merge_results
from tests.faults.quiet import DISTURBED

DOCUMENT = Path(__file__).parents[2] / "docs" / "guarantees.md"
FILE = DOCUMENT.parent / "data" / "faults.json"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"
HEAD = "| | fault | measured (bound) | checks that hold | fails without |\n|---|---|---|---|---|\n"
REFUSALS, RECOVERY, READS = "every 503 within", "recovery", "p99 of reads in the fault"
NO_REDIS, ADDED = "requests accepted or called unauthorized", "time added to a refusal"
SHOWN = {  # how the findings begin that the table shows; a finding that does not hold is shown besides
    "F1": (READS, REFUSALS, RECOVERY),
    "F2": (READS, REFUSALS, RECOVERY),
    "F3": ("connections that had died", "errors that a client sees"),
    "F4": ("503 to writers of a locked row", "writes of other books", "books of which half"),
    "F5": ("new connections tried", REFUSALS, RECOVERY),
    "F6": ("requests that fail with 50 ms", REFUSALS, RECOVERY),
    "F7": ("first answers", "repetitions", RECOVERY),
    "F8": ("wait of those", REFUSALS, RECOVERY),
    "F9-emptied": ("revoked tokens", "last query answered from MariaDB", RECOVERY),
    "F9-frozen": (NO_REDIS, ADDED, RECOVERY),
    "F9-full": (NO_REDIS, ADDED, RECOVERY),
    "F9-killed": (NO_REDIS, ADDED, RECOVERY),
    "F10": ("frozen worker", "stuck worker", "requests served"),
    "F11": ("stopped within", "requests lost", "writes lost, doubled or halved by services"),
    "F12": ("honest requests", "p99 of honest reads", "p99 of honest log-ins"),
    "F13-a": ("good log-ins", REFUSALS, "p95 of GET /me"),
    "F13-b": ("reads answered well", "answers other than", "requests without an answer"),
    "F14": (RECOVERY,),
}


def write_faults(found: dict[str, dict[str, Any]]) -> str:
    """Where the faults were made, and the table of them in Markdown."""
    rows = "".join(f"{write_row(name, found[name])}\n" for name in BY_NAME)
    return f"{say_where(found)}\n{HEAD}{rows}"


def say_where(found: dict[str, dict[str, Any]]) -> str:
    """A line for each run with its day, commit and machine, and with its faults when there were several runs."""
    runs: dict[str, list[str]] = {}
    for name in BY_NAME:
        run = found[name]
        words = f"{run['date']}, commit {run['commit']}, {run['form']} form, {run['machine']}"
        runs.setdefault(words, []).append(name)
    if len(runs) == 1:
        return f"- {next(iter(runs))}\n"
    return "".join(f"- {', '.join(names)}: {words}\n" for words, names in runs.items())


def write_row(name: str, result: dict[str, Any]) -> str:
    """The row of a fault."""
    if result["broken"]:
        return f"| {name} | {result['fault']} | **broke**: {result['broken']} | | |"
    figures = [write_figure(*each) for each in result["findings"] if each[0].startswith(SHOWN[name]) or not each[3]]
    checks = f"{result['hold']} of {result['checks']}"
    if (result["others"] or 0) >= DISTURBED:
        checks += f"; **disturbed**: other programs had {result['others']} cores"
    cells = (name, result["fault"], "<br>".join(figures), checks, "; ".join(map(name_control, result["controls"])))
    return f"| {' | '.join(cells)} |"


def write_figure(what: str, bound: str, measured: str, holds: bool) -> str:
    """A finding in few words: its first figure, without what stands behind that."""
    figure = re.split(r" \(|, |; ", measured)[0]
    return f"{what}: {figure} ({bound})" + ("" if holds else " **FAILS**")


def name_control(control: dict[str, Any]) -> str:
    """What a control takes out, with a word when the checks did not fail without it."""
    return str(control["without"]) + ("" if control["seen_to_fail"] else " **(not seen to fail)**")


def main() -> None:
    """Take the results of a run, and write numbers and document."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.documents.faults FILE")
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if short := [name for name, each in results.items() if each["form"] != "long"]:
        sys.exit(f"the bounds are doubled in the short form, so the table does not take it: {' '.join(short)}")
    merge_results(FILE, results)
    text, found = DOCUMENT.read_text(encoding="utf-8"), json.loads(FILE.read_text(encoding="utf-8"))
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_faults(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
