"""The connector's pool refuses at once, waits one thread after the other, and loses its slots; ours does not."""

import pytest

from lessons.bare_pool.experiment import AT_ONCE, SLOTS, run
from lessons.place import Place


@pytest.mark.alone
def test_the_connectors_pool_fails_in_three_ways_in_which_ours_does_not(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake errors at once"] > figures["cure errors at once"] + AT_ONCE / 4
    assert figures["mistake last after s"] > 4 * figures["cure last after s"]
    assert figures["mistake errors after unread"] == 2 * SLOTS
    assert figures["mistake exhausted in the end"]
    assert figures["cure errors after unread"] == 0
