"""Tells how long it takes after a spike until the services are normal again, second by second."""

from dataclasses import dataclass

from analysis.checks.evidence import Evidence, Span
from analysis.checks.normal_seconds import fails, find_normal, is_slow
from analysis.checks.standstill_rules import find_dead_seconds
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Check, Figure
from analysis.number_formats import say_count, say_number
from analysis.plan.plan import Plan
from analysis.records.counts import Counts, count_seconds
from analysis.records.latencies import Latencies


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

    @property
    def rest(self) -> int:
        """The seconds after the last bad moment."""
        return self.watched - self.last_bad

    @property
    def late_hiccups(self) -> int:
        """How many of them were bad."""
        return sum(1 for second in self.hiccups if second >= self.last_bad)

    def is_restless(self, plan: Plan) -> bool:
        """Whether too many of them were; one is no pattern, however few seconds there are."""
        return self.late_hiccups > max(1.0, plan.limit("hiccup-ratio") * self.rest)

    def seconds(self, plan: Plan) -> int | None:
        """Seconds until all was normal; None when too few good seconds followed the last bad moment, or too many bad
        ones.
        """
        is_steady = self.rest - self.late_hiccups >= plan.limit("normal-seconds")
        return self.last_bad if is_steady and not self.is_restless(plan) else None


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
    normal = find_normal(plan, p95)
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


def judge_recovery(plan: Plan, recovery: Recovery | None, source: str) -> Check:
    """FAIL when the last bad moment came too late or many seconds after it were bad by themselves, INCONCLUSIVE when
    the run ended too early to tell.
    """
    name, limit = "normal after the spike", plan.objective("recovery-seconds") or 0.0
    if recovery is None:
        reason = "There are too few answers before the spike to say what is normal."
        return Check(name, PERFORMANCE, INCONCLUSIVE, reason)
    steady = plan.limit("normal-seconds")
    again, rest, hiccups = recovery.seconds(plan), recovery.rest, recovery.late_hiccups
    if recovery.is_restless(plan):
        where, of = "After the spike", f"of {rest} s"
        if recovery.last_bad:
            where = "After the last bad moment"
            of += f"; that moment ended {recovery.last_bad} s after the spike"
        reason = f"{where}, single seconds were not normal for {hiccups} s ({of})."
        return Check(name, PERFORMANCE, FAIL, reason, (Figure("single bad seconds", hiccups, "s", source),))
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
        followed = f"only {say_count(rest - hiccups, 'good second')} followed ({steady:g} are needed)"
        ended = f"The last bad moment ended {recovery.last_bad} s after the spike ({normal})."
        words = f"{ended} The run ended too early to tell, because {followed}."
        return Check(name, PERFORMANCE, INCONCLUSIVE, words, figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)
