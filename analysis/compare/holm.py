"""Shares the level of a family among its tests, so that any false alarm in it is as rare as the level says.

Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
"""

from collections.abc import Sequence

LEVEL = 0.01  # of a family: it has a false alarm in at most one of a hundred comparisons


def share_level(ps: Sequence[float], level: float = LEVEL) -> list[float]:
    """The level at which Holm's procedure judges each of some p; a test is significant where its p is at most that.

    The smallest p is judged at level / tests, the next at level / (tests - 1), and so on. From the first that is not
    significant on, none is, and all of them are judged at its level.
    """
    order, levels = sorted(range(len(ps)), key=lambda number: ps[number]), [level] * len(ps)
    for place, number in enumerate(order):
        levels[number] = level / (len(ps) - place)
        if ps[number] > levels[number]:
            for rest in order[place:]:
                levels[rest] = levels[number]
            break
    return levels
