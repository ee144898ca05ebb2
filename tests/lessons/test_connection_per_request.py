"""A connection per request takes MariaDB from the service beside it, and a pool does not."""

import pytest

from lessons.connection_per_request.experiment import run
from lessons.place import Place


@pytest.mark.alone
def test_a_connection_per_request_fails_the_service_beside_it_too_and_a_pool_never_does(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake 1040 books"] > 10
    assert figures["mistake 1040 users"] > 10
    assert figures["cure 1040 books"] == figures["cure wrong users"] == 0
    assert (
        figures["cure most connections"] < figures["mistake most connections"] / 2
    )  # those it has closed may linger at the server
