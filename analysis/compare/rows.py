"""Lays the findings of a comparison out as rows of text, for the terminal, the Markdown and the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.compare.judging import CANNOT_TELL, DIFFERS, FASTER, INVALID, SAME, SLOWER, Finding
from analysis.compare.pairs import ALL
from analysis.compare.words import say_change, say_interval, show_value

COLUMNS = ("measure", "verdict", "A", "B", "B against A", "interval")
TEXTS = 2  # of these are text, the others numbers
COLOURS = {SLOWER: "red", FASTER: "green", SAME: "green", "": ""} | dict.fromkeys(
    (CANNOT_TELL, DIFFERS, INVALID), "yellow"
)


@dataclass(frozen=True)
class Row:
    """A finding in words, one for each of COLUMNS; `verdict` is "" where it was not judged."""

    measure: str
    verdict: str
    a: str
    b: str
    change: str
    interval: str

    @property
    def cells(self) -> tuple[str, ...]:
        return self.measure, self.verdict, self.a, self.b, self.change, self.interval


def list_tables(findings: Sequence[Finding]) -> list[tuple[str, list[Row]]]:
    """The tables of a page with their titles: all together and what is judged of endpoints, or each scenario."""
    together = [make_row(each) for each in findings if each.scope == ALL]
    if not together:
        scopes = dict.fromkeys(finding.scope for finding in findings)
        return [(scope, [make_row(each) for each in findings if each.scope == scope]) for scope in scopes]
    endpoints = [make_row(each, with_scope=True) for each in findings if each.scope != ALL and each.verdict]
    tables = [("All together", together), ("Each endpoint", endpoints)]
    return [(title, rows) for title, rows in tables if rows]


def list_short(findings: Sequence[Finding]) -> list[Row]:
    """The rows that fit a terminal: all endpoints together, and of each endpoint what is judged."""
    return [make_row(each, with_scope=True) for each in findings if each.scope == ALL or each.verdict]


def list_more(findings: Sequence[Finding]) -> list[Row]:
    """The rows of the endpoints that are not judged."""
    return [make_row(each, with_scope=True) for each in findings if each.scope != ALL and not each.verdict]


def make_row(finding: Finding, with_scope: bool = False) -> Row:
    """The row of a finding; with its scope, where that is an endpoint or a scenario."""
    scope = f"{finding.scope}: " if with_scope and finding.scope != ALL else ""
    a, b = (f"{show_value(value)} {finding.measure.unit}" for value in (finding.a, finding.b))
    return Row(
        f"{scope}{finding.measure.title}",
        finding.verdict or "",
        a,
        b,
        say_change(finding.ratio),
        f"{say_interval(finding)} ({100 * (1 - finding.level):.4g} %)",
    )
