"""Draws the ratio of each pair over time, one picture a measure on one time axis, with the interval and the band."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.compare.judging import Finding
from analysis.compare.pairs import ALL, Ratios
from analysis.compare.words import say_change, say_finding
from analysis.number_formats import NOTHING, show_clock
from analysis.report.readings import fold
from analysis.report.scales import HEIGHT, WIDTH, Scale, choose_scale, choose_times

PANEL_HEIGHT = 130  # pixels
MARGIN = 0.02  # of the time axis, on both sides of the pairs


@dataclass(frozen=True)
class DrawnPanel:
    """A measure: paths of the band, the interval, the typical ratio and the pairs, in units of the picture."""

    title: str
    words: str
    ticks: tuple[tuple[float, str], ...]  # pixels from the top, words
    grid: str
    band: str
    interval: str
    middle: str
    dots: str
    values: str  # what the pointer reads at each pair


@dataclass(frozen=True)
class Picture:
    """All measures; `places` are the pairs, per cent from the left, `names` what they are, `times` mark the axis."""

    height: int
    places: tuple[float, ...]
    names: tuple[str, ...]
    times: tuple[tuple[float, str], ...]
    panels: tuple[DrawnPanel, ...]


def draw_picture(courses: Sequence[Ratios], findings: Sequence[Finding], within: float) -> Picture | None:
    """The picture of some measures; None without pairs."""
    if not courses or not courses[0].starts:
        return None
    begin, end = courses[0].starts[0], courses[0].starts[-1]
    seconds = max(1.0, float(end - begin))
    places = [place_time((start - begin) / seconds) for start in courses[0].starts]
    found = {finding.measure: finding for finding in findings if finding.scope == ALL}
    return Picture(
        height=PANEL_HEIGHT,
        places=tuple(round(100 * place / WIDTH, 1) for place in places),
        names=tuple(
            f"pair {number} at {show_clock(start - begin)}" for number, start in enumerate(courses[0].starts, 1)
        ),
        times=tuple((round(100 * place_time(at / 100) / WIDTH, 2), words) for at, words in choose_times(seconds)),
        panels=tuple(draw_panel(each, found[each.measure], places, within) for each in courses),
    )


def place_time(share: float) -> int:
    """Where a share of the time from the first pair to the last stands, in units of the picture from its left."""
    return round(WIDTH * (MARGIN + share * (1 - 2 * MARGIN)))


def draw_panel(course: Ratios, finding: Finding, places: Sequence[int], within: float) -> DrawnPanel:
    """The panel of a measure; its axis is the change from A to B in per cent."""
    changes = [100 * (b / a - 1) for a, b in zip(course.a, course.b, strict=True)]
    edges = 100 * (1 / (1 + within) - 1), 100 * within
    ends = [100 * (end - 1) for end in (finding.low, finding.high) if end is not None]
    scale = choose_scale([*changes, *edges, *ends, 0.0], level=True)
    heights = [scale.place(tick) for tick in scale.ticks]
    middle = scale.place(100 * ((finding.ratio or 1) - 1))
    spots = zip(places, (scale.place(change) for change in changes), strict=True)
    return DrawnPanel(
        title=course.measure.title,
        words=f"{say_finding(finding)}; {len(changes)} pairs",
        ticks=tuple(
            (round(at * PANEL_HEIGHT / HEIGHT, 1), name_change(tick))
            for at, tick in zip(heights, scale.ticks, strict=True)
        ),
        grid="".join(f"M0 {at}H{WIDTH}" for at in heights),
        band=draw_box(scale, *edges),
        interval=draw_box(scale, *ends) if len(ends) == 2 else "",
        middle=f"M0 {middle}H{WIDTH}",
        dots="".join(f"M{x} {y}h0" for x, y in spots),
        values=fold(say_change(1 + change / 100).replace(" ", "") for change in changes) or NOTHING,
    )


def name_change(tick: float) -> str:
    """A mark of the axis, `+10 %`."""
    return f"{tick:+g} %" if tick else "0 %"


def draw_box(scale: Scale, low: float, high: float) -> str:
    """A band over the whole width, from one change to another."""
    return f"M0 {scale.place(low)}H{WIDTH}V{scale.place(high)}H0Z"
