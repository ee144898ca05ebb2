"""Our binomial figures are those of scipy.stats."""

import pytest
from scipy.stats import binom

from analysis.checks.binomial import find_chance, find_middle

SHARES = (0.0, 0.0005, 0.05, 0.25, 0.5, 0.999, 1.0)


@pytest.mark.parametrize("number", [1, 2, 30, 999, 250_000])
@pytest.mark.parametrize("share", SHARES)
def test_a_chance_is_that_of_scipy(number: int, share: float) -> None:
    for least in {0, 1, number // 3, round(number * share), min(number, round(number * share) + 5), number}:
        assert find_chance(least, number, share) == pytest.approx(binom.sf(least - 1, number, share), rel=1e-9)


@pytest.mark.parametrize("number", [1, 2, 30, 999, 250_000])
@pytest.mark.parametrize("share", SHARES[1:-1])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_an_interval_is_that_of_scipy(number: int, share: float, confidence: float) -> None:
    assert find_middle(confidence, number, share) == binom.interval(confidence, number, share)
