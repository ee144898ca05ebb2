"""Holds latencies against their objectives: frequent endpoints alone, rare ones together."""

from dataclasses import dataclass

from analysis.checks.binomial import find_chance
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Check, Figure
from analysis.number_formats import say_count, say_number
from analysis.plan.plan import Plan
from analysis.records.endpoints import GROUPS, group_of, title_of
from analysis.records.latencies import Latencies
from analysis.records.results_folder import DIGITS

# What each question is about: without an objective for these groups it asks nothing.
ASKS_FOR = {
    "baseline": ("reads", "writes"),
    "read_heavy": ("reads",),
    "write_heavy": ("writes",),
    "stages": ("reads", "writes"),
    "soak": ("reads", "writes"),
    "spike": ("reads",),
    "arrivals": ("reads", "writes"),
}
CHANCE = 0.001  # in so small a share of runs may few answers be judged slow by chance
P99_FACTORS = {"reads": 3.0, "writes": 3.0, "login": 1.5}  # of the p95 objective, where the file gives no p99 objective


@dataclass(frozen=True)
class Percentile:
    """A percentile that objectives are given for; `more` times as many answers make it as trustworthy as a p95."""

    name: str
    share: float
    more: float


@dataclass(frozen=True)
class Objective:
    """What a group of endpoints is held against: a percentile within `limit_ms`, measured in `source`.

    `where` is the part of the load that is meant, " in the spike", "" for all of it.
    """

    plan: Plan
    percentile: Percentile
    limit_ms: float
    source: str
    where: str


P95, P99 = Percentile("p95", 0.95, 1.0), Percentile("p99", 0.99, 5.0)


def find_objective(plan: Plan, group: str, percentile: Percentile) -> float | None:
    """The objective in milliseconds for a group of endpoints; that of p99 follows from p95 unless it is given."""
    given = plan.objective(f"{group}-{percentile.name}-ms")
    if given is None and percentile is P99:
        p95 = plan.objective(f"{group}-p95-ms")
        return None if p95 is None else P99_FACTORS[group] * p95
    return given


def judge_objectives(plan: Plan, latencies: Latencies, source: str, where: str = "") -> list[Check]:
    """Judge each objective of the plan: endpoints with enough answers alone, the others of a group together.

    Fewer than 20 answers for p95, 100 for p99, are only judged when so many slow ones cannot be chance.

    Enough are 100 for p95 and 500 for p99: five answers then lie beyond the percentile. `where` is the part of the
    load, " in the spike". When no p95 had enough answers, the first is INCONCLUSIVE.
    """
    judged: list[Check] = []
    for percentile in (P95, P99):
        for group in GROUPS:
            limit = find_objective(plan, group, percentile)
            if limit is not None:
                judged += _judge_group(Objective(plan, percentile, limit, source, where), group, latencies)
    if judged and all(check.verdict is None for check in judged):
        first = judged[0]
        words = f"No latency{where} can be judged, because there are too few answers. {first.name}: {first.reason}"
        judged[0] = Check(first.name, PERFORMANCE, INCONCLUSIVE, words, first.figures)
    return judged


def judge_question(plan: Plan) -> list[Check]:
    """INCONCLUSIVE for each group of endpoints that the question is about and that has no objective."""
    return [
        Check(
            f"{group} have an objective",
            PERFORMANCE,
            INCONCLUSIVE,
            f"No {group} can be judged, because the scenario file gives no objective-{group}-p95-ms.",
        )
        for group in ASKS_FOR.get(plan.name, ())
        if plan.objective(f"{group}-p95-ms") is None
    ]


def judge_longest(plan: Plan, latencies: Latencies, source: str) -> Check:
    """FAIL when a right answer took longer than the services guarantee."""
    limit = plan.objective("longest-ms") or 0.0
    longest = latencies.percentile(1.0)
    figures = Figure("longest answer", longest, "ms", source), Figure("objective", limit, "ms", "run.json")
    late = int(latencies.count[latencies.us > limit * 1000 * (1 + 10**-DIGITS)].sum())  # as exact as the record is
    if not late or longest is None:
        return Check("no answer took too long", PERFORMANCE, PASS, "", figures)
    worst = f"the longest {say_number(longest / 1000, 's', beside=limit / 1000)}, of {latencies.answers:,} answers"
    reason = f"{say_count(late, 'answer')} took too long (over {limit / 1000:g} s, {worst})."
    return Check("no answer took too long", PERFORMANCE, FAIL, reason, figures)


def _judge_group(objective: Objective, group: str, latencies: Latencies) -> list[Check]:
    members = {name: latencies.of([name]) for name in latencies.names if group_of(name) == group}
    members = {name: mine for name, mine in members.items() if mine.answers}
    enough = objective.plan.limit("endpoint-answers") * objective.percentile.more
    rare = [name for name, mine in members.items() if mine.answers < enough]
    parts = [(title_of(name), mine) for name, mine in members.items() if name not in rare]
    if rare or not members:
        title = title_of(rare[0]) if len(rare) == 1 else f"{len(rare)} rare {group} together" if rare else group
        parts.append((title, latencies.of(rare)))
    return [_judge_one(objective, f"{title}{objective.where}", mine) for title, mine in parts]


def _judge_one(objective: Objective, title: str, latencies: Latencies) -> Check:
    answers, percentile, limit = latencies.answers, objective.percentile, objective.limit_ms
    few = objective.plan.limit("few-answers") * percentile.more
    name, counted = f"{title} {percentile.name}", Figure("answers", answers, "", objective.source)
    if answers < few:
        return _judge_few(objective, name, latencies, (counted,))
    value = latencies.percentile(percentile.share) or 0.0
    measured = Figure(percentile.name, value, "ms", objective.source)
    figures = measured, Figure("objective", limit, "ms", "run.json"), counted
    if value <= limit:
        return Check(name, PERFORMANCE, PASS, "", figures)
    said = say_number(value, "ms", beside=limit)
    reason = f"The {percentile.name} of {title} is {said} (objective {limit:g} ms, {say_count(answers, 'answer')})."
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def _judge_few(objective: Objective, name: str, latencies: Latencies, figures: tuple[Figure, ...]) -> Check:
    """FAIL when so many slow answers come by chance in less than 1 of 1,000 runs, else not judged.

    By chance: each answer is slow with the share that the percentile leaves, so their number is binomial.
    """
    answers, limit = latencies.answers, objective.limit_ms
    slow = int(latencies.count[latencies.us > limit * 1000].sum())
    if not slow or find_chance(slow, answers, 1 - objective.percentile.share) >= CHANCE:
        few = objective.plan.limit("few-answers") * objective.percentile.more
        reason = f"There were {say_count(answers, 'answer')} ({few:g} are needed)."
        return Check(name, PERFORMANCE, None, reason, figures)
    percentile = objective.percentile.name
    late = f"over {limit:g} ms, the objective of {percentile}; of {answers} answers"
    reason = f"{say_count(slow, 'answer')} to {name.removesuffix(f' {percentile}')} took too long ({late})."
    return Check(name, PERFORMANCE, FAIL, reason, figures)
