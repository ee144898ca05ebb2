"""Says what report.html shows of a table: no empty column of faults, and folded where nothing went wrong."""

from dataclasses import dataclass
from typing import Any

from analysis.findings import Table
from analysis.report.request_tables import ENDPOINTS, FAILURES

FAULTS = ("wrong", "unanswered", "shed", "errors")  # columns that count what should not be
ROWS = 200  # that are shown; summary.json has all


@dataclass(frozen=True)
class ShownTable:
    """A table as the page has it; `without` are the columns left out because each of their values is 0.

    `is_open` says that it tells of a fault; `more` rows of it are left to summary.json.
    """

    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    without: tuple[str, ...]
    is_open: bool
    more: int

    @property
    def number(self) -> int:
        """How many rows the table has."""
        return len(self.rows) + self.more

    def is_numeric(self, place: int) -> bool:
        """Whether a column holds numbers alone, or nothing."""
        return not any(isinstance(row[place], str) for row in self.rows)


def show_table(table: Table) -> ShownTable:
    """Choose what is shown of a table."""
    without = tuple(
        name
        for place, name in enumerate(table.columns)
        if name in FAULTS and table.rows and not any(row[place] for row in table.rows)
    )
    kept = [place for place, name in enumerate(table.columns) if name not in without]
    faults = [name for name in table.columns if name in FAULTS and name not in without]
    return ShownTable(
        title=table.title,
        source=table.source,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows[:ROWS]),
        without=without,
        is_open=(bool(faults) and table.title == ENDPOINTS)
        or table.title == FAILURES
        or table.title.startswith("Ledger"),
        more=max(0, len(table.rows) - ROWS),
    )
