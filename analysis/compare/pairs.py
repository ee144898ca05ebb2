"""Puts the blocks of both sides into pairs, and takes from each pair the ratio of every measure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.compare.blocks import Answers, Block
from analysis.records.comparison import SIDES

FEWEST_PAIRS = 6  # that are whole; fewer are no comparison
BROKEN_MOST = 0.1  # of the pairs: what breaks a block may be what makes a build slow
FEWEST_ANSWERS = 5  # of an endpoint in a block: a median of fewer is that of a few answers
ALL = "all together"


@dataclass(frozen=True)
class Measure:
    """What is measured of a block; `more` says whether more of it is better."""

    title: str
    unit: str
    more: bool = False


COST, P50, P95, MEAN, RATE, LOGIN_COST = MEASURES = (
    Measure("processor time per answer", "ms"),
    Measure("p50", "ms"),
    Measure("p95", "ms"),
    Measure("mean latency", "ms"),
    Measure("answers a second", "/s", more=True),
    Measure("processor time per answer of the auth service", "ms"),
)
OF_ANSWERS: dict[Measure, Callable[[Answers], float | None]] = {
    P50: lambda answers: answers.p50_ms,
    P95: lambda answers: answers.p95_ms,
    MEAN: lambda answers: answers.mean_ms,
}


@dataclass(frozen=True)
class Pair:
    """A block of each side, one shortly after the other under the same load."""

    a: Block
    b: Block

    @property
    def start(self) -> int:
        """When the first of them began, in seconds since the epoch."""
        return min(self.a.start, self.b.start)


@dataclass(frozen=True)
class Ratios:
    """A measure in the pairs that have it: the value of A and of B in each, and when the pair began."""

    scope: str  # ALL, or the title of an endpoint
    measure: Measure
    a: tuple[float, ...]
    b: tuple[float, ...]
    starts: tuple[int, ...]


def pair_blocks(blocks: Sequence[Block]) -> list[Pair]:
    """The pairs that are whole, in the order of time: both blocks are there, with answers and processor time."""
    found: dict[int, dict[str, list[Block]]] = {}
    for block in blocks:
        found.setdefault(block.pair, {}).setdefault(block.side, []).append(block)
    pairs = [
        Pair(*(sides[side][0] for side in SIDES))
        for sides in found.values()
        if all(len(sides.get(side, ())) == 1 and is_whole(sides[side][0]) for side in SIDES)
    ]
    return sorted(pairs, key=lambda pair: pair.start)


def count_needed(numbers: Sequence[int]) -> int:
    """How many whole pairs a comparison needs whose loaded blocks are of pairs of these numbers."""
    both = sum(numbers.count(number) == len(SIDES) for number in set(numbers))
    return max(FEWEST_PAIRS, math.ceil((1 - BROKEN_MOST) * both))


def is_whole(block: Block) -> bool:
    """Whether a block has what is judged."""
    return all(value_of(block, ALL, measure) for measure in (COST, P50, RATE))


def value_of(block: Block, scope: str, measure: Measure) -> float | None:
    """A measure of a block, or of one endpoint of it; None where it is not known.

    A log-in costs as much processor time as a hundred reads, and a block has a few of them. So the time per answer is
    that of the books service for its own answers, and that of the auth service stands apart.
    """
    if measure in (COST, LOGIN_COST):
        service = "books" if measure == COST else "auth"
        spent, asked = block.cpu_s.get(service), block.asked.get(service)
        return 1000 * spent / asked if spent and asked else None
    answers = block.everything if scope == ALL else block.endpoints.get(scope)
    if answers is None or (scope != ALL and answers.answers < FEWEST_ANSWERS):
        return None
    return answers.answers / block.seconds if measure == RATE else OF_ANSWERS[measure](answers)


def take_ratios(pairs: Sequence[Pair], scope: str, measure: Measure) -> Ratios:
    """A measure of all pairs in which both sides have it."""
    found = [(value_of(pair.a, scope, measure), value_of(pair.b, scope, measure), pair.start) for pair in pairs]
    whole = [(a, b, start) for a, b, start in found if a and b]
    a, b, starts = zip(*whole, strict=True) if whole else ((), (), ())
    return Ratios(scope, measure, tuple(a), tuple(b), tuple(starts))


def list_endpoints(pairs: Sequence[Pair]) -> list[str]:
    """The titles of all endpoints that were asked on both sides."""
    asked = [{*pair.a.endpoints} & {*pair.b.endpoints} for pair in pairs]
    return sorted(set().union(*asked))
