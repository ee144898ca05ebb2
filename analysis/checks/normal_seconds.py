"""Says which seconds after too much load are normal again: those after a spike, and after a step that broke."""

from analysis.plan.plan import Plan
from analysis.records.counts import Counts
from analysis.records.latencies import Latencies


def find_normal(plan: Plan, usual_ms: float) -> float:
    """The p95 in ms up to which a second is normal, where `usual_ms` is that before the load rose."""
    normal = max(plan.limit("normal-factor") * usual_ms, plan.limit("normal-ms"))
    return min(normal, plan.objective("reads-p95-ms") or normal)  # what is not good enough is not normal either


def is_slow(answers: Latencies, normal_ms: float) -> bool:
    """Whether the p95 of a second is not normal."""
    return (answers.percentile(0.95) or 0.0) > normal_ms


def fails(plan: Plan, counts: Counts) -> bool:
    """Whether nothing that ended was right, or a larger share was refused than the objective allows."""
    refused = counts.shed > (plan.objective("shed-ratio") or 0.0) * counts.requests
    return refused or (counts.requests > 0 and not counts.right)
