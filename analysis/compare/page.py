"""Writes compare.html, a page that needs no other file, in the style of report.html."""

from typing import Any

from analysis.compare.comparison import BLOCKS, Comparison
from analysis.compare.judging import CANNOT_TELL, DIFFERS, FASTER, INVALID, SAME, SLOWER
from analysis.compare.picture import draw_picture
from analysis.compare.rows import list_more, list_tables
from analysis.findings import PASS
from analysis.records.comparison import PLAN_FILE, SIDES
from analysis.report.page import load_template

LOOKS = {
    SLOWER: ("fail", "✗"),
    FASTER: ("pass", "✓"),
    SAME: ("pass", "✓"),
    CANNOT_TELL: ("inconclusive", "?"),
    DIFFERS: ("inconclusive", "≠"),
    INVALID: ("invalid", "!"),
    PASS: ("pass", "✓"),
}  # class in the style sheet, and sign
TITLES = {"what": "asked for", "auth": "address of auth", "books": "address of books"}  # of facts about a side
HIDDEN = ("label", "settings")


def write_html(comparison: Comparison) -> str:
    """The text of compare.html."""
    return load_template("compare.html.j2").render(
        one=comparison,
        is_of_blocks=comparison.kind == BLOCKS,
        tables=list_tables(comparison.findings),
        more=list_more(comparison.findings),
        picture=draw_picture(comparison.courses, comparison.findings, comparison.within),
        sides=[(name.upper(), comparison.sides[name]["label"], list_facts(comparison.sides[name])) for name in SIDES],
        not_passed=[check for check in comparison.checks if check.verdict != PASS],
        held=[check for check in comparison.checks if check.verdict == PASS],
        source=PLAN_FILE if comparison.kind == BLOCKS else "run.json",
        looks=LOOKS,
    )


def list_facts(side: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, words) of a side, as far as it is known."""
    facts = [(TITLES.get(name, name), str(side[name])) for name in side if name not in HIDDEN and side[name]]
    settings = side.get("settings") or {}
    for service, values in settings.items():
        facts.append((f"{service} service", ", ".join(f"{name} {value}" for name, value in values.items())))
    return facts
