"""docs/lessons.md says what the lessons showed."""

from lessons.lesson import NAMES
from lessons.record import read_outcomes
from tests.documents.lessons import DOCUMENT, FILE, write_document

OUTCOMES = read_outcomes(FILE)


def test_each_lesson_is_told_in_its_order_with_its_result() -> None:
    assert tuple(OUTCOMES) == NAMES
    text = DOCUMENT.read_text(encoding="utf-8")
    places = [text.index(f"<!-- {name}: begin -->") for name in NAMES]
    assert places == sorted(places)


def test_the_document_says_what_was_measured() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == write_document(text, OUTCOMES), "run python -m tests.documents.lessons"


def test_every_row_of_a_table_has_a_cell_for_each_column() -> None:
    wrong = [(name, row) for name, each in OUTCOMES.items() for row in each.rows if len(row) != len(each.columns)]
    assert wrong == []
