"""Measures how long after a spike the latency was normal again, from the p95 in Locust's history."""

from dataclasses import dataclass
from statistics import median

from analysis.curve import Curve
from analysis.findings import NORMAL_FACTOR, NORMAL_MS, STEADY_S
from analysis.plan import Plan
from analysis.results import Second


@dataclass(frozen=True)
class Recovery:
    """Seconds from the end of the spike until p95 was normal; None if it was not while `watched`.

    `began` tells that it was normal at the very end, but not for long enough to count.
    """

    seconds: int | None
    watched: int
    normal_ms: float
    began: bool


def measure_recovery(plan: Plan, curve: Curve, history: list[Second]) -> Recovery | None:
    """Find the first of five seconds running in which p95 is at most twice that before the spike, or 20 ms.

    The spike is the stage with the most users; the history's p95 is of the last 5 s, log-ins included.
    None when the run has no seconds before or after the spike.
    """
    peak = max(range(len(plan.stages)), key=lambda index: plan.stages[index].users)
    if peak == 0:
        return None
    begin = curve.started + plan.stage_ends[peak - 1]
    end = curve.started + plan.stage_ends[peak]
    before = [line.p95_ms for line in history if begin - STEADY_S <= line.at < begin and line.p95_ms]
    after = [line for line in history if end <= line.at < curve.started + curve.seconds]
    if not before or not after:
        return None
    normal = max(NORMAL_FACTOR * median(before), NORMAL_MS)
    good = [line.p95_ms is not None and line.p95_ms <= normal for line in after]
    first = next((i for i in range(len(good) - STEADY_S + 1) if all(good[i : i + STEADY_S])), None)
    seconds = None if first is None else int(after[first].at - end)
    return Recovery(seconds, int(after[-1].at - end) + 1, normal, began=first is None and good[-1])
