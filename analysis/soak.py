"""Answers whether anything grows at constant load: Theil-Sen slopes of each process, each store, and of p95."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

from analysis.baseline import steady_span
from analysis.endpoints import UNLIKE_LOGIN
from analysis.evidence import Evidence, Span
from analysis.findings import FAIL, INCONCLUSIVE, NO_OBJECTIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.plan import Plan
from analysis.series import KIB, Series, cut, draw_values, draw_workers
from analysis.server_rules import SERVICES

BLOCKS = 100  # medians that a slope is drawn through, at most
SHORTEST_BLOCK_S = 5.0  # neighbouring seconds are too alike to count as two
COLUMNS = ("what", "of", "slope a minute", "at least", "at most", "unit", "objective", "could have seen")


@dataclass(frozen=True)
class Quantity:
    """Something that must not grow: its name in the samples, the objective, and the scale of its slopes."""

    name: str
    words: str
    objective: str
    unit: str
    scale: float = 1.0


OF_WORKERS = (
    Quantity("rss", "memory", "memory-kib-per-minute", "KiB", 1 / KIB),
    Quantity("own_fds", "own descriptors", "descriptors-per-minute", ""),
    Quantity("threads", "threads", "threads-per-minute", ""),
    Quantity("clients", "connections of clients", "clients-per-minute", ""),
)
OF_STORES = (
    Quantity("db_connections", "database connections", "connections-per-minute", ""),
    Quantity("redis_keys", "keys in Redis", "redis-keys-per-minute", ""),
)
OF_ANSWERS = Quantity("p95", "p95 of all answers but log-ins", "p95-ms-per-minute", "ms")


@dataclass(frozen=True)
class Slope:
    """Growth a minute with its interval; `seen_from` is the least growth that would have exceeded the objective."""

    quantity: Quantity
    owner: str
    value: float
    low: float
    high: float
    objective: float | None

    @property
    def seen_from(self) -> float | None:
        """The objective and what lies between the slope and the lower end of its interval."""
        return None if self.objective is None else round(self.objective + self.value - self.low, 2)

    @property
    def grows(self) -> bool:
        return self.objective is not None and self.low > self.objective


def answer_soak(evidence: Evidence) -> Answer:
    """Draw a slope through every series after the warm-up, and judge those that have an objective."""
    plan, span = evidence.plan, steady_span(evidence)
    server, latencies = f"{plan.name}_server.jsonl", evidence.file(".hlog")
    found = measure_slopes(evidence, span)
    slopes = [slope for slope in found if isinstance(slope, Slope)]
    checks = [judge_slope(slope, latencies if slope.quantity is OF_ANSWERS else server) for slope in slopes]
    checks += judge_watch(slopes)
    rows = tuple(
        (s.quantity.words, s.owner, s.value, s.low, s.high, s.quantity.unit, s.objective, s.seen_from) for s in slopes
    )
    table = Table("Growth", COLUMNS, rows, f"{server}, {latencies}")
    notes = list(dict.fromkeys(slope for slope in found if isinstance(slope, str)))
    notes.append(f"growth: after {span[0] - evidence.curve.started:.0f} s, over {span[1] - span[0]:.0f} s")
    return Answer(say_slopes(slopes), tuple(checks), tables=(table,), notes=tuple(notes))


def judge_watch(slopes: list[Slope]) -> list[Check]:
    """INCONCLUSIVE for what could not be watched for long enough: in no process of a service, or not at all."""
    watched = {(slope.quantity, owner) for slope in slopes for owner in (slope.owner.partition(" ")[0], "")}
    wanted = [(quantity, service) for quantity in OF_WORKERS for service in SERVICES]
    checks = []
    for quantity, service in [*wanted, (OF_STORES[0], "")]:
        if (quantity, service) not in watched:
            words = f"{quantity.words} of {service}" if service else quantity.words
            reason = f"too few samples of {words} to tell whether they grow"
            checks.append(Check(f"{words}: no growth", PERFORMANCE, INCONCLUSIVE, reason))
    return checks


def measure_slopes(evidence: Evidence, span: Span) -> list[Slope | str]:
    """The slope of every series, or words for one that is too short."""
    workers, values = draw_workers(evidence.samples), draw_values(evidence.samples)
    wanted = [(quantity, series) for quantity in OF_WORKERS for series in workers if series.quantity == quantity.name]
    wanted += [(quantity, series) for quantity in OF_STORES for series in values if series.quantity == quantity.name]
    wanted.append((OF_ANSWERS, draw_p95(evidence, span)))
    return [measure_slope(evidence.plan, quantity, series, span) for quantity, series in wanted]


def measure_slope(plan: Plan, quantity: Quantity, series: Series, span: Span) -> Slope | str:
    """The Theil-Sen slope through the medians of blocks, with its interval; words when they are too few.

    Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau" (1968); the arithmetic is scipy's.
    """
    length = max(SHORTEST_BLOCK_S, (span[1] - span[0]) / BLOCKS)
    inside = cut(series, span).points
    numbers = np.array([int((at - span[0]) / length) for at, _ in inside])
    values = np.array([value * quantity.scale for _, value in inside])
    blocks = np.unique(numbers)
    if len(blocks) < max(plan.limit("slope-blocks"), (span[1] - span[0]) / length / 2):
        return f"{series.owner}: there for too short a time to tell whether it grows"
    medians = np.array([np.median(values[numbers == block]) for block in blocks])
    minutes = (blocks + 0.5) * length / 60
    found = theilslopes(medians, minutes, alpha=2 * plan.limit("slope-confidence") - 1)  # of both ends
    slope, low, high = (round(float(end), 2) + 0.0 for end in (found.slope, found.low_slope, found.high_slope))
    return Slope(quantity, series.owner, slope, low, high, plan.objective(quantity.objective))


def draw_p95(evidence: Evidence, span: Span) -> Series:
    """The p95 of the answers of every five seconds, log-ins left out, in milliseconds."""
    latencies, points = evidence.latencies_of(*UNLIKE_LOGIN), []
    start = span[0]
    while start + SHORTEST_BLOCK_S <= span[1]:
        p95 = latencies.between(start, start + SHORTEST_BLOCK_S).percentile(0.95)
        if p95 is not None:
            points.append((start + SHORTEST_BLOCK_S / 2, p95))
        start += SHORTEST_BLOCK_S
    return Series("p95", "both services", tuple(points))


def judge_slope(slope: Slope, source: str) -> Check:
    """FAIL only when the lower end of the interval exceeds the objective; not judged without one."""
    words, unit = slope.quantity.words, slope.quantity.unit
    name = f"{words} of {slope.owner}: no growth"
    figures: tuple[Figure, ...] = (
        Figure("slope", slope.value, f"{unit} a minute".strip(), source, slope.low, slope.high),
        Figure("smallest slope it could have seen", slope.seen_from, f"{unit} a minute".strip(), source),
    )
    if slope.objective is None:
        return Check(name, PERFORMANCE, None, NO_OBJECTIVE, figures)
    if not slope.grows:
        return Check(name, PERFORMANCE, PASS, "", figures)
    grows = f"{words} of {slope.owner} grow by {slope.value:,.4g} {unit}".rstrip()
    reason = f"{grows} a minute (at least {slope.low:,.4g}), objective {slope.objective:g}"
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def say_slopes(slopes: list[Slope]) -> str:
    """The steepest slope of each quantity, and the least that would have been seen."""
    said = []
    for quantity in (*OF_WORKERS, *OF_STORES, OF_ANSWERS):
        mine = [slope for slope in slopes if slope.quantity is quantity]
        if not mine:
            continue
        steepest = max(mine, key=lambda slope: slope.value)
        words = f"{quantity.words} {steepest.value:+,.4g} {quantity.unit}".rstrip()
        seen = [slope.seen_from for slope in mine if slope.seen_from is not None]
        said.append(words + (f" (seen from {max(seen):,.4g})" if seen else ""))
    return f"steepest growth a minute: {', '.join(said)}" if said else "nothing could be watched for long enough"
