"""Writes a full search and quick ones into docs/break_point.md: `python -m tests.documents.searches FULL [QUICK...]`.

FULL and QUICK are results folders of `--only break_point`, the quick ones of one stack in a row. What they found goes
to docs/data/searches.json first. The document is made from that file alone; the picture is the curve of FULL. With - in
the place of FULL the full search and its picture stay.
"""

import json
import sys
from pathlib import Path
from typing import Any

from analysis.number_formats import say_share
from analysis.records.gaps import Gaps
from analysis.records.run import read_run
from analysis.records.steps import read_search
from analysis.report.report import build_report
from tests.documents.pictures_of_docs import show_report, write_pictures
from tests.documents.verdict_controls import replace_between

DOCUMENT = Path(__file__).parents[2] / "docs" / "break_point.md"
FILE = DOCUMENT.parent / "data" / "searches.json"
BEGIN, END = "<!-- searches: begin -->\n", "<!-- searches: end -->\n"
CURVE = {"search_curve.png": ("#break_point .charts", "#break_point .charts")}
HEAD = "| search | bears | breaks at | answers/s | steps | s |\n|---|---:|---:|---:|---:|---:|\n"


def measure(folder: Path) -> dict[str, Any]:
    """What a search found, and where it ran."""
    run, (scenario,) = read_run(folder), build_report(folder).scenarios
    judged = read_search(folder, "break_point", Gaps()).judged
    return {
        "started": run.facts["started"],
        "commit": run.facts["commit"][:7],
        "machine": run.facts["machine"],
        "services": {service: run.settings(service) for service in ("auth", "books")},
        "verdict": scenario.verdict,
        "answer": scenario.answer,
        "seconds": scenario.achieved["seconds"],
        "steps": len(judged),
        **(scenario.summary or {}),
    }


def write_searches(found: dict[str, Any]) -> str:
    """All of the document that the searches fill in."""
    full, quick = found["full"], found["quick"]
    rows = [write_row("full", full), *(write_row(f"quick, {number}", one) for number, one in enumerate(quick, 1))]
    return "\n".join([say_where(full), f"{full['answer']}\n", "![The curve of the full search](search_curve.png)\n",
                      HEAD + "".join(rows), *([say_spread(quick)] if quick else [])])  # fmt: skip


def say_where(full: dict[str, Any]) -> str:
    """Where and with what the full search ran."""
    machine, books = full["machine"], full["services"]["books"]
    workers = f"{full['services']['auth']['workers']} auth and {books['workers']} books workers"
    return (
        f"{full['started'][:10]}, {machine['cpus']} cores ({machine['cpu']}; load and services share them), Python\n"
        f"{machine['python']}, Locust {machine['locust']}, bcrypt cost {books['bcrypt_rounds']}, {workers}, commit\n"
        f"{full['commit']}. Verdict: **{full['verdict']}**.\n"
    )


def write_row(title: str, one: dict[str, Any]) -> str:
    """The row of a search."""
    point = one["break_point"]
    cells = [point["holds"], point["breaks"], point["holds_rps"], one["steps"], one["seconds"]]
    return f"| {title} | {' | '.join('' if cell is None else f'{cell:,.0f}' for cell in cells)} |\n"


def say_spread(quick: list[dict[str, Any]]) -> str:
    """How far the quick searches differ, of the same stack in a row."""
    held = [one["break_point"]["holds"] or 0 for one in quick]
    spread = say_share((max(held) - min(held)) / (sum(held) / len(held)))
    when = f"{quick[0]['started'][:10]}, commit {quick[0]['commit']}"
    return (
        f"The quick searches, of one stack in a row ({when}), differ by {spread} of their mean from the\n"
        "least to the most.\n"
    )


def main() -> None:
    """Measure the searches, and write numbers, picture and document."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.documents.searches FULL|- [QUICK...]")
    full, *quick = sys.argv[1:]
    kept = json.loads(FILE.read_text(encoding="utf-8"))["full"] if full == "-" else measure(Path(full))
    found: dict[str, Any] = {"full": kept, "quick": [measure(Path(folder)) for folder in quick]}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if full != "-":
        write_pictures(show_report(build_report(Path(full)), CURVE), kept["started"])
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_searches(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
