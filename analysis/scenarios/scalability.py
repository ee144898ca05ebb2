"""Fits the Universal Scalability Law to the steps of a search: Gunther, "Guerrilla Capacity Planning" (2007).

    answers a second at N users = rate * N / (1 + waiting * (N - 1) + coherence * N * (N - 1))

`waiting` is what grows with the users because they wait for one another, `coherence` what grows with their pairs,
because each part has to agree with each other part. Where coherence is above 0, answers fall again beyond a peak.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 5  # loads, for three numbers
NEAR = 0.1  # by which no step may differ from a fit that is shown
UNSEEN = 1e-6  # a coefficient that says nothing
FARTHEST = 3.0  # times the largest load: a peak beyond is a guess, and not said
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A load and its answers a second, with their interval."""

    load: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    """A fit: answers a second of one user alone, and its two coefficients."""

    rate: float
    waiting: float
    coherence: float
    off: float  # by how much the farthest step differs from it, a share

    def at(self, load: float) -> float:
        """Answers a second."""
        return float(_law(np.array([load]), self.rate, self.waiting, self.coherence)[0])

    @property
    def peak(self) -> float | None:
        """The load at which answers are most; None where they go on rising."""
        if self.coherence <= 0 or self.waiting >= 1:
            return None
        return math.sqrt((1 - self.waiting) / self.coherence)


def _law(load: Values, rate: float, waiting: float, coherence: float) -> Values:
    answers: Values = rate * load / (1 + waiting * (load - 1) + coherence * load * (load - 1))
    return answers


def fit_law(points: Sequence[Point]) -> Law | None:
    """The law that fits best, each point weighted by its interval; None with too few, or where none fits well.

    It fits well when no point differs from it by more than a tenth.
    """
    from scipy.optimize import curve_fit  # noqa: PLC0415  takes long to load, and only this scenario needs it

    if len({point.load for point in points}) < FEWEST:
        return None
    loads, rates = (np.array([getattr(point, name) for point in points], dtype=float) for name in ("load", "rate"))
    widths = np.array([max(point.high - point.low, 0.001 * point.rate, 1e-9) for point in points])
    try:
        (rate, waiting, coherence), _ = curve_fit(
            _law, loads, rates, p0=(rates[0] / loads[0], 0.0, 0.0), sigma=widths, bounds=(0, (np.inf, 1, 1)),
            x_scale=(rates[0] / loads[0], 1e-4, 1e-8),
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return None
    off = float(np.max(np.abs(_law(loads, rate, waiting, coherence) / rates - 1)))
    return Law(float(rate), float(waiting), float(coherence), off) if off <= NEAR else None


def say_law(law: Law, most: int) -> str:
    """The two coefficients and the peak in words; `most` is the largest load that was tried."""
    waiting = "hardly any work waits for other work"
    if law.waiting > UNSEEN:
        waiting = f"{100 * law.waiting:.2g} % of the work waits for other work"
    words = f"Fitted to the steps, {waiting}"
    peak = law.peak
    if peak is None or peak > FARTHEST * most:
        return f"{words}, and no peak of the answers a second is near."
    return f"{words}, and answers a second are most at about {peak:,.0f} (about {law.at(peak):,.0f}/s)."
