"""Puts beside the percentiles what they would be if users who waited had gone on sending.

A closed load leaves out the requests that a waiting user did not send (coordinated omission). As HdrHistogram's
getHistogramCorrectedForCoordinatedOmission does: an answer that took longer than the interval at which a user usually
sends stands for those that would have waited an interval less, two intervals less, and so on.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.checks.evidence import Evidence
from analysis.findings import Table
from analysis.number_formats import say_count, say_number
from analysis.records.counts import add_times, count_requests
from analysis.records.endpoints import GROUPS
from analysis.records.latencies import Latencies, Numbers

COLUMNS = ("answers to", "number", "p95 ms", "corrected p95 ms", "p99 ms", "corrected p99 ms", "longest ms")
SHARES = (0.95, 0.99)
Weights = NDArray[np.float64]


def compare_corrected(evidence: Evidence) -> tuple[Table | None, str]:
    """A table of raw and corrected percentiles for each group of endpoints, and a sentence on which are judged.

    No table without answers, or without think times to tell the interval by; nor for the smoke, whose walks do not
    think between their steps.
    """
    interval_s = measure_interval(evidence)
    if interval_s is None or evidence.plan.name == "smoke":
        return None, ""
    us, missed = find_missed(evidence.latencies, interval_s)
    rows = [describe(group, evidence.latencies_of(group), evidence.latencies, us, missed) for group in GROUPS]
    rows.append(describe("all", evidence.latencies, evidence.latencies, us, missed))
    added = f"{say_count(int(missed.sum()), 'request')} that waiting users did not send"
    note = f"The corrected percentiles add {added} (a user sends every {say_number(interval_s, 's')})."
    if not missed.sum():
        note = "The corrected percentiles are the same, because no answer took long enough to delay a request."
    note = f"The raw percentiles are judged. {note}"
    sources = f"{evidence.file('.hlog')}, {evidence.file('_seconds.csv')}"
    return Table("Raw and corrected latencies", COLUMNS, tuple(row for row in rows if row[1]), sources), note


def compare_due(evidence: Evidence) -> tuple[Table | None, str]:
    """The same for an open load, which recorded both: from when an action was due, and from when it was sent."""
    if evidence.raw is None or not evidence.raw.answers:
        return None, ""
    pairs = [(group, evidence.latencies_of(group), evidence.raw.of_groups(group)) for group in GROUPS]
    pairs.append(("all", evidence.latencies, evidence.raw))
    rows = []
    for title, due, sent in pairs:
        values = [each.percentile(share) for share in SHARES for each in (sent, due)]
        rows.append((title, due.answers, *values, due.percentile(1.0)))
    note = "The corrected percentiles, from the moment at which an action was due, are judged."
    return Table(
        "Raw and corrected latencies", COLUMNS, tuple(row for row in rows if row[1]), evidence.file(".hlog")
    ), note


def measure_interval(evidence: Evidence) -> float | None:
    """The seconds from one request of a user to the next: mean think time and median answer; None if unknown."""
    requests = count_requests(evidence.rows).requests
    think_s, median_ms = add_times(evidence.rows)["think"], evidence.latencies.percentile(0.5)
    if not requests or think_s <= 0 or median_ms is None:
        return None
    return think_s / requests + median_ms / 1000


def find_missed(latencies: Latencies, interval_s: float) -> tuple[Numbers, Weights]:
    """The latencies in microseconds of the answers that were not asked for, and how many of each."""
    step = max(1, round(interval_s * 1_000_000))
    long = latencies.us >= 2 * step
    times = latencies.us[long] // step - 1
    nth = np.concatenate([np.arange(1, count + 1) for count in times]) if times.size else np.zeros(0, dtype=np.int64)
    return np.repeat(latencies.us[long], times) - nth * step, np.repeat(latencies.count[long], times).astype(float)


def describe(
    title: str, mine: Latencies, everything: Latencies, us: Numbers, missed: Weights
) -> tuple[str | int | float | None, ...]:
    """The row of a group; of the answers that were not asked for it has its share in the mix."""
    part = mine.answers / max(everything.answers, 1)
    corrected = weighted_percentiles(
        np.concatenate([mine.us, us]), np.concatenate([mine.count.astype(float), part * missed])
    )
    raw = [mine.percentile(share) for share in SHARES]
    return title, mine.answers, raw[0], corrected[0], raw[1], corrected[1], mine.percentile(1.0)


def weighted_percentiles(us: Numbers, weights: Weights) -> list[float | None]:
    """Percentiles in milliseconds of latencies that count with a weight: the least that SHARES of the weight keep."""
    if not len(us):
        return [None] * len(SHARES)
    order = np.argsort(us, kind="stable")
    seen = np.cumsum(weights[order])
    places = np.searchsorted(seen, np.array(SHARES) * seen[-1] - 1e-9)
    return [round(float(value) / 1000, 3) for value in us[order][places]]
