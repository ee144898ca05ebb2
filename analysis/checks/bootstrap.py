"""Gives figures of a run intervals, by drawing blocks of it again and again (block bootstrap).

Answers close in time resemble each other, so whole blocks of seconds are drawn, not single answers: Künsch, "The
Jackknife and the Bootstrap for General Stationary Observations" (1989).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records.latencies import Latencies, Numbers

BLOCKS = 20  # wanted in a span; never shorter than a second
FEWEST = 4  # below, an interval says nothing
DRAWS = 999
AT_A_TIME = 200  # drawings, to keep the memory small
SEED = 1  # the same intervals each time


Values = NDArray[np.float64]
Statistic = Callable[..., Values]


@dataclass(frozen=True)
class Blocks:
    """A span cut into blocks of equal length: how often each latency `us` occurred in each block."""

    us: Numbers
    counts: Numbers  # a row for each block, a column for each latency
    seconds: float  # of a block

    @property
    def answers(self) -> int:
        return int(self.counts.sum())

    @property
    def number(self) -> int:
        return len(self.counts)

    def pool(self, drawn: Numbers) -> Values:
        """How often each latency occurred in the blocks drawn; each row of `drawn` is a drawing."""
        times = (drawn[..., np.newaxis] == self.all).sum(axis=-2)
        pooled: Values = times.astype(float) @ self.counts
        return pooled

    def percentile(self, share: float) -> Statistic:
        """The nearest-rank percentile in milliseconds of the blocks drawn; 0 without answers in them."""

        def of(drawn: Numbers) -> Values:
            seen = np.cumsum(self.pool(drawn), axis=-1)
            rank = np.maximum(np.ceil(share * seen[..., -1:] - 1e-9), 1)
            found = self.us[np.argmax(seen >= rank, axis=-1)] / 1000
            return np.where(seen[..., -1] > 0, found, 0.0)

        return of

    def throughput(self, drawn: Numbers) -> Values:
        """Answers a second in the blocks drawn."""
        total: Values = self.pool(drawn).sum(axis=-1) / (drawn.shape[-1] * self.seconds)
        return total

    def measure(self, statistic: Statistic) -> float | None:
        """A statistic of all blocks; None without answers."""
        return round(float(statistic(self.all)), 3) if self.answers else None

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


def find_interval(blocks: tuple[Blocks, ...], statistic: Statistic, confidence: float) -> tuple[float, float] | None:
    """The interval of a statistic of the blocks drawn, an array of numbers for each of `blocks`; None with too few."""
    if any(each.number < FEWEST or not each.answers for each in blocks):
        return None
    chance = np.random.default_rng(SEED)
    seen: list[float] = []
    while len(seen) < DRAWS:
        times = min(AT_A_TIME, DRAWS - len(seen))
        seen += list(statistic(*(chance.integers(each.number, size=(times, each.number)) for each in blocks)))
    low, high = np.percentile(seen, [50 * (1 - confidence), 50 * (1 + confidence)])
    return round(float(low), 3), round(float(high), 3)


@dataclass(frozen=True)
class Ratio:
    """A p95 as a multiple of an earlier p95, with its interval; None where there were too few answers to tell."""

    before_ms: float | None
    after_ms: float | None
    value: float | None
    low: float | None = None
    high: float | None = None


def compare_p95(before: Blocks, after: Blocks, answers: float, confidence: float) -> Ratio:
    """The p95 of `after` as a multiple of that of `before`; not without so many answers in each."""
    one, other = before.percentile(0.95), after.percentile(0.95)
    ends = before.measure(one), after.measure(other)
    if before.answers < answers or after.answers < answers:
        return Ratio(*ends, None)

    def ratio(drawn_before: Numbers, drawn_after: Numbers) -> Values:
        return other(drawn_after) / np.maximum(one(drawn_before), 0.001)

    interval = find_interval((before, after), ratio, confidence)
    value = None if interval is None else round(float(ratio(before.all, after.all)), 3)
    return Ratio(*ends, value, *(interval or (None, None)))
