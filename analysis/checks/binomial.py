"""The binomial distribution: how many of so many requests are of one kind by chance.

It is made of `scipy.special`: `scipy.stats` has it too, but takes longer to load than a whole summary to make.
"""

import math

from scipy.special import bdtr, bdtrc, bdtrik


def find_chance(least: int, number: int, share: float) -> float:
    """Return the chance that at least so many of a number of requests are of a kind that has this share of all."""
    return float(bdtrc(least - 1, number, share)) if least > 0 else 1.0


def find_middle(confidence: float, number: int, share: float) -> tuple[int, int]:
    """Return the interval that holds how many of a number of requests are of such a kind, with this confidence; at most
    half of the rest lies on either side.
    """
    tail = (1 - confidence) / 2
    return _find_quantile(tail, number, share), _find_quantile(1 - tail, number, share)


def _find_quantile(chance: float, number: int, share: float) -> int:
    """Return the least count that is not exceeded with this chance."""
    above = math.ceil(float(bdtrik(chance, number, share)))
    return above - 1 if above and float(bdtr(above - 1, number, share)) >= chance else above
