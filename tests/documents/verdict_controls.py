"""All controls of the verdicts, and the table of them in docs/verdicts.md.

`python -m tests.documents.verdict_controls` writes the table anew.
"""

from pathlib import Path

from tests.support.control_answers import ANSWERS, PROMISES
from tests.support.control_cases import Control
from tests.support.control_questions import QUESTIONS
from tests.support.control_regressions import REGRESSIONS

CONTROLS = (*QUESTIONS, *PROMISES, *ANSWERS)
DOCUMENT = Path(__file__).parents[2] / "docs" / "verdicts.md"
BEGIN, END = "<!-- controls: begin -->\n", "<!-- controls: end -->\n"
HEAD = "| rule | scenario | a run that this rule catches | verdict | just inside: PASS |\n|---|---|---|---|---|\n"


def write_table() -> str:
    """The rows of all controls in Markdown."""
    return HEAD + "".join(f"{write_row(control)}\n" for control in (*CONTROLS, *REGRESSIONS))


def write_row(control: Control) -> str:
    """The row of one control."""
    inside = "" if control.others else control.inside
    cells = (control.rule, f"{control.scenario}, {control.profile}", control.broken, control.verdict, inside)
    return f"| {' | '.join(cells)} |"


def replace_between(text: str, begin: str, end: str, new: str) -> str:
    """A text with another part between two markers; ValueError when one is missing."""
    head, rest = text.split(begin)
    return f"{head}{begin}{new}{end}{rest.split(end)[1]}"


def main() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_table()), encoding="utf-8")


if __name__ == "__main__":
    main()
