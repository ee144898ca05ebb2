"""docs/performance.md says what the benchmarks wrote down."""

from benchmarks.table import Table, read_tables
from tests.documents.performance import BEGIN, DOCUMENT, END, FILE, say_missed, write_tables
from tests.documents.verdict_controls import replace_between

TABLES = read_tables(FILE)


def test_the_tables_of_the_performance_are_those_of_the_benchmarks() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == replace_between(text, BEGIN, END, write_tables(TABLES)), (
        "run python -m tests.documents.performance FILE"
    )


def test_every_row_of_a_table_has_a_cell_for_each_column() -> None:
    wrong = [(table.name, row) for table in TABLES.values() for row in table.rows if len(row) != len(table.columns)]
    assert wrong == []


def test_a_ratio_below_its_bar_is_told_and_one_that_meets_it_is_not() -> None:
    rows = [["a", "0.50 (0.40-0.60)", "≥ 0.60", "met"], ["b", "0.70 (0.60-0.80)", "≥ 0.60", "met"]]
    rows[0][3] = "**missed by 0.100**"
    table = Table("Ratios", "", ["compared", "ratio", "bar", "verdict"], rows)
    assert say_missed(table) == [f"- Missed in *Ratios*: {rows[0][0]}, 0.50 (≥ 0.60)."]


def test_a_missed_bar_says_of_which_figure_it_is() -> None:
    columns = ["command, books", "books/s", "bar", "verdict", "largest memory MB", "its bar", "its verdict"]
    rows = [["rebuild", "9,000", "≥ 10,000", "**missed by 1,000**", "250 (240-260)", "< 200", "**missed by 50**"]]
    assert say_missed(Table("Rebuild and verify", "", columns, rows)) == [
        "- Missed in *Rebuild and verify*: rebuild, books/s, 9,000 (≥ 10,000).",
        "- Missed in *Rebuild and verify*: rebuild, largest memory MB, 250 (< 200).",
    ]


def test_every_table_with_a_bar_tells_what_is_missed() -> None:
    missed = sum("missed" in cell for table in TABLES.values() for row in table.rows for cell in row)
    assert write_tables(TABLES).count("- Missed in *") == missed > 0
