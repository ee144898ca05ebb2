"""Answers whether the services survive a spike, and how long it takes until they are normal again."""

from dataclasses import dataclass

from scipy.stats import binom

from analysis.checks.answer_rules import judge_shed
from analysis.checks.evidence import Evidence, Span
from analysis.checks.objectives import CHANCE, judge_objectives
from analysis.checks.standstill_rules import find_dead_seconds
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.number_formats import say_number, say_share
from analysis.plan.plan import Plan
from analysis.records.counts import Counts, count_requests, count_seconds
from analysis.records.endpoints import ALL_BUT_LOGIN, GROUPS, group_of
from analysis.records.latencies import Latencies
from analysis.scenarios.stages import measure_levels

NOUNS = {"reads": "read", "writes": "write", "login": "log-in"}


@dataclass(frozen=True)
class Recovery:
    """The seconds after a spike, each good or bad.

    `last_bad` are the seconds from the end of the spike to the end of the last bad moment, 0 without one; `hiccups`
    are bad seconds outside such a moment, counted from the end of the spike.
    """

    watched: int
    last_bad: int
    hiccups: tuple[int, ...]
    before_ms: float
    normal_ms: float

    def seconds(self, steady: float) -> int | None:
        """Seconds until all was normal; None when fewer than `steady` good seconds followed the last bad moment."""
        return self.last_bad if self.watched - self.last_bad >= steady else None


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
    if recovery and recovery.hiccups:
        moments = ", ".join(f"{second} s" for second in recovery.hiccups)
        notes.append(f"Single seconds after the spike were not normal, and are not judged ({moments} after it).")
    figures = measure_spike(plan, counts, recovery, seconds, source)
    tables: tuple[Table, ...] = (measure_levels(evidence),)
    return Answer(say_spike(plan, recovery, counts), tuple(checks), figures, tables, tuple(notes))


def judge_groups(plan: Plan, evidence: Evidence, span: Span, where: str) -> list[Check]:
    """FAIL for a group with more refusals than by chance, because a few log-ins hardly show among all requests."""
    limit, checks = plan.objective("shed-ratio") or 0.0, []
    for group in GROUPS:
        counts = count_requests(row for row in evidence.rows_in(span) if group_of(row.endpoint) == group)
        if counts.shed and binom.sf(counts.shed - 1, counts.requests, limit) < CHANCE:
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


def measure_recovery(evidence: Evidence, latencies: Latencies, before: Span, after: Span) -> Recovery | None:
    """Find the last bad moment after the spike: 5 seconds among which two are bad.

    A second is bad when the p95 of its right answers (`latencies`, without log-ins) is over twice that before the
    spike and over 20 ms, or over the objective of reads; when it is dead; when all that ended in it failed; or when
    more was refused than the objective allows. None without enough answers before the spike.
    """
    plan, usual = evidence.plan, latencies.between(*before)
    p95 = usual.percentile(0.95)
    if p95 is None or usual.answers < plan.limit("few-answers"):
        return None
    normal = max(plan.limit("normal-factor") * p95, plan.limit("normal-ms"))
    normal = min(normal, plan.objective("reads-p95-ms") or normal)  # what is not good enough is not normal either
    counts, start, dead = count_seconds(evidence.rows_in(after)), int(after[0]), set(find_dead_seconds(evidence))
    bad = [
        number
        for number, second in enumerate(range(start, int(after[1])))
        if is_slow(latencies.between(second, second + 1), normal)
        or fails(plan, counts.get(second, Counts()))
        or second in dead
    ]
    window, enough = plan.limit("bad-window-seconds"), plan.limit("bad-seconds")
    in_moments = [one for one in bad if any(_count_within(bad, end, window) >= enough for end in _ends(one, window))]
    last = max(in_moments, default=-1) + 1
    hiccups = tuple(sorted(set(bad) - set(in_moments)))
    return Recovery(int(after[1] - after[0]), last, hiccups, p95, round(normal, 3))


def _ends(second: int, window: float) -> range:
    """The last seconds of all windows that hold a second."""
    return range(second, second + int(window))


def _count_within(seconds: list[int], end: int, window: float) -> int:
    return sum(1 for second in seconds if end - window < second <= end)


def is_slow(answers: Latencies, normal_ms: float) -> bool:
    """Whether the p95 of a second is not normal."""
    return (answers.percentile(0.95) or 0.0) > normal_ms


def fails(plan: Plan, counts: Counts) -> bool:
    """Whether nothing that ended was right, or a larger share was refused than the objective allows."""
    refused = counts.shed > (plan.objective("shed-ratio") or 0.0) * counts.requests
    return refused or (counts.requests > 0 and not counts.right)


def judge_recovery(plan: Plan, recovery: Recovery | None, source: str) -> Check:
    """FAIL when the last bad moment came too late, INCONCLUSIVE when the run ended too early to tell."""
    name, limit = "normal after the spike", plan.objective("recovery-seconds") or 0.0
    if recovery is None:
        reason = "There are too few answers before the spike to say what is normal."
        return Check(name, PERFORMANCE, INCONCLUSIVE, reason)
    steady = plan.limit("normal-seconds")
    late_hiccups = [second for second in recovery.hiccups if second >= recovery.last_bad]
    if len(late_hiccups) > plan.limit("hiccup-ratio") * (recovery.watched - recovery.last_bad):
        ended = f"of {recovery.watched - recovery.last_bad} s; that moment ended {recovery.last_bad} s after the spike"
        reason = f"After the last bad moment, single seconds were not normal for {len(late_hiccups)} s ({ended})."
        return Check(name, PERFORMANCE, FAIL, reason, (Figure("single bad seconds", len(late_hiccups), "s", source),))
    again, rest = recovery.seconds(steady), recovery.watched - recovery.last_bad
    figures = (
        Figure("normal again after", again, "s", source),
        Figure("normal p95", recovery.normal_ms, "ms", source),
    )
    if again is not None and again <= limit:
        return Check(name, PERFORMANCE, PASS, "", figures)
    seen = f"normal again {recovery.last_bad} s after" if rest else f"not normal again within {recovery.watched} s of"
    normal = f"normal is a p95 of at most {say_number(recovery.normal_ms, 'ms')} and few refusals"
    reason = f"The services were {seen} the spike (objective {limit:g} s; {normal})."
    late = recovery.last_bad > limit or (not rest and recovery.watched >= limit - plan.limit("off-plan-seconds"))
    if not late:
        followed = f"only {rest} good seconds followed ({steady:g} are needed)"
        words = f"{reason} The run ended too early to tell, because {followed}."
        return Check(name, PERFORMANCE, INCONCLUSIVE, words, figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)


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
        again = recovery.seconds(plan.limit("normal-seconds"))
        figures.append(Figure("normal again after", again, "s", source))
        figures.append(Figure("p95 before the spike, log-ins left out", recovery.before_ms, "ms", source))
    return tuple(figures)


def say_spike(plan: Plan, recovery: Recovery | None, counts: Counts) -> str:
    """How it came back, and what the spike cost."""
    again = "It cannot be told when the services were normal again."
    if recovery:
        seconds = recovery.seconds(plan.limit("normal-seconds"))
        again = f"The services were not normal again within {recovery.watched} s of the spike."
        if seconds is not None:
            again = f"The services were normal again {seconds} s after the spike."
    requests = max(counts.requests, 1)
    failed, shed = say_share(counts.errors / requests), say_share(counts.shed / requests)
    return f"{again} In the spike, {failed} of the requests failed. The services shed {shed} of the requests."
