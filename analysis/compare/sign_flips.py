"""Tests whether differences of pairs are about zero, and finds the interval of their mean, by flipping their signs.

Where A and B are the same, each difference is as likely to have the other sign. So every pattern of signs is as likely
as the one that was seen: Fisher, "The Design of Experiments" (1935), section 21. The interval holds every shift that
the same test does not refuse. For the mean its ends are means of subsets of the differences, so nothing is searched
for: Hartigan, "Using Subsample Values as Typical Values" (1969).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

EXACT = 16  # pairs, up to which all patterns of signs are tried
# So many patterns are drawn for more pairs, beside that of no flip: with it no p is 0, and none is too small (Phipson
# and Smyth, "Permutation P-values Should Never Be Zero", 2010).
DRAWS = 2**EXACT
SEED = 1  # the same patterns each time
SLACK = 1e-12  # of the largest sum: two sums that differ by less are equal

Values = NDArray[np.float64]
Interval = tuple[float, float]


@lru_cache(maxsize=8)
def flips(pairs: int) -> Values:
    """Which differences a pattern flips, 1 or 0: a row for each pattern, the first flips none."""
    if pairs <= EXACT:
        return (np.arange(2**pairs)[:, np.newaxis] >> np.arange(pairs) & 1).astype(float)
    drawn = np.random.default_rng(SEED).integers(0, 2, (DRAWS, pairs)).astype(float)
    return np.vstack([np.zeros(pairs), drawn])


def find_p(differences: Values) -> float:
    """How likely a mean so far from 0 is by chance, on either side: from 2 / patterns to 1, never 0.

    Twice the smaller of the shares of patterns whose mean is at least, and at most, the mean that was seen.
    """
    sums = flips(len(differences)) @ differences  # a flip takes such a sum away from the total twice
    slack = SLACK * float(np.abs(differences).sum())
    return float(min(1.0, 2 * min((sums <= slack).mean(), (sums >= -slack).mean())))


def find_interval(differences: Values, level: float) -> Interval:
    """The interval of the mean that misses the true mean in at most `level` of such comparisons.

    It is without 0 exactly where `find_p` is at most `level`. Too few pairs for a level leave an end infinite.
    """
    flipped = flips(len(differences))
    sizes = flipped.sum(axis=1)
    means = np.sort(flipped[sizes > 0] @ differences / sizes[sizes > 0])
    # `refused` patterns at an end are as many as the level allows; those that flip nothing count at either end.
    refused = int(np.floor(level * len(flipped) / 2 + 1e-9)) - int((sizes == 0).sum())
    if refused < 0:
        return -np.inf, np.inf
    return float(means[refused]), float(means[-1 - refused])


def least_p(pairs: int) -> float:
    """The smallest p that so many pairs can have."""
    return float(min(1.0, 2 / len(flips(pairs))))
