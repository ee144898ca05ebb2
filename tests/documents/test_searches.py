"""The document of the break-point says what the numbers of the searches say."""

import json

from tests.documents.searches import BEGIN, CURVE, DOCUMENT, END, FILE, say_spread, write_searches
from tests.documents.verdict_controls import replace_between


def test_the_document_of_the_break_point_is_that_of_its_searches() -> None:
    text, found = DOCUMENT.read_text(), json.loads(FILE.read_text())
    assert text == replace_between(text, BEGIN, END, write_searches(found)), "run python -m tests.documents.searches"
    assert all((DOCUMENT.parent / name).is_file() for name in CURVE)


def test_the_spread_is_that_from_the_least_to_the_most() -> None:
    one = {"started": "2026-11-29T01:02:03+00:00", "commit": "e0b4117"}
    quick = [{**one, "break_point": {"holds": holds}} for holds in (900, 1000, 1100)]
    assert "(2026-11-29, commit e0b4117), differ by 20 % of their mean" in say_spread(quick)
