"""One thread for everybody is the mistake; for the threaded server of today no direction is asserted."""

import pytest

from lessons.development_server.experiment import run
from lessons.place import Place


@pytest.mark.alone
def test_one_thread_for_everybody_answers_a_quarter_of_what_gunicorn_does_and_nothing_is_reset(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["one thread answers/s"] < figures["cure answers/s"] / 4
    assert figures["cure time-outs"] == figures["today time-outs"] == 0
    assert [value for name, value in figures.items() if name.endswith(("resets", "refused"))] == [0.0] * 6
