"""Names what must not grow in a soak, and draws its course: of each process, of the stores, and of p95."""

from dataclasses import dataclass

from analysis.checks.evidence import Evidence, Span
from analysis.checks.series import KIB, Series, cut, draw_values, draw_workers
from analysis.number_formats import say_number
from analysis.records.endpoints import ALL_BUT_LOGIN

P95_OVER_S = 5.0  # a shorter time has too few answers for a p95
SHORTEST_S = 20.0  # in a shorter time nothing can be told


@dataclass(frozen=True)
class Quantity:
    """Something that must not grow: its name in the samples, the objective, its unit and the scale to that unit."""

    name: str
    words: str
    objective: str
    unit: str
    scale: float = 1.0

    def say(self, value: float, beside: float | None = None) -> str:
        """A value with its unit; see `say_number`."""
        return say_number(value, self.unit, beside=beside)


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


def draw_series(evidence: Evidence, span: Span) -> list[tuple[Quantity, Series]]:
    """Every series that must not grow, cut to what is judged of it; its points may be too few."""
    workers, values = draw_workers(evidence.samples), draw_values(evidence.samples)
    drawn = [
        (quantity, cut(series, judged_span(evidence, series, span)))
        for quantity in OF_WORKERS
        for series in workers
        if series.quantity == quantity.name
    ]
    drawn += [(q, cut(series, span)) for q in OF_STORES for series in values if series.quantity == q.name]
    return [*drawn, (OF_ANSWERS, draw_p95(evidence, span))]


def judged_span(evidence: Evidence, series: Series, span: Span) -> Span:
    """The time in which a worker is judged.

    A worker that came in mid-run has a warm-up of its own, but at most half of its time: else a worker that is
    replaced early again and again would never be judged.
    """
    born, gone = series.points[0][0], min(series.points[-1][0], span[1])
    if born <= evidence.span[0] + evidence.plan.limit("missing-seconds"):
        return span
    warm = born + min(evidence.plan.limit("warm-up-seconds"), max(0.0, gone - born) / 2)
    return max(span[0], warm), span[1]


def draw_p95(evidence: Evidence, span: Span) -> Series:
    """The p95 of the answers of every five seconds, log-ins left out, in milliseconds."""
    latencies, points = evidence.latencies_of(*ALL_BUT_LOGIN), []
    start = span[0]
    while start + P95_OVER_S <= span[1]:
        p95 = latencies.between(start, start + P95_OVER_S).percentile(0.95)
        if p95 is not None:
            points.append((start + P95_OVER_S / 2, p95))
        start += P95_OVER_S
    return Series("p95", "both services", tuple(points))
