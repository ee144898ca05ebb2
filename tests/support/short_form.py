"""Which cases the short form of a test has where the same code meets them all; the long form has every one."""

from collections.abc import Sequence
from typing import TypeVar

from tests.support.read_models import LONG

One = TypeVar("One")
Other = TypeVar("Other")


def pair_up(ones: Sequence[One], others: Sequence[Other]) -> list[tuple[One, Other]]:
    """Return all pairs; in the short form those with the first of the one or of the other, so that each is met."""
    return [(one, other) for one in ones for other in others if LONG or one == ones[0] or other == others[0]]


def pick(cases: Sequence[One], *places: int) -> Sequence[One]:
    """Return all cases; in the short form those at these places."""
    return cases if LONG else [cases[place] for place in places]
