"""Answers whether the services survive a spike, and how long it takes until they are normal again."""

from dataclasses import dataclass

from analysis.answer_rules import judge_shed
from analysis.counts import Counts, count_requests
from analysis.endpoints import UNLIKE_LOGIN
from analysis.evidence import Evidence, Span
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.latencies import Latencies
from analysis.objectives import judge_objectives
from analysis.plan import Plan
from analysis.stages import measure_levels


@dataclass(frozen=True)
class Recovery:
    """Seconds from the end of the spike until p95 was normal; None if it was not while `watched`.

    `began` tells that it was normal at the very end, but not for long enough to count.
    """

    seconds: int | None
    watched: int
    before_ms: float
    normal_ms: float
    began: bool


def answer_spike(evidence: Evidence) -> Answer:
    """Measure the spike (its ramp included) and what came after it."""
    plan, source = evidence.plan, evidence.file(".hlog")
    spans = find_spans(evidence)
    if spans is None:
        reason = "the run has no seconds before, in or after the spike"
        return Answer(reason, (Check("normal after the spike", PERFORMANCE, INCONCLUSIVE, reason),))
    before, spike, after = spans
    counts = count_requests(evidence.rows_in(spike))
    recovery = measure_recovery(evidence, evidence.latencies_of(*UNLIKE_LOGIN), before, after)
    seconds = evidence.file("_seconds.csv")
    checks = [
        *judge_shed(plan, counts, seconds, " in the spike"),
        *judge_objectives(plan, evidence.latencies.between(*spike), source),
        judge_recovery(plan, recovery, source),
    ]
    tables: tuple[Table, ...] = (measure_levels(evidence),)
    note = f"spike: {spike[1] - spike[0]:.0f} s to {plan.users:,} users; a longer or a higher one is another question"
    figures = measure_spike(counts, recovery, seconds, source)
    return Answer(say_spike(recovery, counts), tuple(checks), figures, tables, (note,))


def find_spans(evidence: Evidence) -> tuple[Span, Span, Span] | None:
    """The plateau before the spike, the stage of the spike and the time after it; None when one is not there."""
    plan, started, end = evidence.plan, evidence.curve.started, evidence.span[1]
    peak = max(range(len(plan.stages)), key=lambda index: plan.stages[index].users)
    ends = [started + round(seconds) for seconds in plan.stage_ends]
    calm = [plateau for plateau in plan.plateaus() if peak and plateau.end <= plan.stage_ends[peak - 1]]
    if not calm:
        return None
    before = evidence.span_of(calm[-1])[0], ends[peak - 1]
    spike, after = (ends[peak - 1], ends[peak]), (ends[peak], end)
    spans = before, spike, after
    return spans if all(start < until <= end for start, until in spans) else None


def measure_recovery(evidence: Evidence, latencies: Latencies, before: Span, after: Span) -> Recovery | None:
    """Find the first of five seconds running in which p95 is at most twice that before the spike, or 20 ms.

    The p95 of a moment is that of the 5 s before it, of `latencies` without log-ins. A moment without enough right
    answers for a p95, none of them in its last 2 s, or with more refusals than the objective allows, is not normal.
    None without answers before the spike.
    """
    plan = evidence.plan
    few, usual = plan.limit("few-answers"), latencies.between(*before)
    p95 = usual.percentile(0.95)
    if p95 is None or usual.answers < few:
        return None
    normal = max(plan.limit("normal-factor") * p95, plan.limit("normal-ms"))
    moments = range(int(after[0]), int(after[1]) + 1)
    length, silence = plan.limit("normal-window-seconds"), plan.limit("silent-seconds")
    good = [
        latencies.between(moment - silence, moment).answers > 0
        and is_normal(latencies.between(moment - length, moment), few, normal)
        and not refuses(evidence, (moment - length, moment))
        for moment in moments
    ]
    steady = int(plan.limit("normal-seconds"))
    first = next((place for place in range(len(good) - steady + 1) if all(good[place : place + steady])), None)
    return Recovery(first, len(moments) - 1, p95, round(normal, 3), first is None and good[-1])


def is_normal(window: Latencies, few: float, normal_ms: float) -> bool:
    """Whether a window has enough answers for a p95, and a normal one."""
    return window.answers >= few and (window.percentile(0.95) or 0.0) <= normal_ms


def refuses(evidence: Evidence, span: Span) -> bool:
    """Whether the service refused a larger share than the objective allows."""
    counts = count_requests(evidence.rows_in(span))
    return counts.shed > (evidence.plan.objective("shed-ratio") or 0.0) * counts.requests


def judge_recovery(plan: Plan, recovery: Recovery | None, source: str) -> Check:
    """FAIL when p95 was not normal within the objective, INCONCLUSIVE when the run ended too early to tell."""
    name, limit = "normal after the spike", plan.objective("recovery-seconds") or 0.0
    if recovery is None:
        reason = "too few answers before the spike to say what is normal"
        return Check(name, PERFORMANCE, INCONCLUSIVE, reason)
    figures = (
        Figure("normal again after", recovery.seconds, "s", source),
        Figure("normal p95", recovery.normal_ms, "ms", source),
    )
    if recovery.seconds is not None and recovery.seconds <= limit:
        return Check(name, PERFORMANCE, PASS, "", figures)
    seen = f"{recovery.seconds} s" if recovery.seconds is not None else f"not within {recovery.watched} s"
    reason = f"p95 at most {recovery.normal_ms:g} ms again after the spike: {seen}, objective {limit:g} s"
    if recovery.seconds is None and (recovery.began or recovery.watched < limit - plan.limit("off-plan-seconds")):
        return Check(name, PERFORMANCE, INCONCLUSIVE, f"{reason}; the run ended too early to tell", figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def measure_spike(counts: Counts, recovery: Recovery | None, seconds: str, source: str) -> tuple[Figure, ...]:
    """The figures of the spike."""
    requests = max(counts.requests, 1)
    figures = [
        Figure("requests in the spike", counts.requests, "", seconds),
        Figure("error share in the spike", round(counts.errors / requests, 6), "", seconds),
        Figure("shed share in the spike", round(counts.shed / requests, 6), "", seconds),
    ]
    if recovery:
        figures.append(Figure("normal again after", recovery.seconds, "s", source))
        figures.append(Figure("p95 before the spike, log-ins left out", recovery.before_ms, "ms", source))
    return tuple(figures)


def say_spike(recovery: Recovery | None, counts: Counts) -> str:
    """How it came back, and what the spike cost."""
    again = "it cannot be told when it was normal again"
    if recovery and recovery.seconds is not None:
        again = f"normal again {recovery.seconds} s after the spike"
    elif recovery:
        again = f"not normal again within {recovery.watched} s of the spike"
    requests = max(counts.requests, 1)
    return f"{again}; in it {counts.errors / requests:.2%} errors and {counts.shed / requests:.2%} shed"
