"""Methods to tell whether a series grows: the one that is used, and those that it was chosen from."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.checks.growth import SLOPE, Values, measure_course

CLAIMED = 0.001  # share of series without growth in which each method is to find some
Flags = npt.NDArray[np.bool_]
Method = Callable[[Values], Flags]  # whether each series [number, samples] grows, [number]
BLOCKS, BATCHES = 100, 8


def find_by_noise(values: Values) -> Flags:
    """The rule in use: the slope through ten parts against what a line, a step or a bend leaves."""
    course = measure_course(np.arange(values.shape[-1], dtype=float), values)
    assert course is not None
    grows: Flags = course.slope > SLOPE.reach(1 - CLAIMED) * course.noise
    return grows


def find_by_ranks(values: Values) -> Flags:
    """Theil-Sen through a hundred medians that are taken as independent, as it was until November 2026."""
    medians = np.median(values.reshape(len(values), BLOCKS, -1), axis=-1)
    return np.array([stats.theilslopes(each, alpha=1 - 2 * CLAIMED).low_slope > 0 for each in medians])


def find_by_batches(values: Values) -> Flags:
    """Least squares through eight long means, with Student's t."""
    means = values[:, : values.shape[-1] // BATCHES * BATCHES].reshape(len(values), BATCHES, -1).mean(axis=-1)
    slope, left, at = fit_line(means)
    error = np.sqrt(np.square(left).sum(axis=-1) / (BATCHES - 2) / (at @ at))
    grows: Flags = slope > stats.t.ppf(1 - CLAIMED, BATCHES - 2) * error
    return grows


def find_by_lags(values: Values) -> Flags:
    """Least squares with the variance of Newey and West (1987), lags as in their paper of 1994, normal quantiles."""
    slope, left, at = fit_line(values)
    lags = int(4 * (values.shape[-1] / 100) ** (2 / 9))
    grows: Flags = slope > stats.norm.ppf(1 - CLAIMED) * np.sqrt(sum_lags(left * at, lags)) / (at @ at)
    return grows


def find_by_all_lags(values: Values) -> Flags:
    """The same with lags up to a quarter of the series and quantiles made for that (Kiefer and Vogelsang, 2005)."""
    grows: Flags = measure_all_lags(values) > find_quantile(values.shape[-1])
    return grows


def measure_all_lags(values: Values) -> Values:
    """The slope by its error with lags up to a quarter of the series."""
    slope, left, at = fit_line(values)
    ratio: Values = slope * (at @ at) / np.sqrt(sum_lags(left * at, values.shape[-1] // 4))
    return ratio


def find_quantile(samples: int) -> float:
    """That of `measure_all_lags` for independent samples, simulated."""
    made = np.random.default_rng(1).standard_normal((40_000, samples // 4))
    return float(np.quantile(np.abs(measure_all_lags(made)), 1 - 2 * CLAIMED))


def find_by_whitening(values: Values) -> Flags:
    """An autoregressive error of the first order, its estimate corrected by (1 + 4 rho) / n (Kendall, 1954)."""
    _, left, at = fit_line(values)
    number = values.shape[-1]
    rho = (left[:, 1:] * left[:, :-1]).sum(axis=-1) / np.square(left).sum(axis=-1)
    rho = np.minimum(rho + (1 + 4 * rho) / number, 0.999)[:, None]
    level, slope = 1 - rho, at[1:] - rho * at[:-1]
    known = values[:, 1:] - rho * values[:, :-1]
    slope = slope - level * (slope * level).sum(axis=-1, keepdims=True) / np.square(level * np.ones(number - 1)).sum(
        axis=-1, keepdims=True
    )
    known = known - known.mean(axis=-1, keepdims=True)
    size = np.square(slope).sum(axis=-1)
    found = (slope * known).sum(axis=-1) / size
    rest = np.square(known - found[:, None] * slope).sum(axis=-1) / (number - 4)
    grows: Flags = found > stats.t.ppf(1 - CLAIMED, number - 4) * np.sqrt(rest / size)
    return grows


def fit_line(values: Values) -> tuple[Values, Values, Values]:
    """The slopes of least squares, what they leave, and the times, whose mean is zero."""
    at = np.arange(values.shape[-1]) - (values.shape[-1] - 1) / 2
    slope = values @ at / (at @ at)
    return slope, values - values.mean(axis=-1, keepdims=True) - slope[:, None] * at, at


def sum_lags(scores: Values, lags: int) -> Values:
    """The sum of the covariances of scores over all lags, with weights that fall evenly (Bartlett)."""
    total: Values = np.square(scores).sum(axis=-1)
    for lag in range(1, lags + 1):
        total = total + 2 * (1 - lag / (lags + 1)) * (scores[:, lag:] * scores[:, :-lag]).sum(axis=-1)
    return total


METHODS: dict[str, Method] = {
    "ten parts, line or step or bend (in use)": find_by_noise,
    "Theil-Sen, 100 medians (before)": find_by_ranks,
    "8 batch means, Student's t": find_by_batches,
    "Newey-West": find_by_lags,
    "fixed-b, a quarter": find_by_all_lags,
    "whitened, first order": find_by_whitening,
}
