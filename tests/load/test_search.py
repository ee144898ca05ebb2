"""A search for the break-point comes to the right bracket whatever the services bear, or to none."""

import math

from hypothesis import given
from hypothesis import strategies as st

from load.run.search import LEAST, Tries

FIRST, MOST, GROWTH, WIDTH = 300, 5000, 1.5, 0.1
MOST_STEPS, MORE_STEPS = 14, 10  # more where a step has shown two things


def search(breaks_from: float, *, odd: dict[int, bool] | None = None) -> tuple[Tries, list[int]]:
    """Search where steps break from a load on; `odd` are tries, by their number, that show another thing."""
    bracket, loads = Tries(FIRST, MOST, GROWTH, WIDTH), []
    while (load := bracket.choose()) is not None:
        loads.append(load)
        bracket.note(load, broke=(odd or {}).get(len(loads), load >= breaks_from))
        assert len(loads) <= MOST_STEPS + (MORE_STEPS if odd else 0)
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


# Below the least load nothing is left that could hold, if that shows another thing.
@given(st.floats(2 * LEAST, MOST / 2), st.integers(1, MOST_STEPS))
def test_a_step_that_shows_another_thing_once_is_no_end_and_the_next_on_both_sides_are_near(
    breaks_from: float, number: int
) -> None:
    _, loads = search(breaks_from)
    odd = loads[min(number, len(loads)) - 1] < breaks_from
    bracket, _ = search(breaks_from, odd={min(number, len(loads)): odd})
    assert bracket.holds is not None and bracket.breaks is not None
    assert bracket.holds < breaks_from <= bracket.breaks
    assert bracket.tries[bracket.holds] == [False, False]
    assert bracket.tries[bracket.breaks] == [True, True]
    held = max(load for load, broke in bracket.tries.items() if not all(broke))
    broken = min(load for load, broke in bracket.tries.items() if any(broke))
    for low, high in ((bracket.holds, broken), (held, bracket.breaks)):
        assert high - low <= max(1, WIDTH * low)


def test_what_broke_at_first_and_then_holds_leaves_a_wide_interval() -> None:
    bracket, _ = search(1000, odd={2: True})
    assert bracket.tries[450] == [True, False]
    assert (bracket.holds, bracket.breaks) == (427, 1013)


@given(st.floats(LEAST + 1, MOST), st.integers(LEAST, 2 * MOST))
def test_where_the_load_itself_gives_way_the_search_goes_on_below(breaks_from: float, limited_from: int) -> None:
    tries, taken = Tries(FIRST, MOST, GROWTH, WIDTH), 0
    while (load := tries.choose()) is not None:
        taken += 1
        assert taken <= MOST_STEPS + 2
        if load >= limited_from:
            tries.stop_below(load)
        else:
            tries.note(load, broke=load >= breaks_from)
    if breaks_from < limited_from and tries.breaks is not None:
        assert tries.holds is None or tries.holds < breaks_from <= tries.breaks < limited_from
    if limited_from <= breaks_from:
        assert tries.breaks is None
        assert tries.holds is not None or limited_from <= LEAST + 1
        assert tries.holds is None or tries.holds < limited_from
        assert tries.holds is None or tries.ceiling is None or tries.ceiling / tries.holds <= 1 + WIDTH + 0.1


def test_a_load_that_gives_way_in_one_of_the_last_two_tries_ends_the_search_with_what_it_has() -> None:
    _, loads = search(1000)
    tries = Tries(FIRST, MOST, GROWTH, WIDTH)
    for number, load in enumerate(loads, 1):
        assert tries.choose() == load
        if number == len(loads) - 1:
            tries.stop_below(load)
        else:
            tries.note(load, broke=load >= 1000)
        if tries.choose() is None:
            break
    assert tries.choose() is None and tries.holds is not None and tries.breaks is not None


def test_between_two_steps_is_a_load_that_the_services_bear() -> None:
    tries = Tries(first=750, most=5000, growth=1.5, width=0.1)
    tries.note(750, broke=True)
    assert tries.choose_calm() == 250  # half of the next
    for load, broke in ((500, False), (612, False), (677, True)):
        tries.note(load, broke=broke)
    assert tries.choose_calm() == 500
    usual, _ = search(1000.0)
    assert usual.choose_calm() == usual.first
