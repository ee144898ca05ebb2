"""A search for the break-point comes to the right bracket whatever the services bear, or to none."""

import math

from hypothesis import given
from hypothesis import strategies as st

from load.run.search import LEAST, Tries

FIRST, MOST, GROWTH, WIDTH = 300, 5000, 1.5, 0.1
MOST_STEPS = 14


def search(breaks_from: float, *, odd: dict[int, bool] | None = None) -> tuple[Tries, list[int]]:
    """Search where steps break from a load on; `odd` are tries, by their number, that show another thing."""
    bracket, loads = Tries(FIRST, MOST, GROWTH, WIDTH), []
    while (load := bracket.choose()) is not None:
        loads.append(load)
        bracket.note(load, broke=(odd or {}).get(len(loads), load >= breaks_from))
        assert len(loads) <= MOST_STEPS
    return bracket, loads


@given(st.floats(LEAST + 1, MOST))
def test_the_break_point_lies_in_a_narrow_bracket_whose_ends_were_tried_twice(breaks_from: float) -> None:
    bracket, _ = search(breaks_from)
    assert bracket.holds is not None and bracket.breaks is not None
    assert bracket.holds < breaks_from <= bracket.breaks
    assert bracket.breaks - bracket.holds <= max(1, WIDTH * bracket.holds)
    assert bracket.tries[bracket.holds] == [False, False]
    assert bracket.tries[bracket.breaks] == [True, True]


def test_steps_grow_by_half_until_one_breaks() -> None:
    _, loads = search(1000)
    assert loads[:4] == [300, 450, 675, 1013]


def test_a_load_that_never_breaks_ends_the_search_at_the_most_that_is_allowed() -> None:
    bracket, loads = search(math.inf)
    assert (bracket.holds, bracket.breaks, loads[-1]) == (MOST, None, MOST)


def test_a_load_that_always_breaks_ends_the_search_at_the_least() -> None:
    bracket, loads = search(0)
    assert (bracket.holds, bracket.breaks, loads[-1]) == (None, LEAST, LEAST)


def test_what_held_and_breaks_the_second_time_is_no_end_of_the_interval() -> None:
    plain, loads = search(1000)
    bracket, again = search(1000, odd={len(loads) - 1: True})
    assert again == loads and plain.holds is not None and bracket.holds is not None
    assert bracket.holds < plain.holds and bracket.breaks == plain.breaks


def test_what_broke_and_holds_the_second_time_is_no_end_of_the_interval() -> None:
    plain, loads = search(800)
    bracket, again = search(800, odd={len(loads): False})
    assert again == loads and plain.breaks is not None and bracket.breaks is not None
    assert bracket.breaks > plain.breaks and bracket.holds == plain.holds


def test_a_largest_load_that_broke_and_holds_the_second_time_is_followed_by_a_larger_one() -> None:
    plain, loads = search(1000)
    assert plain.breaks == max(loads)
    bracket, again = search(1000, odd={len(loads): False})
    assert again[:-1] == loads and bracket.breaks == again[-1] > plain.breaks
