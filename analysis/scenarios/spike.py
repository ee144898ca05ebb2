"""Answers whether the services survive a spike, and how long it takes until they are normal again."""

from analysis.checks.answer_rules import judge_shed
from analysis.checks.binomial import find_chance
from analysis.checks.evidence import Evidence, Span
from analysis.checks.objectives import CHANCE, judge_objectives
from analysis.findings import INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.number_formats import say_share
from analysis.plan.plan import Plan
from analysis.records.counts import Counts, count_requests
from analysis.records.endpoints import ALL_BUT_LOGIN, GROUPS, group_of
from analysis.scenarios.spike_recovery import Recovery, judge_recovery, measure_recovery
from analysis.scenarios.stages import measure_levels

NOUNS = {"reads": "read", "writes": "write", "login": "log-in"}


def answer_spike(evidence: Evidence) -> Answer:
    """Judge the load before the spike, the spike (its ramp included), and what came after it."""
    plan, source, seconds = evidence.plan, evidence.file(".hlog"), evidence.file("_seconds.csv")
    spans = find_spans(evidence)
    if spans is None:
        reason = "The run has no seconds before, in or after the spike."
        return Answer(reason, (Check("normal after the spike", PERFORMANCE, INCONCLUSIVE, reason),))
    before, spike, after = spans
    recovery = measure_recovery(evidence, evidence.latencies_of(*ALL_BUT_LOGIN), before, after)
    parts = {" before the spike": before, " in the spike": spike, " after the spike": find_rest(plan, recovery, after)}
    checks = [judge_recovery(plan, recovery, f"{source}, {seconds}")]
    for where, span in parts.items():
        shed = judge_shed(plan, count_requests(evidence.rows_in(span)), seconds, where)
        checks += shed
        if span is not spike and all(
            check.verdict == PASS for check in shed
        ):  # in the spike few log-ins find room, and that is as it should be
            checks += judge_groups(plan, evidence, span, where)
        checks += judge_objectives(plan, evidence.latencies.between(*span), source, where)
    counts = count_requests(evidence.rows_in(spike))
    notes = [f"The spike had {plan.users:,} users ({spike[1] - spike[0]:.0f} s with its ramp)."]
    notes[0] += " A longer or a higher spike is another question."
    if recovery and recovery.hiccups and checks[0].verdict == PASS:
        moments = ", ".join(f"{second} s" for second in recovery.hiccups)
        notes.append(f"Single seconds after the spike were not normal, as few as are allowed ({moments} after it).")
    figures = measure_spike(plan, counts, recovery, seconds, source)
    tables: tuple[Table, ...] = (measure_levels(evidence),)
    return Answer(say_spike(plan, recovery, counts), tuple(checks), figures, tables, tuple(notes))


def judge_groups(plan: Plan, evidence: Evidence, span: Span, where: str) -> list[Check]:
    """FAIL for a group with more refusals than by chance, because a few log-ins hardly show among all requests."""
    limit, checks = plan.objective("shed-ratio") or 0.0, []
    for group in GROUPS:
        counts = count_requests(row for row in evidence.rows_in(span) if group_of(row.endpoint) == group)
        if counts.shed and find_chance(counts.shed, counts.requests, limit) < CHANCE:
            checks += judge_shed(plan, counts, evidence.file("_seconds.csv"), where, NOUNS[group])
    return checks


def find_spans(evidence: Evidence) -> tuple[Span, Span, Span] | None:
    """The plateau before the spike, the stage of the spike and the time after it; None when one of them is missing."""
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


def find_rest(plan: Plan, recovery: Recovery | None, after: Span) -> Span:
    """The time after the spike in which all should be normal: from the last bad moment that is allowed on."""
    allowed = plan.objective("recovery-seconds") or 0.0
    return after[0] + min(recovery.last_bad if recovery else 0, allowed), after[1]


def measure_spike(
    plan: Plan, counts: Counts, recovery: Recovery | None, seconds: str, source: str
) -> tuple[Figure, ...]:
    """The figures of the spike."""
    requests = max(counts.requests, 1)
    figures = [
        Figure("requests in the spike", counts.requests, "", seconds),
        Figure("error share in the spike", round(counts.errors / requests, 6), "", seconds),
        Figure("shed share in the spike", round(counts.shed / requests, 6), "", seconds),
    ]
    if recovery:
        again = recovery.seconds(plan)
        figures.append(Figure("normal again after", again, "s", source))
        figures.append(Figure("p95 before the spike, log-ins left out", recovery.before_ms, "ms", source))
    return tuple(figures)


def say_spike(plan: Plan, recovery: Recovery | None, counts: Counts) -> str:
    """How it came back, and what the spike cost."""
    again = "It cannot be told when the services were normal again."
    if recovery:
        seconds = recovery.seconds(plan)
        again = f"The services were not normal again within {recovery.watched} s of the spike."
        if seconds is not None:
            again = f"The services were normal again {seconds} s after the spike."
    requests = max(counts.requests, 1)
    failed, shed = say_share(counts.errors / requests), say_share(counts.shed / requests)
    return f"{again} In the spike, {failed} of the requests failed. The services shed {shed} of the requests."
