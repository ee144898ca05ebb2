"""A ping at borrowing finds what MariaDB closed; a reset at giving back does not, and pool_reset_session is that."""

from lessons.place import Place
from lessons.zombies.experiment import POOLS, run


def test_only_a_pool_that_asks_nothing_meets_zombies_and_the_setting_only_forgets_the_session(place: Place) -> None:
    figures = run(place, short=True).figures
    mistake, *asking = POOLS
    assert figures[f"{mistake} errors"] == figures[f"{mistake} closed"]
    assert all(figures[f"{name} closed"] > 3 for name in POOLS)
    assert [figures[f"{name} errors"] for name in asking] == [0, 0, 0]
    assert [bool(figures[f"{name} left"]) for name in POOLS] == [False, False, True, False]  # True: reset off
