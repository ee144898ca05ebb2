"""Measures how a value over time grows, its slope and its change of level, with intervals that hold where it wanders.

A running median over a tenth of the time takes out each spike shorter than half of that, and leaves a course that only
rises as it is. The time is then cut into ten parts with a mean each. The slope is that of least squares through the
ten; the change of level is the mean of the last two less that of the first two. The noise is what the best of three
courses, a line, a step, or a bend, leaves of the ten means of the samples as they are. So growth of such a shape does
not widen its own interval, and what seldom happens, which the running median takes out, counts as noise.

An interval is the value and so many times the noise. How many was simulated (`python -m tests.error_rates`) for a
Gaussian autoregressive process of the first order whose correlation falls to 1/e within a tenth of the time, large
against any objective. A process that wanders faster, or has noise of each sample on top, differs as much from part to
part but less from end to end, so its interval is only wider than needed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import stdtrit

PARTS = 10
ENDS = 2  # parts that the first and the last level are the mean of
FEWEST_PARTS = 8  # with a sample in them; a hole is bridged by a straight line
FEWEST_SAMPLES = 2 * PARTS
EDGE = 5  # samples at the very begin and end that are looked at by themselves
FITTED = 3  # numbers that a step or a bend takes from the ten parts
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """How far a value of zero strays: so many times the noise, as `scale` times a Student t of so many degrees."""

    scale: float
    degrees: float

    def reach(self, confidence: float) -> float:
        """The multiple of the noise that it stays below with this confidence, in this direction."""
        return float(self.scale * stdtrit(self.degrees, confidence))


# Student's t with the degrees that a step leaves of ten parts: so the tails agree to 2 % with what was simulated.
SLOPE, LEVEL = Spread(2.9, PARTS - FITTED), Spread(2.26, PARTS - FITTED)
# The least growth that is found in nine of ten runs exceeds the objective by so many times the reach of one run: the
# noise of the next run is another, and growth leaves fewer courses that fit. Simulated at the confidence of the soak.
DETECTABLE = 2.03


@dataclass(frozen=True)
class Course:
    """Of each series, in its own unit: its parts, the change that its slope makes over the ten parts, and the rest.

    `late` and `early` are by how much the last five samples all lie above every part, and every part above the first
    five: a rise too close to the end, or to the begin, for its level to be known.
    """

    parts: Values  # [..., PARTS]
    slope: Values  # [...], as all below
    level: Values
    noise: Values
    early: Values
    late: Values
    seconds: float  # of the ten parts

    @property
    def seconds_between(self) -> float:
        """From the middle of the first level to that of the last."""
        return self.seconds * (PARTS - ENDS) / PARTS


def measure_course(at: Values, values: Values) -> Course | None:
    """The course of series that were sampled at the same times: `at` [n] in seconds, rising, `values` [..., n].

    None with too few samples, or with too many holes.
    """
    if len(at) < FEWEST_SAMPLES:
        return None
    inside, smooth, raw = _take_out_spikes(at, values)
    parts, means = _cut_parts(inside, smooth), _cut_parts(inside, raw)
    if parts is None or means is None:
        return None
    return Course(
        parts=parts,
        slope=parts @ _slope_weights(),
        level=parts[..., -ENDS:].mean(axis=-1) - parts[..., :ENDS].mean(axis=-1),
        noise=measure_noise(means),
        early=parts.min(axis=-1) - values[..., :EDGE].max(axis=-1),
        late=values[..., -EDGE:].min(axis=-1) - parts.max(axis=-1),
        seconds=float(inside[-1] - inside[0]),
    )


def _take_out_spikes(at: Values, values: Values) -> tuple[Values, Values, Values]:
    """Times, the running median over a tenth of the samples, and the samples; without the ends that have fewer."""
    half = max(1, len(at) // PARTS // 2)
    size = (1,) * (values.ndim - 1) + (2 * half + 1,)
    return at[half:-half], ndimage.median_filter(values, size=size)[..., half:-half], values[..., half:-half]


def _cut_parts(at: Values, values: Values) -> Values | None:
    """The mean of each of the ten parts, [..., PARTS]; None with too many holes."""
    number = np.minimum(((at - at[0]) / (at[-1] - at[0]) * PARTS).astype(int), PARTS - 1)
    there = np.unique(number)
    if len(there) < FEWEST_PARTS:
        return None
    seen = np.stack([values[..., number == part].mean(axis=-1) for part in there], axis=-1)
    parts: Values = seen @ np.array([np.interp(np.arange(PARTS), there, row) for row in np.eye(len(there))])
    return parts


def measure_noise(parts: Values) -> Values:
    """What the best of the courses leaves of ten parts, [..., PARTS]: the root of its mean square."""
    left = np.min([np.square(parts @ course).sum(axis=-1) for course in _list_courses()], axis=0)
    noise: Values = np.sqrt(left / (PARTS - FITTED))
    return noise


@cache
def _slope_weights() -> Values:
    """What the slope of least squares over the ten parts takes of each part."""
    at = np.arange(PARTS) - (PARTS - 1) / 2
    weights: Values = PARTS * at / (at @ at)
    return weights


@cache
def _list_courses() -> tuple[Values, ...]:
    """For each course that growth may take, the matrix that leaves of ten parts what differs from it.

    A step may fall within a part, so that part is left free.
    """
    at, level = np.arange(PARTS), np.ones(PARTS)
    courses = [np.column_stack((level, at))]
    courses += [np.column_stack((level, at > part, at == part)) for part in range(PARTS)]
    courses += [np.column_stack((level, at, np.maximum(at - part, 0))) for part in range(1, PARTS - 1)]
    return tuple(np.eye(PARTS) - course @ np.linalg.pinv(course) for course in courses)


@dataclass(frozen=True)
class Estimate:
    """A growth with its interval. `detectable` is the least that nine of ten such runs find; None without."""

    value: float
    low: float
    high: float
    objective: float | None
    detectable: float | None

    @property
    def exceeds(self) -> bool:
        """Whether it exceeds its objective, with the confidence of its interval."""
        return self.objective is not None and self.low > self.objective

    @property
    def unclear(self) -> bool:
        """Whether it exceeds its objective by its value, and its interval cannot tell."""
        return self.objective is not None and self.value > self.objective >= self.low


def estimate_growth(value: float, noise: float, spread: Spread, confidence: float, objective: float | None) -> Estimate:
    """The value with its interval, each end of which has this confidence; rounded to hundredths."""
    reach = spread.reach(confidence) * noise
    found = None if objective is None else round(objective + DETECTABLE * reach, 2)
    low, value, high = (round(float(end), 2) + 0.0 for end in (value - reach, value, value + reach))
    return Estimate(value, low, high, objective, found)
