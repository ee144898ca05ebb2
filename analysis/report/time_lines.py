"""Draws the time lines of a scenario, all on one axis: load, latencies, refusals, and below them the services."""

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.checks.evidence import Evidence
from analysis.checks.series import KIB, Series, draw_values, draw_workers, find_rises
from analysis.findings import TimeLine
from analysis.records.counts import count_seconds
from analysis.records.endpoints import ALL_BUT_LOGIN
from analysis.records.latencies import Latencies

MIB = KIB * 1024
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
LATENCY, WITHOUT_LOG_INS, OF_LOG_INS = "latency", "latency without log-ins", "latency of log-ins"
LOG_INS_APART = ("read_heavy", "write_heavy", "soak", "spike")  # the answers to these questions leave log-ins out


@dataclass(frozen=True)
class LineKind:
    """How a quantity is shown: the picture it belongs to, its unit, and its scale; `rises` is drawn as a rate."""

    group: str
    unit: str = ""
    scale: float = 1.0
    rises: bool = False


OF_WORKERS = {
    "cpu_s": LineKind("cpu", "core", rises=True),
    "rss": LineKind("memory", "MiB", 1 / MIB),
    "fds": LineKind("descriptors"),
    "threads": LineKind("threads"),
    "clients": LineKind("connections of clients"),
}
OF_SERVICES = {
    "cpu": LineKind("cpu", "of all cores"),
    "http_requests_in_flight": LineKind("in flight", "requests"),
    "http_requests_shed_total": LineKind("shed by the service", "requests/s", rises=True),
    "db_pool_in_use": LineKind("pool", "connections in use"),
    "db_pool_waiting": LineKind("pool", "threads waiting"),
    "db_connections": LineKind("database connections"),
    "redis_memory_bytes": LineKind("redis memory", "MiB", 1 / MIB),
    "redis_keys": LineKind("redis keys"),
    "hashing_waiting": LineKind("hashing queue", "threads waiting"),
    "read_model_lag_seconds": LineKind("read-model lag", "s"),
}


def draw_time_lines(evidence: Evidence) -> tuple[TimeLine, ...]:
    """Every time line of a scenario that has points."""
    lines = [*draw_load(evidence), *draw_latencies(evidence), *draw_generator(evidence), *draw_services(evidence)]
    return tuple(line for line in lines if line.points)


def draw_load(evidence: Evidence) -> Iterable[TimeLine]:
    """Users, and the answers, refusals and errors of each second."""
    name, started, seconds = evidence.plan.name, evidence.curve.started, evidence.curve.seconds
    users = tuple((float(second), float(count)) for second, count in enumerate(evidence.curve.users))
    yield TimeLine("users", "users", "", f"{name}_stats_history.csv", users)
    counts = count_seconds(evidence.rows)
    for word, group in (("right", "throughput"), ("shed", "shed"), ("errors", "errors")):
        points = [
            (float(second), float(getattr(counts[started + second], word)) if started + second in counts else 0.0)
            for second in range(seconds if counts else 0)
        ]
        yield TimeLine(group, word, "requests/s", evidence.file("_seconds.csv"), tuple(points))


def draw_latencies(evidence: Evidence) -> Iterable[TimeLine]:
    """p50, p95 and p99 of the right answers of each second; log-ins apart where the verdict leaves them out."""
    if evidence.plan.name in LOG_INS_APART:
        yield from draw_percentiles(evidence, WITHOUT_LOG_INS, evidence.latencies_of(*ALL_BUT_LOGIN))
        yield from draw_percentiles(evidence, OF_LOG_INS, evidence.latencies_of("login"))
    else:
        yield from draw_percentiles(evidence, LATENCY, evidence.latencies)


def draw_percentiles(evidence: Evidence, group: str, latencies: Latencies) -> Iterable[TimeLine]:
    """The percentiles of each second of some answers."""
    started = evidence.curve.started
    windows = {
        second: latencies.between(started + second, started + second + 1) for second in range(evidence.curve.seconds)
    }
    for name, share in SHARES.items():
        points = [(float(second), p) for second, each in windows.items() if (p := each.percentile(share)) is not None]
        yield TimeLine(group, name, "ms", evidence.file(".hlog"), tuple(points))


def draw_generator(evidence: Evidence) -> Iterable[TimeLine]:
    """Processor share and the longest lag of each process that made the load."""
    source = evidence.file("_generator.csv")
    for part, rows in evidence.generator.items():
        owner = f"generator {part}".rstrip()
        cpu = Series("cpu", owner, tuple((row.at, row.cpu) for row in rows))
        lag = Series("lag", owner, tuple((row.at, max(row.lags_ms, default=0.0)) for row in rows))
        yield draw_series(evidence, LineKind("cpu", "core"), cpu, source)
        yield draw_series(evidence, LineKind("generator lag", "ms"), lag, source)


def draw_services(evidence: Evidence) -> Iterable[TimeLine]:
    """What the services and their worker processes said of themselves."""
    source = f"{evidence.plan.name}_server.jsonl"
    workers, values = draw_workers(evidence.samples), draw_values(evidence.samples)
    for kinds, drawn in ((OF_WORKERS, workers), (OF_SERVICES, values)):
        for quantity, kind in kinds.items():
            for series in drawn:
                if series.quantity == quantity:
                    yield draw_series(evidence, kind, series, source)


def draw_series(evidence: Evidence, kind: LineKind, series: Series, source: str) -> TimeLine:
    """A series as a time line of its scenario."""
    started, seconds = evidence.curve.started, evidence.curve.seconds
    shown = find_rises(series) if kind.rises else series
    points = [(round(at - started, 3), round(value * kind.scale, 4)) for at, value in shown.points]
    inside = tuple(point for point in points if 0 <= point[0] <= seconds)
    return TimeLine(kind.group, series.owner, kind.unit, source, inside)
