"""Takes the curves of both charts from the evidence: latency by percentile, and latency against throughput."""

import math

from analysis.checks.bootstrap import cut_blocks
from analysis.checks.evidence import Evidence
from analysis.findings import PERCENTILES, THROUGHPUT, Chart, ChartCurve, Table
from analysis.number_formats import show_clock
from analysis.records.endpoints import GROUPS
from analysis.records.latencies import Latencies, percentiles
from analysis.scenarios.baseline import steady_span
from analysis.scenarios.stages import COLUMNS

TENTHS = 10  # steps of each tenth that is left: from p90 to p99, from p99 to p99.9
NAMES = {"login": "log-ins"}
TITLE = "Latency against throughput"
SHARES = {"p50 ms": 0.5, "p95 ms": 0.95}
Point = tuple[str, float, list[float]]  # what it is, right answers a second, milliseconds for each of SHARES


def draw_percentiles(evidence: Evidence) -> Chart | None:
    """The curves of the groups that have answers; None without any.

    Each goes on to the first step at which its percentile is the longest answer.
    """
    groups = {NAMES.get(group, group): evidence.latencies_of(group) for group in GROUPS}
    curves = [ChartCurve(name, curve) for name, mine in groups.items() if (curve := draw_curve(mine))]
    steps = max((len(curve.points) for curve in curves), default=0)
    names = tuple(name_share(step) for step in range(steps))
    return Chart(PERCENTILES, "Latency by percentile", evidence.file(".hlog"), names, tuple(curves)) if curves else None


def draw_curve(latencies: Latencies) -> tuple[tuple[float, float], ...]:
    """(share, milliseconds) at each step."""
    if not latencies.answers:
        return ()
    last = math.ceil(TENTHS * math.log10(latencies.answers) - 1e-9) + 1
    shares = tuple(share_of(step) for step in range(last))
    found = percentiles(latencies.us, latencies.count, shares)
    return tuple((share, ms) for share, ms in zip(shares, found, strict=True) if ms is not None)


def share_of(step: int) -> float:
    """The share of the answers at a step, with as many digits as say something: 0, 0.21, ... 0.5, ... 0.9, ... 0.99."""
    return round(1 - 10 ** (-step / TENTHS), 2 + step // TENTHS)


def name_share(step: int) -> str:
    """`p50`, `p99.9`."""
    text = f"{100 * share_of(step):.{step // TENTHS}f}"
    return f"p{text.rstrip('0').rstrip('.') if '.' in text else text}"


def draw_throughput(evidence: Evidence, tables: tuple[Table, ...]) -> Chart | None:
    """The plateaus of a load that has several, in their order; the blocks of the baseline; None for other scenarios."""
    levels = [table for table in tables if table.columns == COLUMNS]
    if levels:
        return make_chart(list_plateaus(levels[0]), levels[0].source, joined=True)
    if evidence.plan.name == "baseline":
        return make_chart(list_blocks(evidence), evidence.file(".hlog"), joined=False)
    return None


def list_plateaus(table: Table) -> list[Point]:
    """The rows of the table of plateaus that had answers."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [
        (f"plateau {row['plateau']}, {row['users']:,} users", row["answers/s"], [row[name] for name in SHARES])
        for row in rows
        if row["answers/s"] and row["p50 ms"] is not None
    ]


def list_blocks(evidence: Evidence) -> list[Point]:
    """The blocks of the steady part that had answers."""
    span = steady_span(evidence)
    blocks, begin = cut_blocks(evidence.latencies, span), span[0] - evidence.curve.started
    points: list[Point] = []
    for number, counts in enumerate(blocks.counts):
        if counts.any():
            found = percentiles(blocks.us, counts, tuple(SHARES.values()))
            times = [ms for ms in found if ms is not None]
            name = f"{blocks.seconds:g} s from {show_clock(begin + number * blocks.seconds)} on"
            points.append((name, float(counts.sum() / blocks.seconds), times))
    return points


def make_chart(points: list[Point], source: str, joined: bool) -> Chart | None:
    """The chart of some points; None with fewer than two, which show nothing."""
    if len(points) < 2:
        return None
    curves = tuple(
        ChartCurve(name.removesuffix(" ms"), tuple((rate, times[place]) for _, rate, times in points))
        for place, name in enumerate(SHARES)
    )
    return Chart(THROUGHPUT, TITLE, source, tuple(name for name, *_ in points), curves, joined)
