"""Gives figures of a run intervals, by drawing blocks of it again and again (block bootstrap).

Answers close in time resemble each other, so whole blocks of seconds are drawn, not single answers: Künsch, "The
Jackknife and the Bootstrap for General Stationary Observations" (1989). The drawing itself is scipy's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from analysis.latencies import Latencies, Numbers, percentiles

BLOCKS = 20  # wanted in a span; never shorter than a second
FEWEST = 4  # below, an interval says nothing
DRAWS = 999
SEED = 1  # the same intervals each time


@dataclass(frozen=True)
class Blocks:
    """A span cut into blocks of equal length: how often each latency `us` occurred in each of them."""

    us: Numbers
    counts: Numbers  # a row for each block, a column for each latency
    seconds: float  # of one block

    @property
    def answers(self) -> int:
        return int(self.counts.sum())

    @property
    def number(self) -> int:
        return len(self.counts)

    def percentile(self, share: float) -> Callable[[Numbers], float]:
        """The percentile in milliseconds of some blocks, given by their numbers."""

        def of(drawn: Numbers) -> float:
            counts = self.counts[drawn].sum(axis=0)
            filled = counts > 0
            return percentiles(self.us[filled], counts[filled], (share,))[0] or 0.0

        return of

    def throughput(self, drawn: Numbers) -> float:
        """Answers a second in some blocks."""
        return float(self.counts[drawn].sum() / (len(drawn) * self.seconds))

    @property
    def all(self) -> Numbers:
        """The numbers of all blocks."""
        return np.arange(self.number)


def cut_blocks(latencies: Latencies, span: tuple[float, float]) -> Blocks:
    """Cut the whole seconds of a span into about 20 blocks; what is left over at its end is left out."""
    start, seconds = int(np.ceil(span[0])), int(span[1] - np.ceil(span[0]))
    length = max(1, seconds // BLOCKS)
    number = max(0, seconds // length)
    mine = latencies.between(start, start + number * length)
    us, column = np.unique(mine.us, return_inverse=True)
    counts = np.zeros((number, len(us)), dtype=np.int64)
    np.add.at(counts, ((mine.second - start) // length, column), mine.count)
    return Blocks(us, counts, float(length))


def find_interval(
    blocks: tuple[Blocks, ...], statistic: Callable[..., float], confidence: float
) -> tuple[float, float] | None:
    """The interval of a statistic of the numbers of blocks drawn, one array for each of `blocks`; None with too few."""
    if any(each.number < FEWEST or not each.answers for each in blocks):
        return None
    found = bootstrap(
        tuple(each.all for each in blocks),
        statistic,
        vectorized=False,
        paired=False,
        n_resamples=DRAWS,
        method="percentile",
        confidence_level=confidence,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return round(float(found.low), 3), round(float(found.high), 3)


@dataclass(frozen=True)
class Ratio:
    """How many times a p95 is another one, with its interval; None where there were too few answers to tell."""

    before_ms: float | None
    after_ms: float | None
    value: float | None
    low: float | None = None
    high: float | None = None


def compare_p95(before: Blocks, after: Blocks, answers: float, confidence: float) -> Ratio:
    """The p95 of `after` as a multiple of that of `before`; not without so many answers in each."""
    one, other = before.percentile(0.95), after.percentile(0.95)
    if before.answers < answers or after.answers < answers:
        ends = [of(each.all) if each.answers else None for of, each in ((one, before), (other, after))]
        return Ratio(ends[0], ends[1], None)

    def ratio(drawn_before: Numbers, drawn_after: Numbers) -> float:
        return other(drawn_after) / max(one(drawn_before), 0.001)

    interval = find_interval((before, after), ratio, confidence)
    value = None if interval is None else round(ratio(before.all, after.all), 3)
    return Ratio(one(before.all), other(after.all), value, *(interval or (None, None)))
