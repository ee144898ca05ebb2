"""Draws a chart: latency by percentile, or against throughput; its pointer reads the data of the nearest point."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import PERCENTILES, STEPS, THROUGHPUT, Chart, ChartCurve
from analysis.number_formats import NOTHING, show_number
from analysis.report.readings import fold
from analysis.report.scales import HEIGHT, WIDTH, Scale, choose_scale, choose_shares, name_tick, place_share
from analysis.report.thinning import write_path

CHART_HEIGHT = 190  # pixels
LOOKS = {
    "reads": "reads",
    "writes": "writes",
    "log-ins": "logins",
    "p50": "p50",
    "p95": "p95",
    "answers": "p95",
    "fitted": "p50",
}
ACROSS = {
    PERCENTILES: "share of the answers, log scale",
    THROUGHPUT: "right answers a second",
    STEPS: "load of a step",
}


@dataclass(frozen=True)
class DrawnCurve:
    """One curve: its class in the style sheet, its path, its dots, and what the pointer reads at each point."""

    look: str
    name: str
    path: str
    dots: str
    bars: str
    values: str


@dataclass(frozen=True)
class DrawnChart:
    """A chart; `ticks` are (pixels from its top, words), `marks` (per cent from its left, words).

    `places` are the points of its curves, per cent from its left, and `names` what they are.
    """

    title: str
    unit: str
    across: str
    source: str
    height: int
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    grid: str
    places: tuple[float, ...]
    names: tuple[str, ...]
    curves: tuple[DrawnCurve, ...]
    words: str
    edges: str
    between: str


def draw_chart(chart: Chart) -> DrawnChart:
    """The picture of a chart."""
    values = [value for curve in chart.curves for _, value in curve.points]
    values += [end for curve in chart.curves for interval in curve.intervals for end in interval]
    longest = max((curve.points for curve in chart.curves), key=len)
    scale = choose_scale(values, log=chart.unit == "ms")
    xs = [x for x, _ in longest]
    spots, marks = lay_across(chart, xs)
    edges = lay_across(chart, [*xs, *chart.edges])[0][len(xs) :] if chart.edges else []
    heights = [scale.place(tick) for tick in scale.ticks]
    upright = "".join(f"M{round(WIDTH * at / 100)} 0V{HEIGHT}" for at, _ in marks)
    curves = tuple(draw_curve(curve, spots, scale, chart.joined) for curve in chart.curves)
    names = chart.names
    if chart.kind == THROUGHPUT:
        names = tuple(f"{name}: {show_number(x)}/s" for name, (x, _) in zip(names, longest, strict=True))
    return DrawnChart(
        title=chart.title,
        unit=f"{chart.unit}, log scale" if scale.log else chart.unit,
        across=ACROSS[chart.kind],
        source=chart.source,
        height=CHART_HEIGHT,
        ticks=tuple(
            (round(at * CHART_HEIGHT / HEIGHT, 1), name_tick(tick))
            for at, tick in zip(heights, scale.ticks, strict=True)
        ),
        marks=tuple(marks),
        grid="".join(f"M0 {at}H{WIDTH}" for at in heights) + upright,
        places=tuple(round(100 * spot / WIDTH, 1) for spot in spots),
        names=names,
        curves=curves,
        words="; ".join(say_curve(curve, names, chart.unit) for curve in chart.curves) + f"; from {chart.source}",
        edges="".join(f"M{at} 0V{HEIGHT}" for at in edges),
        between=chart.between,
    )


def lay_across(chart: Chart, xs: Sequence[float]) -> tuple[list[int], list[tuple[float, str]]]:
    """Where the points stand, in units of the picture from its left, and the marks of that axis."""
    if chart.kind == PERCENTILES:
        end = place_share(xs[-1]) or 1.0
        return [round(WIDTH * place_share(x) / end) for x in xs], choose_shares(xs[-1])
    scale = choose_scale(xs, level=True)
    across = [WIDTH * (HEIGHT - scale.place(tick)) / HEIGHT for tick in scale.ticks]
    marks = [(round(100 * at / WIDTH, 3), name_tick(tick)) for at, tick in zip(across, scale.ticks, strict=True)]
    return [round(WIDTH * (HEIGHT - scale.place(x)) / HEIGHT) for x in xs], marks


def draw_curve(curve: ChartCurve, spots: Sequence[int], scale: Scale, joined: bool) -> DrawnCurve:
    """A curve; if it is shorter than the others, it has no value at their last points."""
    drawn = [(spot, scale.place(value)) for spot, (_, value) in zip(spots, curve.points, strict=False)]
    ends = [(spot, *map(scale.place, interval)) for spot, interval in zip(spots, curve.intervals, strict=False)]
    values = [show_number(value) for _, value in curve.points] + [NOTHING] * (len(spots) - len(curve.points))
    return DrawnCurve(
        look=LOOKS.get(curve.name, "plain"),
        name=curve.name,
        path=write_path(drawn) if joined else "",
        dots="".join(f"M{x} {y}h0" for x, y in drawn),
        bars="".join(f"M{x} {low}V{high}" for x, low, high in ends),
        values=fold(values),
    )


def say_curve(curve: ChartCurve, names: Sequence[str], unit: str) -> str:
    """The curve in words: its first and its last point."""
    (_, first), (_, last) = curve.points[0], curve.points[-1]
    begin, end = names[0], names[len(curve.points) - 1]
    return f"{curve.name}: from {show_number(first)} {unit} at {begin} to {show_number(last)} {unit} at {end}"
