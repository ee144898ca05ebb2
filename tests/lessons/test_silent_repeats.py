"""The lesson silent_repeats in its short form."""

import pytest

from lessons.place import Place
from lessons.silent_repeats.experiment import run


@pytest.mark.alone
def test_a_client_that_sends_again_hides_lost_answers_and_one_that_does_not_counts_each(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake_done"] >= 1.05 * figures["mistake_counted"]
    assert figures["mistake_lost_reads"] > 0
    assert figures["mistake_failed_reads"] == 0
    assert figures["mistake_not_found"] > 0
    assert figures["cure_done"] == figures["cure_counted"]
    assert figures["cure_failed_reads"] == figures["cure_lost_reads"] > 0
    assert figures["cure_not_found"] == 0
