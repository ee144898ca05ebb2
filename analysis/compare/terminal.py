"""Prints what a comparison showed: a row a measure, the reasons, and the verdict last."""

from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.compare.comparison import Comparison
from analysis.compare.rows import COLOURS, COLUMNS, TEXTS, Row, list_short
from analysis.records.comparison import SIDES


def print_comparison(folder: Path, comparison: Comparison, console: Console) -> None:
    """Print the sides, the table, the reasons, what to know, the verdict and where the page is."""
    for name in SIDES:
        console.print(Text(f"{name.upper()}: {comparison.sides[name]['label']}"), soft_wrap=True)
    print_rows(list_short(comparison.findings), console)
    for kind, words in comparison.reasons:
        console.print(Text.assemble((kind, COLOURS[kind]), f" {words}"))
    for note in comparison.notes:
        console.print(Text(f"Note: {note}"))
    partial = "" if comparison.complete else " (PARTIAL: not all that was planned ran to its end)"
    verdict = Text(comparison.verdict, style=f"bold {COLOURS[comparison.verdict]}")
    console.print(Text.assemble("\n", verdict, partial, f": {comparison.answer}"))
    console.print(Text(f"Report: {folder / 'compare.html'}"), soft_wrap=True)


def print_rows(rows: list[Row], console: Console) -> None:
    """Print a table where the terminal has room for all of it, else words, which wrap: no figure is ever cut."""
    if not rows:
        return
    widths = [max(map(cell_len, column)) for column in zip(COLUMNS, *(row.cells for row in rows), strict=True)]
    if sum(widths) + len(widths) - 1 <= console.width:
        console.print(build_table(rows))
        return
    for row in rows:
        values = f": {row.a} on A, {row.b} on B, {row.change}, interval {row.interval}"
        verdict = (f" {row.verdict}" if row.verdict else "", COLOURS[row.verdict])
        console.print(Text.assemble(row.measure, verdict, values))


def build_table(rows: list[Row]) -> Table:
    """The table of some rows."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for place, title in enumerate(COLUMNS):
        table.add_column(title, justify="left" if place < TEXTS else "right", no_wrap=True)
    for row in rows:
        table.add_row(row.measure, Text(row.verdict, style=COLOURS[row.verdict]), *row.cells[TEXTS:])
    return table
