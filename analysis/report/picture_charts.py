"""Draws a chart: latency by percentile, or against throughput; its pointer reads the data of the nearest point."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import PERCENTILES, Chart, ChartCurve
from analysis.number_formats import NOTHING, show_number
from analysis.report.readings import fold
from analysis.report.scales import HEIGHT, WIDTH, Scale, choose_scale, choose_shares, name_tick, place_share
from analysis.report.thinning import write_path

CHART_HEIGHT = 190  # pixels
LOOKS = {"reads": "reads", "writes": "writes", "log-ins": "logins", "p50": "p50", "p95": "p95"}


@dataclass(frozen=True)
class DrawnCurve:
    """One curve: its class in the style sheet, its path, its dots, and what the pointer reads at each point."""

    look: str
    name: str
    path: str
    dots: str
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


def draw_chart(chart: Chart) -> DrawnChart:
    """The picture of a chart."""
    values = [ms for curve in chart.curves for _, ms in curve.points]
    longest = max((curve.points for curve in chart.curves), key=len)
    scale = choose_scale(values, log=True)
    spots, marks = lay_across(chart, [x for x, _ in longest])
    heights = [scale.place(tick) for tick in scale.ticks]
    upright = "".join(f"M{round(WIDTH * at / 100)} 0V{HEIGHT}" for at, _ in marks)
    curves = tuple(draw_curve(curve, spots, scale, chart.joined) for curve in chart.curves)
    names = chart.names
    if chart.kind != PERCENTILES:
        names = tuple(f"{name}: {show_number(x)}/s" for name, (x, _) in zip(names, longest, strict=True))
    return DrawnChart(
        title=chart.title,
        unit="ms, log scale" if scale.log else "ms",
        across="share of the answers, log scale" if chart.kind == PERCENTILES else "right answers a second",
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
        words="; ".join(say_curve(curve, names) for curve in chart.curves) + f"; from {chart.source}",
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
    drawn = [(spot, scale.place(ms)) for spot, (_, ms) in zip(spots, curve.points, strict=False)]
    values = [show_number(ms) for _, ms in curve.points] + [NOTHING] * (len(spots) - len(curve.points))
    return DrawnCurve(
        look=LOOKS.get(curve.name, "plain"),
        name=curve.name,
        path=write_path(drawn) if joined else "",
        dots="".join(f"M{x} {y}h0" for x, y in drawn),
        values=fold(values),
    )


def say_curve(curve: ChartCurve, names: Sequence[str]) -> str:
    """The curve in words: its first and its last point."""
    (_, first), (_, last) = curve.points[0], curve.points[-1]
    begin, end = names[0], names[len(curve.points) - 1]
    return f"{curve.name}: from {show_number(first)} ms at {begin} to {show_number(last)} ms at {end}"
