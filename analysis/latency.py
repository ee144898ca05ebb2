"""Holds the latencies of a scenario against its objectives: frequent endpoints alone, rare ones together."""

import math
from collections import Counter
from dataclasses import dataclass

from analysis.findings import ENDPOINT_ANSWERS, ENOUGH_ANSWERS
from analysis.plan import Plan
from analysis.results import Endpoint


@dataclass(frozen=True)
class Objective:
    """One objective as judged; `held` is None when there was too little to judge it by, and `why` says more."""

    title: str
    answers: int
    p95_ms: float | None
    limit_ms: float
    held: bool | None
    why: str = ""


def group_of(endpoint: Endpoint) -> str:
    """`login`, `reads` (every GET) or `writes` (everything else)."""
    if endpoint.method == "POST" and endpoint.name.split()[0] == "/login":
        return "login"
    return "reads" if endpoint.method == "GET" else "writes"


def judge_objectives(plan: Plan, endpoints: list[Endpoint]) -> list[Objective]:
    """Judge each p95 objective of the plan: endpoints of 100 answers and more alone, the others as one."""
    judged: list[Objective] = []
    for group in ("reads", "writes", "login"):
        limit = plan.objectives.get(f"{group}-p95-ms")
        members = [endpoint for endpoint in endpoints if endpoint.requests and group_of(endpoint) == group]
        if limit is None:
            continue
        if not members:
            judged.append(Objective(group, 0, None, limit, None))
        rare = [endpoint for endpoint in members if endpoint.requests < ENDPOINT_ANSWERS]
        judged += [_judge_alone(member, limit) for member in members if member not in rare]
        if rare:
            judged.append(_judge_together(group, rare, limit))
    return judged


def percentile(times: dict[int, int], share: float) -> float:
    """The nearest-rank percentile of a histogram {ms: answers}; raises ValueError when it is empty."""
    wanted, seen = math.ceil(share * sum(times.values())), 0
    for milliseconds in sorted(times):
        seen += times[milliseconds]
        if seen >= wanted:
            return milliseconds
    raise ValueError("no answers")


def _judge_alone(endpoint: Endpoint, limit: float) -> Objective:
    p95 = endpoint.p95_ms
    held = None if p95 is None else p95 <= limit
    return Objective(endpoint.title, endpoint.requests, p95, limit, held)


def _judge_together(group: str, rare: list[Endpoint], limit: float) -> Objective:
    answers = sum(endpoint.requests for endpoint in rare)
    title = rare[0].title if len(rare) == 1 else f"{len(rare)} rare {group} together"
    if answers < ENOUGH_ANSWERS:
        return Objective(title, answers, None, limit, None, f", fewer than {ENOUGH_ANSWERS}")
    if len(rare) == 1:
        return _judge_alone(rare[0], limit)
    if all(endpoint.times for endpoint in rare):
        merged: Counter[int] = sum((Counter(endpoint.times) for endpoint in rare), Counter())
        p95 = percentile(merged, 0.95)
        return Objective(title, answers, p95, limit, p95 <= limit)
    highest = max(endpoint.p95_ms or math.inf for endpoint in rare)  # that of a mixture is at most this
    if highest <= limit:
        return Objective(title, answers, highest, limit, True)
    return Objective(title, answers, None, limit, None, ", and their histograms are missing")
