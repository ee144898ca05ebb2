"""Writes what the lessons showed into docs/lessons.md: `python -m tests.documents.lessons [FILE]`.

FILE is the lessons.json that ./lessons.sh wrote. Its lessons first take the place of their namesakes in
docs/data/lessons.json. The figures of the document are made from that file alone.
"""

import sys
import textwrap
from pathlib import Path

from benchmarks.table import WIDTH
from lessons.lesson import Outcome
from lessons.record import merge_outcomes, read_outcomes
from tests.documents.verdict_controls import replace_between

DOCUMENT = Path(__file__).parents[2] / "docs" / "lessons.md"
FILE = DOCUMENT.parent / "data" / "lessons.json"


def write_outcome(outcome: Outcome) -> str:
    """What a lesson showed, and its table, in Markdown."""
    said = textwrap.fill(f"**Measured:** {outcome.sentence}", WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = [outcome.columns, [":---", *["---:"] * (len(outcome.columns) - 1)], *outcome.rows]
    return "\n\n".join([said, "\n".join(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def write_document(text: str, outcomes: dict[str, Outcome]) -> str:
    """The document with what each lesson showed between its two marks; ValueError when a lesson has none."""
    for name, outcome in outcomes.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        text = replace_between(text, begin, end, write_outcome(outcome))
    return text


def main() -> None:
    """Take over the lessons of a file, if there is one, and write the document."""
    if len(sys.argv) > 1:
        merge_outcomes(FILE, read_outcomes(Path(sys.argv[1])))
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(write_document(text, read_outcomes(FILE)), encoding="utf-8")


if __name__ == "__main__":
    main()
