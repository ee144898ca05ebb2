"""Says whether actions began when an open load had planned them: as many, by enough users, and in time."""

import math
from collections.abc import Sequence

from analysis.checks.evidence import Evidence, Span
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_number
from analysis.records.results_folder import ARRIVED, DROPPED

SIGMAS = 4.0  # by which the number of a Poisson process may differ from its mean: once in 16,000 times by chance


def judge_arrivals(evidence: Evidence) -> list[Check]:
    """INVALID when arrivals were more or fewer than planned by 5 %, found no user in the pool, or began late.

    Where they are so few that chance alone makes 5 %, four standard deviations are allowed. In a search each step is
    held against its own plan, and only those that held must drop none.
    """
    plan, source = evidence.plan, evidence.file("_seconds.csv")
    reasons = ["", "", ""]
    spans = list_spans(evidence)
    for planned, span in spans:
        reasons[0] = reasons[0] or _say_off_plan(evidence, planned, span)
    whole = [span for _, span in spans] if plan.search else [evidence.span]
    broke = {step.span for step in evidence.search.judged if step.broken}
    dropped = sum(count(evidence, span, DROPPED) for span in whole if span not in broke)
    arrived, seconds = sum(count(evidence, span, ARRIVED) for _, span in spans), sum(e - b for _, (b, e) in spans)
    if dropped:
        reasons[1] = f"Of the arrivals, {dropped:,} were dropped, because all users of the pool were busy."
    late = find_late(evidence, [span for span in whole if span not in broke])
    limit = plan.limit("late-p99-ms")
    if late is not None and late > limit:
        said = say_number(late, "ms", beside=limit)
        reasons[2] = f"Actions began {said} after they were due at p99 (limit {limit:g} ms)."
    rate_figure = Figure("arrivals a second", round(arrived / seconds, 2) if seconds else None, "/s", source)
    return [
        make_check("as many actions arrived as planned", VALIDITY, reasons[0], rate_figure),
        make_check("every arrival found a user", VALIDITY, reasons[1], Figure("dropped", dropped, "", source)),
        make_check(
            "actions began when they were due", VALIDITY, reasons[2],
            Figure("late at p99", late, "ms", evidence.file(".hlog")),
        ),
    ]  # fmt: skip


def find_late(evidence: Evidence, spans: Sequence[Span]) -> float | None:
    """How late actions began at p99, in the worst of some spans; None where none began."""
    found = [evidence.late.between(*span).percentile(0.99) for span in spans] if evidence.late else []
    return max((late for late in found if late is not None), default=None)


def _say_off_plan(evidence: Evidence, rate: float, span: Span) -> str:
    seconds = span[1] - span[0]
    arrived, planned = count(evidence, span, ARRIVED), rate * seconds
    allowed = max(evidence.plan.limit("off-plan-ratio") * planned, SIGMAS * math.sqrt(planned))
    if seconds and abs(arrived - planned) <= allowed:
        return ""
    seen = say_number(arrived / seconds) if seconds else "no"
    return f"There were {seen} arrivals a second ({rate:g} were planned)."


def list_spans(evidence: Evidence) -> list[tuple[float, Span]]:
    """The arrivals a second that were planned, and when: of a search for each of its steps."""
    if evidence.plan.search:
        return [(float(step.load), step.span) for step in evidence.search.judged]
    return [(evidence.plan.arrivals or 0.0, find_span(evidence))]


def find_span(evidence: Evidence) -> Span:
    """The time from the first arrival to the end of the load: the pool is full then."""
    plateaus = evidence.plan.plateaus()
    return evidence.span_of(plateaus[-1]) if plateaus else evidence.span


def count(evidence: Evidence, span: Span, what: str) -> int:
    """How many arrivals, or dropped ones, a span brought."""
    return round(sum(row.busy_s for row in evidence.rows_in(span) if row.endpoint == what))
