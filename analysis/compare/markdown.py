"""Writes compare.md: the verdict and its reasons first, then a row a measure; for the page of a workflow too."""

from analysis.compare.comparison import Comparison
from analysis.compare.judging import CANNOT_TELL, FASTER, INVALID, SAME, SLOWER
from analysis.compare.rows import COLUMNS, TEXTS, list_short
from analysis.records.comparison import SIDES
from analysis.report.summary_markdown import escape

LEGEND = (
    "Below 0 % B has less: of answers a second that is worse, of all else better. A measure without a verdict is not"
    " judged."
)
SYMBOLS = {SLOWER: "❌", FASTER: "✅", SAME: "✅", CANNOT_TELL: "❔", INVALID: "⚠️"}


def write_markdown(comparison: Comparison) -> str:
    """The text of compare.md."""
    partial = "" if comparison.complete else " (PARTIAL: not all that was planned ran to its end)"
    lines = [f"# {SYMBOLS[comparison.verdict]} {comparison.verdict}{partial}", "", escape(comparison.answer), ""]
    lines += [f"- {name.upper()}: {escape(comparison.sides[name]['label'])}" for name in SIDES]
    lines += ["", *(f"- **{verdict}** {escape(words)}" for verdict, words in comparison.reasons), ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{':---|' * TEXTS}{'---:|' * (len(COLUMNS) - TEXTS)}"]
    lines += [f"| {' | '.join(map(escape, row.cells))} |" for row in list_short(comparison.findings)]
    lines += ["", LEGEND, ""]
    lines += (
        ["## What to know", "", *(f"- {escape(note)}" for note in comparison.notes), ""] if comparison.notes else []
    )
    return "\n".join(lines)
