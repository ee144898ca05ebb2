"""Makes the table of endpoints: how often each was asked, how long its right answers took, how its requests ended."""

from analysis.checks.evidence import Evidence
from analysis.findings import Table
from analysis.records.counts import Counts
from analysis.records.endpoints import title_of
from analysis.records.latencies import Latencies

TITLE = "Endpoints"
OUTCOMES = ("right", "wrong", "unanswered", "shed")
COLUMNS = ("endpoint", "requests/s", "p50 ms", "p95 ms", "p99 ms", "mean ms", "longest ms", *OUTCOMES)
SHARES = (0.5, 0.95, 0.99)


def list_endpoints(evidence: Evidence) -> Table:
    """A row for each endpoint of a scenario; the rate is that of all its requests over the whole load."""
    rows = tuple(describe_endpoint(evidence, name, counts) for name, counts in evidence.endpoints.items())
    return Table(TITLE, COLUMNS, rows, f"{evidence.file('_seconds.csv')}, {evidence.file('.hlog')}")


def describe_endpoint(evidence: Evidence, name: str, counts: Counts) -> tuple[str | float | None, ...]:
    """The row of one endpoint."""
    mine, seconds = evidence.latencies.of([name]), evidence.curve.seconds
    rate = round(counts.requests / seconds, 2) if seconds else None
    times = *(mine.percentile(share) for share in SHARES), find_mean(mine), mine.percentile(1.0)
    return title_of(name), rate, *times, *(getattr(counts, outcome) for outcome in OUTCOMES)


def find_mean(latencies: Latencies) -> float | None:
    """The mean in milliseconds; None without answers."""
    if not latencies.answers:
        return None
    return round(float((latencies.us * latencies.count).sum()) / latencies.answers / 1000, 3)
