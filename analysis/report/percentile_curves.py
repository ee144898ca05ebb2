"""Draws how long the answers took by percentile, for reads, writes and log-ins, as far as their number goes."""

import math

from analysis.checks.evidence import Evidence
from analysis.findings import PERCENTILES, Chart, Curve
from analysis.records.endpoints import GROUPS
from analysis.records.latencies import Latencies, percentiles

STEPS = 10  # of each tenth that is left: from p90 to p99, from p99 to p99.9
NAMES = {"login": "log-ins"}


def draw_percentiles(evidence: Evidence) -> Chart | None:
    """The curves of the groups that have answers; None without any.

    Each goes on to the first step at which its percentile is the longest answer.
    """
    groups = {NAMES.get(group, group): evidence.latencies_of(group) for group in GROUPS}
    curves = [Curve(name, curve) for name, mine in groups.items() if (curve := draw_curve(mine))]
    steps = max((len(curve.points) for curve in curves), default=0)
    names = tuple(name_share(step) for step in range(steps))
    return Chart(PERCENTILES, "Latency by percentile", evidence.file(".hlog"), names, tuple(curves)) if curves else None


def draw_curve(latencies: Latencies) -> tuple[tuple[float, float], ...]:
    """(share, milliseconds) at each step."""
    if not latencies.answers:
        return ()
    last = math.ceil(STEPS * math.log10(latencies.answers) - 1e-9) + 1
    shares = tuple(share_of(step) for step in range(last))
    found = percentiles(latencies.us, latencies.count, shares)
    return tuple((share, ms) for share, ms in zip(shares, found, strict=True) if ms is not None)


def share_of(step: int) -> float:
    """The share of the answers at a step, with as many digits as say something: 0, 0.21, ... 0.5, ... 0.9, ... 0.99."""
    return round(1 - 10 ** (-step / STEPS), 2 + step // STEPS)


def name_share(step: int) -> str:
    """`p50`, `p99.9`."""
    text = f"{100 * share_of(step):.{step // STEPS}f}"
    return f"p{text.rstrip('0').rstrip('.') if '.' in text else text}"
