"""Makes the tables of requests: by endpoint, and of each kind of failure with a sample and its id."""

from analysis.checks.evidence import Evidence
from analysis.findings import Table
from analysis.records.counts import Counts
from analysis.records.endpoints import title_of
from analysis.records.failures import bare_text
from analysis.records.latencies import Latencies
from analysis.records.locust_files import Failure
from analysis.records.results_folder import FAILURE_SAMPLES, FailureSample

ENDPOINTS = "Endpoints"
OUTCOMES = ("right", "wrong", "unanswered", "shed")
OF_ENDPOINTS = ("endpoint", "requests/s", "p50 ms", "p95 ms", "p99 ms", "mean ms", "longest ms", *OUTCOMES)
SHARES = (0.5, 0.95, 0.99)
FAILURES = "Failures"
Row = tuple[str | int | float | None, ...]
OF_FAILURES = (
    "endpoint",
    "kind",
    "what",
    "number",
    "first s",
    "last s",
    "sample: X-Request-ID",
    "at s",
    "ms",
    "status",
)


def list_endpoints(evidence: Evidence) -> Table:
    """A row for each endpoint of a scenario; the rate is that of all its requests over the whole load."""
    rows = tuple(describe_endpoint(evidence, name, counts) for name, counts in evidence.endpoints.items())
    return Table(ENDPOINTS, OF_ENDPOINTS, rows, f"{evidence.file('_seconds.csv')}, {evidence.file('.hlog')}")


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


def list_failures(evidence: Evidence) -> Table | None:
    """A row for each kind of failure, the most frequent first; None without any.

    Seconds are counted from the begin of the load. The sample is the first request of the kind; its X-Request-ID
    stands in the line of the service's log. A kind that was not sampled, or got no answer, has no id.
    """
    failures = sorted(evidence.results.failures, key=lambda failure: (-failure.count, failure.name, failure.text))
    if not failures:
        return None
    samples: dict[tuple[str, str, str], FailureSample] = {}
    for sample in sorted(evidence.failure_samples, key=lambda sample: sample.at):
        samples.setdefault((sample.method, sample.name, bare_text(sample.text)), sample)
    started = evidence.curve.started
    rows = [
        describe_failure(failure, samples.get((failure.method, failure.name, failure.text)), started)
        for failure in failures
    ]
    sources = f"{evidence.plan.name}_failures.csv"
    if samples:
        sources += f", {evidence.file(FAILURE_SAMPLES)}"
    return Table(FAILURES, OF_FAILURES, tuple(rows), sources)


def describe_failure(failure: Failure, sample: FailureSample | None, started: int) -> Row:
    """The row of one kind."""
    known = started > 0  # without a history, the begin of the load is unknown
    moments = [round(each - started) if each and known else None for each in (failure.first, failure.last)]
    found: Row = (None,) * 4
    if sample:
        found = sample.request_id, round(sample.at - started, 1) if known else None, sample.ms, sample.status
    return f"{failure.method} {failure.name}", failure.kind, failure.text, failure.count, *moments, *found
