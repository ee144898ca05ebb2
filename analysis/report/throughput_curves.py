"""Draws latency against throughput: a point for each plateau, or for each block of a load that does not change."""

from analysis.checks.bootstrap import cut_blocks
from analysis.checks.evidence import Evidence
from analysis.findings import THROUGHPUT, Chart, Curve, Table
from analysis.records.latencies import percentiles
from analysis.report.number_formats import show_clock
from analysis.scenarios.baseline import steady_span
from analysis.scenarios.stages import COLUMNS

TITLE = "Latency against throughput"
SHARES = {"p50 ms": 0.5, "p95 ms": 0.95}
Point = tuple[str, float, list[float]]  # what it is, right answers a second, milliseconds for each of SHARES


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
    """The chart of some points; a single one shows nothing."""
    if len(points) < 2:
        return None
    curves = tuple(
        Curve(name.removesuffix(" ms"), tuple((rate, times[place]) for _, rate, times in points))
        for place, name in enumerate(SHARES)
    )
    return Chart(THROUGHPUT, TITLE, source, tuple(name for name, *_ in points), curves, joined)
