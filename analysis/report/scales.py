"""Lays values on an axis: which range it shows, whether it is logarithmic, and where its marks stand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.number_formats import show_clock, show_float

WIDTH, HEIGHT = 2000, 1000  # units of a picture, however large it is shown
STEPS = (1, 2, 2.5, 5, 10)
WHOLE_STEPS = (1, 2, 5, 10)
INTERVALS = 3  # of a value axis, at most
WIDE = 10.0  # times; latencies that differ by more are shown on a logarithmic axis
LOWEST = 1e-3  # of a logarithmic axis: a microsecond, in ms
MOST_ON_LOG = 5
LEAST_SPAN = 0.1  # of the largest value: a smaller change of a level is not blown up to the whole picture
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
TIME_MARKS = 7


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, with its marks."""

    low: float
    high: float
    log: bool = False
    ticks: tuple[float, ...] = ()

    def place(self, value: float) -> int:
        """Where a value stands, in units of a picture from its top."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, LOWEST))
        share = (at - low) / (high - low)
        return round(HEIGHT * (1 - min(1.0, max(0.0, share))))


def choose_scale(values: Sequence[float], *, level: bool = False, log: bool = False) -> Scale:
    """An axis for these values: from zero, or for a `level` around it; `log` where they differ widely."""
    lowest, highest = min(values), max(values)
    if log and highest > WIDE * max(lowest, LOWEST):
        return choose_log_scale(max(lowest, LOWEST), highest)
    whole = all(value == int(value) for value in values)
    if not level:
        lowest, highest = min(0.0, lowest), highest if highest > min(0.0, lowest) else lowest + 1
    elif (lacking := LEAST_SPAN * abs(highest) - (highest - lowest)) > 0 or highest == lowest:
        lowest, highest = lowest - max(lacking, 0.1) / 2, highest + max(lacking, 0.1) / 2
    step = find_step(highest - lowest, whole)
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    ticks = tuple(round(number * step, 9) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks=ticks)


def find_step(span: float, whole: bool) -> float:
    """A round step that cuts a span into a few intervals; a whole number for what is counted."""
    raw = span / INTERVALS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (WHOLE_STEPS if whole else STEPS) if factor * size >= raw * (1 - 1e-9))
    return max(1.0, step) if whole else step


def choose_log_scale(lowest: float, highest: float) -> Scale:
    """A logarithmic axis between round numbers (1, 2 or 5); only a few have marks."""
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    rounds = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    low = max(value for value in rounds if value <= lowest * (1 + 1e-9))
    high = min(value for value in rounds if value >= highest * (1 - 1e-9))
    inside = [value for value in rounds if low <= value <= high]
    if len(inside) > MOST_ON_LOG:
        tens = {10.0**power for power in range(first, last + 1)}
        inside = [value for value in inside if value in tens] or inside[:: len(inside) - 1]
    return Scale(low, high, log=True, ticks=tuple(round(value, 6) for value in inside))


def choose_times(seconds: float) -> list[tuple[float, str]]:
    """The marks of the time axis: how far from its start (per cent) each stands, and its words."""
    step = next((each for each in TIMES if seconds / each <= TIME_MARKS), TIMES[-1])
    count = int(min(seconds / step, 1000))
    return [(round(100 * n * step / seconds, 3), show_clock(n * step)) for n in range(count + 1)]


def choose_shares(last: float) -> list[tuple[float, str]]:
    """The marks of an axis of percentiles up to the share `last`: (how far from its start in per cent, words)."""
    end = place_share(last) or 1.0
    shares = [0.5, *(round(1 - 10.0**-power, power) for power in range(1, 9))]
    marks = [(round(100 * place_share(share) / end, 3), f"p{100 * share:.6g}") for share in shares]
    return [(at, words) for at, words in marks if at <= 100]


def place_share(share: float) -> float:
    """How far along an axis a share stands that is logarithmic in what is left of 1: p90 at 1, p99 at 2."""
    return -math.log10(max(1 - share, 1e-12))


def name_tick(value: float) -> str:
    """A mark's words, without digits that say nothing."""
    text = show_float(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
