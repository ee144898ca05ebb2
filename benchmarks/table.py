"""A table of figures: as Markdown for people, and in a file of JSON, of which docs/performance.md is made."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

WIDTH = 120  # columns of prose


class Table(NamedTuple):
    """Figures with what a reader has to know of them; paragraphs of the caption are apart by an empty line."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list[str]]

    def to_markdown(self) -> str:
        """Return heading, caption and table; all columns but the first are aligned to the right."""
        lines = [self.columns, [":---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        paragraphs = [
            textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
            for paragraph in self.caption.split("\n\n")
        ]
        return "\n\n".join([f"## {self.name}", *paragraphs, table])


def read_tables(file: Path) -> dict[str, Table]:
    """Return the tables of a file by their names, in its order."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: Table(name, each["caption"], each["columns"], each["rows"]) for name, each in found.items()}


def merge_tables(file: Path, tables: Sequence[Table]) -> None:
    """Write tables into a file, each in the place of the one of its name, and the others as they are."""
    merged = {**read_tables(file), **{table.name: table for table in tables}}
    told = {
        name: {"caption": each.caption, "columns": each.columns, "rows": each.rows} for name, each in merged.items()
    }
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def show(numbers: Sequence[float], form: str) -> str:
    """Write the median and, of several numbers, the lowest and the highest."""
    words = [format(number, form) for number in (median(numbers), min(numbers), max(numbers))]
    return f"{words[0]} ({words[1]}–{words[2]})" if len(numbers) > 1 else words[0]  # noqa: RUF001 - a range


def judge(ratio: float, bar: float) -> str:
    """Say whether the bar is reached, else by how much it is missed."""
    return "met" if ratio >= bar else f"**missed by {bar - ratio:,.{0 if bar >= 10 else 3}f}**"


def judge_most(figure: float, bar: float) -> str:
    """Say whether a figure stays at its bar or below, else by how much it is missed."""
    return "met" if figure <= bar else f"**missed by {figure - bar:,.{0 if bar >= 10 else 3}f}**"
