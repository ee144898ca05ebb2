"""The Universal Scalability Law is found again where answers follow it, and not shown where they do not."""

import random

import pytest

from analysis.scenarios.scalability import Point, fit_law, say_law

LOADS = (100, 150, 225, 338, 507, 760, 1140, 1400, 1710)


def follow(waiting: float, coherence: float, noise: float = 0.01) -> list[Point]:
    """Steps that follow the law, but for some noise."""
    source = random.Random(5)
    points = []
    for load in LOADS:
        rate = 0.5 * load / (1 + waiting * (load - 1) + coherence * load * (load - 1)) * source.gauss(1, noise)
        points.append(Point(load, rate, rate * (1 - 2 * noise), rate * (1 + 2 * noise)))
    return points


@pytest.mark.parametrize(("waiting", "coherence"), [(5e-4, 1e-7), (1e-3, 5e-7), (0, 2e-6)])
def test_the_coefficients_are_found_again(waiting: float, coherence: float) -> None:
    law = fit_law(follow(waiting, coherence, noise=1e-5))
    assert law is not None
    assert law.waiting == pytest.approx(waiting, rel=0.01, abs=1e-6)
    assert law.coherence == pytest.approx(coherence, rel=0.01)


def test_a_peak_among_the_steps_is_found_again_in_noise() -> None:
    law = fit_law(follow(1e-3, 5e-7))
    assert law is not None and law.peak is not None
    assert law.peak == pytest.approx((0.999 / 5e-7) ** 0.5, rel=0.1)
    assert f"{law.peak:,.0f}" in say_law(law, LOADS[-1])


def test_answers_that_grow_with_the_users_have_no_peak() -> None:
    law = fit_law(follow(0, 0))
    assert law is not None
    assert "no peak" in say_law(law, LOADS[-1])


def test_a_wall_is_not_shown_as_a_curve() -> None:
    wall = [Point(load, rate, rate * 0.99, rate * 1.01) for load in LOADS if (rate := min(0.5 * load, 200.0))]
    assert fit_law(wall) is None


def test_too_few_loads_give_no_curve() -> None:
    assert fit_law(follow(1e-3, 5e-7)[:4]) is None
