"""Takes the two charts of a search from its table of steps: answers a second, and p95, against the users."""

from collections.abc import Sequence
from typing import Any

from analysis.findings import STEPS, Chart, ChartCurve, Table
from analysis.records.steps import find_bracket
from analysis.scenarios.break_point import COLUMNS
from analysis.scenarios.scalability import Point, fit_law

FEWEST = 2  # steps; one shows nothing


def draw_steps(tables: Sequence[Table]) -> tuple[Chart, ...]:
    """Both charts; none for other scenarios, and with too few steps."""
    found = [table for table in tables if table.columns == COLUMNS]
    rows = [dict(zip(COLUMNS, row, strict=True)) for table in found for row in table.rows]
    rows = sorted((row for row in rows if row["p95 ms"] is not None), key=lambda row: row["load"])
    if len(rows) < FEWEST:
        return ()
    unit = found[0].title.partition(", load in ")[2]
    names = tuple(f"step {row['step']}, {row['load']:,} {unit}, {row['it']}" for row in rows)
    edges, between = find_edges(rows)
    rates = [
        ChartCurve(
            "answers",
            tuple((row["load"], row["answers/s"]) for row in rows),
            tuple((row["from"], row["to"]) for row in rows),
        )
    ]
    law = fit_law([Point(row["load"], row["answers/s"], row["from"], row["to"]) for row in rows])
    if law and unit == "users":
        rates.append(ChartCurve("fitted", tuple((row["load"], round(law.at(row["load"]), 1)) for row in rows)))
    p95 = ChartCurve("p95", tuple((row["load"], row["p95 ms"]) for row in rows))
    source = found[0].source
    return (
        Chart(STEPS, f"Answers a second by {unit}", source, names, tuple(rates), True, "/s", edges, between),
        Chart(STEPS, f"p95 by {unit}, log-ins left out", source, names, (p95,), True, "ms", edges, between),
    )


def find_edges(rows: Sequence[dict[str, Any]]) -> tuple[tuple[float, float] | None, str]:
    """The users between which the break-point lies, and that in words; None without it."""
    bracket = find_bracket((row["load"], row["it"] == "breaks") for row in rows)
    if bracket.holds is None or bracket.breaks is None:
        return None, ""
    holds, breaks = bracket.holds, bracket.breaks
    return (holds, breaks), f"the break-point lies between the dashed lines, {holds:,} and {breaks:,}"
