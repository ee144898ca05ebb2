"""Makes series that do not grow, but wander: each of mean zero and about unit deviation, [number, samples]."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.signal import lfilter

from analysis.checks.growth import Values

Random = np.random.Generator
Make = Callable[[Random, int, int, float], Values]  # of a random source, a number of series, samples, seconds a sample


@dataclass(frozen=True)
class Noise:
    """A way to wander. `seconds` is the time within which its correlation falls to 1/e."""

    name: str
    seconds: float
    make: Make


def make_white(source: Random, number: int, samples: int, step: float) -> Values:
    """Independent samples."""
    made: Values = source.standard_normal((number, samples))
    return made


def make_autoregressive(tau: float, source: Random, number: int, samples: int, step: float) -> Values:
    """Gaussian, of the first order, in its stationary state from the first sample on."""
    rho = np.exp(-step / tau)
    shocks = source.standard_normal((number, samples)) * np.sqrt(1 - rho * rho)
    shocks[:, 0] /= np.sqrt(1 - rho * rho)
    made: Values = lfilter([1.0], [1.0, -rho], shocks, axis=-1)
    return made


def make_mixed(tau: float, source: Random, number: int, samples: int, step: float) -> Values:
    """Autoregressive, with as much noise of each sample on top."""
    slow = make_autoregressive(tau, source, number, samples, step)
    made: Values = (slow + make_white(source, number, samples, step)) / np.sqrt(2)
    return made


def make_whole(tau: float, source: Random, number: int, samples: int, step: float) -> Values:
    """Autoregressive, counted in whole numbers of twice its deviation: mostly constant."""
    made: Values = np.round(make_autoregressive(tau, source, number, samples, step) / 2) * 2
    return made


def make_steps(seconds: tuple[float, float], source: Random, number: int, samples: int, step: float) -> Values:
    """Now at one value, now at another, for times that have no memory, of these mean seconds."""
    up, down = seconds
    share = up / (up + down)
    leave = source.random((number, samples))
    state = np.empty((number, samples))
    state[:, 0] = source.random(number) < share
    for at in range(1, samples):
        high = state[:, at - 1] > 0
        state[:, at] = np.where(high, leave[:, at] >= step / up, leave[:, at] < step / down)
    made: Values = (state - share) / np.sqrt(share * (1 - share))
    return made


def make_saw(longest: float, source: Random, number: int, samples: int, step: float) -> Values:
    """Rises evenly and falls at once, as with a collector of garbage; the period is drawn anew for each series."""
    period = source.uniform(longest / 4, longest, (number, 1))
    phase = source.random((number, 1)) + np.arange(samples) * step / period
    made: Values = (phase % 1 - 0.5) * np.sqrt(12)
    return made


def make_walk(tau: float, source: Random, number: int, samples: int, step: float) -> Values:
    """A random walk between two walls that settles within this time; a fold of a free one."""
    size = np.sqrt(2 * step / (np.pi**2 * tau))
    free = source.random((number, 1)) * 2 + np.cumsum(source.standard_normal((number, samples)) * size, axis=-1)
    made: Values = (np.abs(free % 2 - 1) - 0.5) * np.sqrt(12)
    return made


def list_noises() -> list[Noise]:
    """All ways to wander, the quick ones first."""
    slow = [Noise(f"autoregressive, {tau} s", tau, partial(make_autoregressive, tau)) for tau in (10, 30, 60, 150, 300)]
    return [
        Noise("independent", 0, make_white),
        *slow[:3],
        Noise("autoregressive, 60 s, and independent", 60, partial(make_mixed, 60)),
        Noise("whole numbers, 60 s", 60, partial(make_whole, 60)),
        Noise("two values, 120 s at each", 60, partial(make_steps, (120, 120))),
        Noise("seldom higher, 33 s of 333 s", 30, partial(make_steps, (33, 300))),
        Noise("sawtooth, up to 120 s", 60, partial(make_saw, 120)),
        Noise("walk between walls, 60 s", 60, partial(make_walk, 60)),
        *slow[3:],
    ]
