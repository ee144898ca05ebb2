"""The lesson coordinated_omission in its short form."""

import pytest

from lessons.coordinated_omission.experiment import run
from lessons.place import Place


@pytest.mark.alone
def test_a_closed_load_reports_at_most_a_tenth_of_the_p99_that_people_meet(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["closed_late"] <= 10  # the one of each user that met the stop
    assert figures["open_late"] >= 50
    assert figures["open_p99_ms"] >= 2000
    assert figures["open_p99_ms"] >= 10 * figures["closed_p99_ms"]
