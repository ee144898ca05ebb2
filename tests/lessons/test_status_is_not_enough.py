"""The lesson status_is_not_enough in its short form."""

import pytest

from lessons.place import Place
from lessons.status_is_not_enough.experiment import run


@pytest.mark.alone
def test_only_the_test_by_content_sees_wrong_books_and_one_user_meets_none(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["requests_by_status"] > 50
    assert figures["failures_by_status"] == 0
    assert figures["percent_wrong"] >= 10
    assert figures["failures_of_one_user"] == 0
