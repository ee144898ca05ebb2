"""Counts what becomes of soaks without growth, and of growth: in shares of runs, and of series."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.checks.growth import DETECTABLE, LEVEL, SLOPE, Values, measure_course
from tests.error_rates.rivals import METHODS, Method
from tests.error_rates.wander import Noise, Random

AT_A_TIME = 5_000  # series
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Form:
    """A form of the soak: seconds that are judged, seconds a sample, series that have an objective."""

    name: str
    seconds: float
    step: float
    series: int

    @property
    def samples(self) -> int:
        """Samples of a series."""
        return int(self.seconds / self.step)

    @property
    def confidence(self) -> float:
        """That of each interval, so that it is 99 % for all of a run together."""
        return 1 - 0.01 / (2 * self.series)


# The samples of the full form are five seconds apart to spare time: what is faster is averaged out in both.
FULL, QUICK = Form("full", 1500, 5, 25), Form("quick", 120, 1, 19)
FORMS = (FULL, QUICK)


class Verdicts(NamedTuple):
    """Of each series: whether it fails, whether it is other than PASS, and the detectable growth."""

    fails: Flags
    other: Flags
    detectable: Values


def judge(form: Form, values: Values, allowed: float) -> Verdicts:
    """What the rule of the soak says of series; `allowed` is the growth in the whole time, in their own unit."""
    course = measure_course(np.arange(values.shape[-1], dtype=float) * form.step, values)
    assert course is not None
    fails: Flags = np.zeros(len(values), dtype=bool)
    unclear, found = fails.copy(), np.full(len(values), np.inf)
    for change, spread, seconds in (
        (course.slope, SLOPE, course.seconds),
        (course.level, LEVEL, course.seconds_between),
    ):
        objective, reach = allowed * seconds / form.seconds, spread.reach(form.confidence) * course.noise
        fails |= change - reach > objective
        unclear |= change > objective
        least = objective + DETECTABLE * reach
        found = np.minimum(found, least * form.seconds / seconds)
    edge = allowed * course.seconds_between / form.seconds
    return Verdicts(fails, fails | unclear | (course.late > edge) | (course.early > edge), found)


def count_runs(form: Form, noise: Noise, size: float, runs: int, source: Random) -> dict[str, float]:
    """Shares of runs that fail or are other than PASS; all series wander `size` times as far as they may grow."""
    fails, other, left = 0, 0, runs
    while left:
        now = min(left, AT_A_TIME // form.series)
        values = noise.make(source, now * form.series, form.samples, form.step)
        found = judge(form, values, 1 / size)
        fails += int(found.fails.reshape(now, -1).any(axis=-1).sum())
        other += int(found.other.reshape(now, -1).any(axis=-1).sum())
        left -= now
    return {"runs": runs, "fail": fails / runs, "other": other / runs}


def count_series(method: Method, noise: Noise, number: int, source: Random) -> float:
    """The share of series of a full soak without growth in which a method finds some."""
    values = noise.make(source, number, FULL.samples, FULL.step)
    return float(method(values).mean())


def compare_methods(noise: Noise, number: int, source: Random) -> dict[str, float]:
    """That share for each method."""
    return {name: count_series(method, noise, number, source) for name, method in METHODS.items()}


def measure_power(form: Form, noise: Noise, size: float, number: int, source: Random) -> dict[str, float]:
    """Shares of series that fail when they grow by more than allowed, by these shares, and by what is printed."""
    values = noise.make(source, number, form.samples, form.step) * size
    rise = np.arange(form.samples) / form.samples
    detectable = judge(form, values, 1.0).detectable
    growths = {"10 %": 1.1, "20 %": 1.2, "50 %": 1.5, "100 %": 2.0}
    shares = {name: float(judge(form, values + growth * rise, 1.0).fails.mean()) for name, growth in growths.items()}
    another = values + np.roll(detectable, 1)[:, None] * rise  # what one run prints is found in the next
    printed = float(judge(form, another, 1.0).fails.mean())
    return {"found_from": float(np.median(detectable)), **shares, "printed": printed}
