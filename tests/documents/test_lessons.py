"""docs/lessons.md says what the lessons showed."""

import re

from lessons.lesson import NAMES, TITLES
from lessons.record import read_outcomes
from tests.documents.lessons import DOCUMENT, FILE, write_document

OUTCOMES = read_outcomes(FILE)


def test_each_lesson_is_told_in_its_order_with_its_result() -> None:
    assert tuple(OUTCOMES) == NAMES
    text = DOCUMENT.read_text(encoding="utf-8")
    told = re.findall(r"^## (\d+\. .*)$|^<!-- (.*): begin -->$", text, re.M)
    wanted = [(f"{number}. {TITLES[name]}", name) for number, name in enumerate(NAMES, start=1)]
    assert [each for pair in told for each in pair if each] == [each for pair in wanted for each in pair]


def test_the_document_says_what_was_measured() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == write_document(text, OUTCOMES), "run python -m tests.documents.lessons"


def test_every_row_of_a_table_has_a_cell_for_each_column_and_each_column_a_name() -> None:
    assert [name for name, each in OUTCOMES.items() if not all(each.columns)] == []
    wrong = [(name, row) for name, each in OUTCOMES.items() for row in each.rows if len(row) != len(each.columns)]
    assert wrong == []
