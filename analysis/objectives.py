"""Holds latencies against their objectives: frequent endpoints alone, rare ones together."""

from analysis.endpoints import GROUPS, group_of, title_of
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Check, Figure
from analysis.latencies import Latencies
from analysis.plan import Plan

SHARE = 0.95
ASK_FOR_READS = ("read_heavy", "spike")  # their questions are about reads


def judge_objectives(plan: Plan, latencies: Latencies, source: str) -> list[Check]:
    """Judge each p95 objective of the plan: endpoints of 100 answers and more alone, the others of a group as one.

    When not one of them had enough answers, the first is INCONCLUSIVE.
    """
    judged: list[Check] = []
    for group in GROUPS:
        limit = plan.objective(f"{group}-p95-ms")
        if limit is not None:
            judged += _judge_group(plan, group, limit, latencies, source)
    if plan.name in ASK_FOR_READS and plan.objective("reads-p95-ms") is None:
        reason = "the scenario's file gives no objective-reads-p95-ms to hold reads against"
        judged.append(Check("reads p95", PERFORMANCE, INCONCLUSIVE, reason))
    if judged and all(check.verdict is None for check in judged):
        first = judged[0]
        words = f"too few answers to judge any latency by; {first.name}: {first.reason}"
        judged[0] = Check(first.name, PERFORMANCE, INCONCLUSIVE, words, first.figures)
    return judged


def _judge_group(plan: Plan, group: str, limit: float, latencies: Latencies, source: str) -> list[Check]:
    members = {name: latencies.of([name]) for name in latencies.names if group_of(name) == group}
    members = {name: mine for name, mine in members.items() if mine.answers}
    rare = [name for name, mine in members.items() if mine.answers < plan.limit("endpoint-answers")]
    judged = [
        _judge_one(plan, title_of(name), mine, limit, source) for name, mine in members.items() if name not in rare
    ]
    if rare or not members:
        title = title_of(rare[0]) if len(rare) == 1 else f"{len(rare)} rare {group} together" if rare else group
        judged.append(_judge_one(plan, title, latencies.of(rare), limit, source))
    return judged


def _judge_one(plan: Plan, title: str, latencies: Latencies, limit: float, source: str) -> Check:
    answers, few = latencies.answers, plan.limit("few-answers")
    if answers < few:
        reason = f"{answers} answers, fewer than {few:g}"
        return Check(f"{title} p95", PERFORMANCE, None, reason, (Figure("answers", answers, "", source),))
    p95 = latencies.percentile(SHARE) or 0.0
    objective, counted = Figure("objective", limit, "ms", "run.json"), Figure("answers", answers, "", source)
    figures = Figure("p95", p95, "ms", source), objective, counted
    if p95 <= limit:
        return Check(f"{title} p95", PERFORMANCE, PASS, "", figures)
    reason = f"{title}: p95 {p95:.4g} ms, objective {limit:g} ms ({answers} answers)"
    return Check(f"{title} p95", PERFORMANCE, FAIL, reason, figures)
