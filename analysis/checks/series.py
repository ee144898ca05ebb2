"""Takes series out of the server samples: of each worker process, of the stores, and of the machine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from analysis.records.clocks import measure_shift, place_sample
from analysis.records.results_folder import ServerSample

KIB = 1024.0
STORES_ASKED_BY = "books"  # the other service has the same gauges, but never fills them
OF_WORKERS = ("cpu_s", "rss", "fds", "own_fds", "threads", "clients")
OF_STORES = {
    "db_connections",
    "redis_memory_bytes",
    "redis_keys",
    "read_model_lag_seconds",
    "read_model_misses_total",
}


@dataclass(frozen=True)
class Series:
    """A quantity over time, (seconds since the epoch on the client's clock, value); `owner` has it, "books 4711"."""

    quantity: str
    owner: str
    points: tuple[tuple[float, float], ...]


def draw_workers(samples: Sequence[ServerSample]) -> list[Series]:
    """OF_WORKERS of every worker process, by source and process id."""
    points: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    shifts = measure_shift(samples)
    for sample in samples:
        at = place_sample(sample, shifts)
        for pid, worker in (sample.workers or {}).items():
            for quantity in OF_WORKERS:
                points[sample.source, pid, quantity].append((at, getattr(worker, quantity)))
    return [
        Series(quantity, f"{source} {pid}", tuple(sorted(points[source, pid, quantity])))
        for source, pid, quantity in sorted(points)
    ]


def draw_values(samples: Sequence[ServerSample]) -> list[Series]:
    """Every value that a service or the machine says of itself, by source."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    shifts = measure_shift(samples)
    for sample in samples:
        at = place_sample(sample, shifts)
        for name, value in (sample.values or {}).items():
            if name in OF_STORES and sample.service != STORES_ASKED_BY:
                continue
            points[sample.source, name].append((at, value))
    return [Series(name, source, tuple(sorted(points[source, name]))) for source, name in sorted(points)]


def find_rises(series: Series) -> Series:
    """What a quantity that only rises did between two samples, a second; a fall is a new process and left out."""
    rises = [
        (after[0], max(0.0, (after[1] - before[1]) / (after[0] - before[0])))
        for before, after in pairwise(series.points)
        if after[0] > before[0] and after[1] >= before[1]
    ]
    return Series(series.quantity, series.owner, tuple(rises))


def add_rises(series: Series, span: tuple[float, float]) -> float:
    """By how much a quantity that only rises rose in a span; a fall begins anew at 0."""
    inside = [value for at, value in series.points if span[0] - 1 <= at <= span[1] + 1]
    return sum(after - before if after >= before else after for before, after in pairwise(inside))


def covers(series: Series, span: tuple[float, float], seconds: float) -> bool:
    """Whether a series begins and ends within so many seconds of the two ends of a span."""
    moments = [at for at, _ in series.points]
    return bool(moments) and min(moments) <= span[0] + seconds and max(moments) >= span[1] - seconds


def cut(series: Series, span: tuple[float, float]) -> Series:
    """The part of a series within a span."""
    return Series(series.quantity, series.owner, tuple(p for p in series.points if span[0] <= p[0] < span[1]))
