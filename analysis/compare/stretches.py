"""Measures a scenario of two finished runs, with intervals from the blocks of time within each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.checks.bootstrap import Blocks, Statistic, Values, cut_blocks, find_interval
from analysis.checks.evidence import Evidence
from analysis.compare.holm import LEVEL
from analysis.compare.judging import CANNOT_TELL, DIFFERS, SAME, Finding
from analysis.compare.pairs import COST, P50, P95, RATE, Measure
from analysis.compare.processor_time import follow_workers
from analysis.records.counts import count_endpoints
from analysis.records.endpoints import ALL_BUT_LOGIN
from analysis.records.results_folder import is_catalogue
from analysis.scenarios.baseline import steady_span


@dataclass(frozen=True)
class Stretch:
    """The longest plateau of a scenario of a run, in blocks of time.

    `cost` has the processor seconds of the books service in each block, and `asked` its answers; None where its
    counters are not known.
    """

    blocks: Blocks
    cost: Values | None
    asked: Values


def cut_stretch(evidence: Evidence) -> Stretch:
    """The longest plateau of a scenario without its warm-up, in blocks of time; log-ins are left out."""
    span = steady_span(evidence)
    blocks = cut_blocks(evidence.latencies_of(*ALL_BUT_LOGIN), span)
    clock = follow_workers(evidence.samples).get("books")
    begins = [span[0] + number * blocks.seconds for number in range(blocks.number)]
    spent = [clock.between(begin, begin + blocks.seconds) if clock else None for begin in begins]
    asked = [count_catalogue(evidence, (begin, begin + blocks.seconds)) for begin in begins]
    known = all(seconds is not None for seconds in spent) and bool(spent)
    return Stretch(blocks, np.array(spent, dtype=float) if known else None, np.array(asked, dtype=float))


def count_catalogue(evidence: Evidence, span: tuple[float, float]) -> int:
    """The right answers of the books service in a span."""
    return sum(c.right for name, c in count_endpoints(evidence.rows_in(span)).items() if is_catalogue(name))


def compare_stretches(scenario: str, a: Stretch, b: Stretch, within: float) -> list[Finding]:
    """The findings of a scenario, as far as its measures are known in both runs."""
    findings = []
    for measure, take in STRETCHES.items():
        one, other = take(a), take(b)
        if one and other and a.blocks.answers and b.blocks.answers:
            findings.append(compare_statistics(scenario, measure, (a.blocks, b.blocks), (one, other), within))
    return findings


def measure_cost(stretch: Stretch) -> Statistic | None:
    """The processor time in ms that the books service used for each of its answers, in the blocks drawn."""
    cost, asked = stretch.cost, stretch.asked
    if cost is None:
        return None
    return lambda drawn: 1000 * cost[drawn].sum(axis=-1) / np.maximum(asked[drawn].sum(axis=-1), 1)


STRETCHES: dict[Measure, Callable[[Stretch], Statistic | None]] = {
    COST: measure_cost,
    P50: lambda each: each.blocks.percentile(0.5),
    P95: lambda each: each.blocks.percentile(0.95),
    RATE: lambda each: each.blocks.throughput,
}


def compare_statistics(
    scenario: str, measure: Measure, blocks: tuple[Blocks, Blocks], take: tuple[Statistic, Statistic], within: float
) -> Finding:
    """B / A of a statistic, with its interval where both runs have blocks enough."""
    a, b = (float(statistic(each.all)) for each, statistic in zip(blocks, take, strict=True))

    def ratio(drawn_a: Any, drawn_b: Any) -> Values:
        return take[1](drawn_b) / np.maximum(take[0](drawn_a), 1e-9)

    ends = find_interval(blocks, ratio, 1 - LEVEL)
    low, high = ends or (None, None)
    number = min(each.number for each in blocks)
    verdict = CANNOT_TELL
    if low is not None and high is not None:
        is_same = 1 / (1 + within) <= low and high <= 1 + within
        verdict = SAME if is_same else CANNOT_TELL if low <= 1 <= high else DIFFERS
    return Finding(scenario, measure, number, a, b, b / a if a else None, low, high, None, LEVEL, verdict)
