"""The lesson cold_cqrs in its short form."""

import pytest

from lessons.cold_cqrs.experiment import run
from lessons.place import Place


@pytest.mark.alone
def test_only_a_read_model_that_is_rebuilt_in_place_loses_sight_of_books(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake_worst_percent"] >= 10
    assert figures["cure_reads"] > 50
    assert figures["cure_not_found"] == 0
