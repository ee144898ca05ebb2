"""docs/performance.md says what the benchmarks wrote down."""

from benchmarks.table import Table, read_tables
from tests.documents.performance import BEGIN, DOCUMENT, END, FILE, say_ratios, write_tables
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
    rows = [[row[0], "0.50 (0.40-0.60)", "≥ 0.60", "met"] for row in TABLES["Ratios"].rows]
    rows[0][3] = "**missed by 0.100**"
    table = Table("Ratios", "", TABLES["Ratios"].columns, rows)
    told = [line for line in say_ratios(table).splitlines() if "Missed" in line]
    assert told == [f"- Missed: {rows[0][0]}, 0.50 (≥ 0.60)."]
