"""Writes the tables of the benchmarks into docs/performance.md: `python -m tests.documents.performance FILE`.

FILE is what `python -m benchmarks --json FILE` wrote. Its tables first take the place of their namesakes in
docs/data/benchmarks.json. The document is made from that file alone.
"""

import sys
import textwrap
from pathlib import Path

from benchmarks.table import WIDTH, Table, merge_tables, read_tables
from tests.documents.verdict_controls import replace_between

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
FILE = DOCUMENT.parent / "data" / "benchmarks.json"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def write_tables(tables: dict[str, Table]) -> str:
    """What the ratios say, and all tables, in Markdown."""
    missed = [line for table in tables.values() for line in say_missed(table)]
    said = "\n".join([say_ratios(tables["Ratios"]), *missed])
    return "\n\n".join([said, *(table.to_markdown() for table in tables.values())]) + "\n"


def say_ratios(ratios: Table) -> str:
    """What the ratios say of the read model."""
    found = {row[0]: row[1].partition(" ")[0] for row in ratios.rows}
    book, page = (found[f"{read}, 5,000 books, redis over sql"] for read in ("one book", "list of 50"))
    redis, sql = (found[f"list of 50, {model}, 100,000 over 5,000 books"] for model in ("redis", "sql"))
    return "\n".join([
        "## What the ratios say",
        "",
        f"- From Redis, one book is read {book} times as fast as from MariaDB. For a list of 50 it is {page} times.",
        f"- A list from 100,000 books makes {sql} of the rate with 5,000 from MariaDB, and {redis} from Redis.",
        f"- With the read model, a command makes {found['POST a book, redis over sql']} of the rate without it.",
    ])  # fmt: skip


def say_missed(table: Table) -> list[str]:
    """A line for each bar that was missed: a figure stands before its bar, and that before its verdict."""
    lines = []
    for place in [place for place, column in enumerate(table.columns) if column.endswith("verdict")]:
        column = table.columns[place - 2]
        of_what = "" if column in ("ratio", "by rate") else f", {column}"
        lines += [
            f"- Missed in *{table.name}*: {row[0]}{of_what}, {row[place - 2].partition(' ')[0]} ({row[place - 1]})."
            for row in table.rows
            if "missed" in row[place]
        ]
    return [textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines]


def main() -> None:
    """Take the tables of a run, and write tables and document."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.documents.performance FILE")
    merge_tables(FILE, list(read_tables(Path(sys.argv[1])).values()))
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_tables(read_tables(FILE))), encoding="utf-8")


if __name__ == "__main__":
    main()
