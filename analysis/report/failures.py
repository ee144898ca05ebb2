"""Lists the failures of a load by kind: how many, when first and last, and one request of each with its id."""

from analysis.checks.evidence import Evidence
from analysis.findings import Table
from analysis.records.failures import bare_text
from analysis.records.formats import FAILURE_SAMPLES, FailureSample
from analysis.records.locust_files import Failure

TITLE = "Failures"
Row = tuple[str | int | float | None, ...]
COLUMNS = ("endpoint", "kind", "what", "number", "first s", "last s", "sample: X-Request-ID", "at s", "ms", "status")


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
    return Table(TITLE, COLUMNS, tuple(rows), sources)


def describe_failure(failure: Failure, sample: FailureSample | None, started: int) -> Row:
    """The row of one kind."""
    known = started > 0  # without a history nobody knows when the load began
    moments = [round(each - started) if each and known else None for each in (failure.first, failure.last)]
    found: Row = (None,) * 4
    if sample:
        found = sample.request_id, round(sample.at - started, 1) if known else None, sample.ms, sample.status
    return f"{failure.method} {failure.name}", failure.kind, failure.text, failure.count, *moments, *found
