"""The test by flipped signs, its interval, and Holm's correction: against brute force, and on made-up noise."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from analysis.compare.holm import LEVEL, share_level
from analysis.compare.sign_flips import EXACT, Values, find_interval, find_p, least_p

RUNS = 2000
PAIRS = 12
DEALT = np.array([1 if pair % 2 == 0 else -1 for pair in range(PAIRS)])  # A B B A: which block of a pair is B's


def draw(pairs: int, seed: int = 1, shift: float = 0.0) -> Values:
    """Differences of pairs with the noise of blocks."""
    return np.random.default_rng(seed).normal(shift, 0.1, pairs)


def count_by_hand(differences: Values) -> float:
    """The p of all patterns of signs, each tried by itself."""
    seen = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(differences))]
    return float(np.mean([total >= seen - 1e-12 for total in sums]))


@pytest.mark.parametrize("pairs", [1, 2, 6, 9, 12])
@pytest.mark.parametrize("shift", [0.0, 0.08, -0.3])
def test_p_is_that_of_all_patterns_of_signs(pairs: int, shift: float) -> None:
    differences = draw(pairs, shift=shift)
    assert find_p(differences) == pytest.approx(count_by_hand(differences), abs=1e-12)


@pytest.mark.parametrize("pairs", [8, EXACT])
def test_p_is_that_of_scipy(pairs: int) -> None:
    differences = draw(pairs, seed=5, shift=0.05)
    theirs = stats.permutation_test(
        (differences,), lambda sample, axis: sample.mean(axis=axis), permutation_type="samples", n_resamples=2**EXACT
    )
    assert find_p(differences) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_p_of_many_pairs_is_near_that_of_a_normal_distribution_and_the_same_each_time() -> None:
    differences = draw(40, seed=2, shift=0.04)
    z = abs(differences.sum()) / np.sqrt((differences**2).sum())
    assert find_p(differences) == find_p(differences)
    assert find_p(differences) == pytest.approx(2 * stats.norm.sf(z), rel=0.2)


def test_p_is_never_0_and_no_larger_than_1() -> None:
    for pairs in (1, 5, EXACT, 40):
        assert 0 < least_p(pairs) == pytest.approx(find_p(np.full(pairs, 0.5)))
        assert find_p(np.zeros(pairs)) == 1


def test_p_does_not_depend_on_which_side_is_called_a() -> None:
    for pairs in (9, 30):
        assert find_p(draw(pairs, shift=0.03)) == pytest.approx(find_p(-draw(pairs, shift=0.03)))


@pytest.mark.parametrize("pairs", [9, 12, 25])
@pytest.mark.parametrize("level", [0.01, 0.01 / 3, 0.2])
def test_the_interval_ends_where_the_test_begins_to_refuse(pairs: int, level: float) -> None:
    differences = draw(pairs, seed=4, shift=0.1)
    low, high = find_interval(differences, level)
    if least_p(pairs) > level:
        assert (low, high) == (-np.inf, np.inf)
        return
    assert low < differences.mean() < high
    assert find_p(differences - (low - 1e-9)) <= level < find_p(differences - (low + 1e-9))
    assert find_p(differences - (high + 1e-9)) <= level < find_p(differences - (high - 1e-9))


def make_series(kind: str, blocks: int, source: np.random.Generator) -> Values:
    """The logarithms of a measure in the blocks of RUNS comparisons, as noise and drift of a place have them."""
    steps = source.normal(0, 0.1, (RUNS, blocks + 100))
    if kind == "steady":
        return steps[:, 100:]
    if kind == "neighbour":  # that comes and goes
        there = np.cumsum(source.random((RUNS, blocks)) < 0.3, axis=1) % 2
        return steps[:, 100:] * 0.3 + there * 0.5
    if kind == "drift":
        return steps[:, 100:] + np.linspace(0, 2, blocks)
    return np.asarray(lfilter([1], [1, -0.8], steps, axis=1)[:, 100:], dtype=float)  # each resembles the one before


@pytest.mark.parametrize("kind", ["steady", "neighbour", "drift", "resembling"])
def test_false_alarms_are_as_rare_as_the_level_says_and_intervals_hold_the_truth(kind: str) -> None:
    series = make_series(kind, 2 * PAIRS, np.random.default_rng(7))
    differences = (series[:, 1::2] - series[:, ::2]) * DEALT + 0.1
    alarms = sum(find_p(each - 0.1) <= LEVEL for each in differences)
    ends = np.array([find_interval(each, LEVEL) for each in differences[:500]])
    missed = ((ends[:, 0] > 0.1) | (ends[:, 1] < 0.1)).sum()
    assert alarms <= 0.02 * RUNS
    assert missed <= 0.03 * len(ends)


def test_blocks_dealt_a_b_a_b_would_raise_false_alarms_in_a_drift() -> None:
    series = make_series("drift", 2 * PAIRS, np.random.default_rng(7))
    alarms = sum(find_p(each) <= LEVEL for each in series[:, 1::2] - series[:, ::2])
    assert alarms > 0.05 * RUNS


def test_a_shift_of_the_size_of_the_noise_is_found() -> None:
    series = make_series("steady", 2 * PAIRS, np.random.default_rng(9))
    found = sum(find_p(each) <= LEVEL for each in (series[:, 1::2] - series[:, ::2]) * DEALT + 0.2)
    assert found > 0.9 * RUNS


def test_holm_judges_the_smallest_p_at_a_share_of_the_level_and_the_next_more_gently() -> None:
    assert share_level([0.001, 0.02, 0.0045]) == pytest.approx([LEVEL / 3, LEVEL, LEVEL / 2])
    assert share_level([0.5, 0.004, 0.6]) == pytest.approx([LEVEL / 3] * 3)
    assert share_level([0.003, 0.006, 0.009]) == pytest.approx([LEVEL / 3, LEVEL / 2, LEVEL / 2])
    assert share_level([0.01]) == [LEVEL]
    assert share_level([]) == []


def test_holm_keeps_the_false_alarms_of_a_family_at_the_level() -> None:
    ps = np.random.default_rng(3).random((20_000, 5))
    alarms = sum(any(p <= at for p, at in zip(each, share_level(list(each)), strict=True)) for each in ps)
    assert 0.007 < alarms / len(ps) < 0.013
