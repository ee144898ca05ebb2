"""Answers what users see who come whatever the services do: latency from the moment at which an action was due."""

from analysis.checks.arrival_rules import count, find_span
from analysis.checks.evidence import Evidence
from analysis.findings import Answer, Figure
from analysis.number_formats import say_number
from analysis.records.results_folder import ARRIVED


def answer_arrivals(evidence: Evidence) -> Answer:
    """Say what latency so many arrivals see, and what it would seem to be from the moment of sending."""
    span = find_span(evidence)
    seconds, source = span[1] - span[0], evidence.file(".hlog")
    rate = count(evidence, span, ARRIVED) / seconds if seconds else 0.0
    due = [evidence.latencies.between(*span).percentile(share) for share in (0.5, 0.95, 0.99)]
    raw = evidence.raw.between(*span).percentile(0.99) if evidence.raw else None
    names = ("p50", "p95", "p99")
    figures = [Figure(f"{name}, from when it was due", ms, "ms", source) for name, ms in zip(names, due, strict=True)]
    figures.append(Figure("p99, from when it was sent", raw, "ms", source))
    if due[2] is None or raw is None:
        return Answer("No answer came.", figures=tuple(figures))
    words = f"People came {say_number(round(rate, 1))} times a second. The p95 is {say_number(due[1] or 0.0, 'ms')}."
    words += (
        f" The p99 is {say_number(due[2], 'ms')} (from when an action was due; {say_number(raw, 'ms')} from sending)."
    )
    return Answer(words, figures=tuple(figures))
