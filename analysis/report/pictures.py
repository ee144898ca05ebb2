"""Draws the time lines of a scenario: a picture for each group of lines, all on the same time axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import ScenarioReport, TimeLine
from analysis.number_formats import show_number
from analysis.report.picture_words import (
    LINE_HEIGHT,
    Label,
    describe_unchanged,
    find_look,
    find_owner,
    find_peak,
    has_changes,
    list_sources,
    place_labels,
)
from analysis.report.readings import write_readings
from analysis.report.scales import HEIGHT, WIDTH, Scale, choose_scale, choose_times, name_tick
from analysis.report.thinning import draw_path
from analysis.report.time_lines import LATENCY, OF_LOG_INS, WITHOUT_LOG_INS

LATENCIES = (LATENCY, WITHOUT_LOG_INS, OF_LOG_INS)
LOAD = ("users", "throughput", *LATENCIES, "shed", "errors")
# The first pictures below the load; the others follow.
SERVICES = ("cpu", "memory", "pool", "database connections", "in flight")
ALWAYS = ("users", "throughput", *LATENCIES)  # shown even when they do not change
LEVELS = (
    "memory",
    "descriptors",
    "threads",
    "connections of clients",
    "database connections",
    "redis memory",
    "redis keys",
)
LOAD_HEIGHT, SERVICE_HEIGHT = 92, 74  # pixels
SIDES = (("The load and its answers", LOAD_HEIGHT), ("The services and the generator", SERVICE_HEIGHT))


@dataclass(frozen=True)
class Drawn:
    """One line: its class in the style sheet, and its path."""

    look: str
    path: str


@dataclass(frozen=True)
class Panel:
    """One picture; `ticks` are (pixels from its top, words), `grid` is the path of its horizontal lines."""

    title: str
    unit: str
    sources: tuple[str, ...]
    scale: Scale
    height: int
    ticks: tuple[tuple[float, str], ...]
    grid: str
    lines: tuple[Drawn, ...]
    labels: tuple[Label, ...]
    peak: str
    words: str


@dataclass(frozen=True)
class Side:
    """The pictures of one side, and in words the lines that did not change: (what, file)."""

    title: str
    panels: tuple[Panel, ...]
    unchanged: tuple[tuple[str, str], ...]
    is_folded: bool


@dataclass(frozen=True)
class Picture:
    """All pictures of a scenario; `step` seconds are drawn, and read by the pointer, by their lowest and highest."""

    seconds: float
    step: int
    times: list[tuple[float, str]]
    marks: list[tuple[float, str, str]]  # per cent from the start, number, what it counts
    upright: str  # the path of the vertical lines of the time axis
    changes: str  # the path of the vertical lines where the plan changes
    sides: tuple[Side, ...]


def draw_picture(scenario: ScenarioReport, buckets: int) -> Picture | None:
    """The pictures of a scenario, no line with more than about two points for each of so many buckets."""
    lines = scenario.time_lines
    if not lines:
        return None
    seconds = max(float(scenario.achieved["seconds"]), *(line.points[-1][0] for line in lines), 1.0)
    step = math.ceil(seconds / buckets) if seconds > 2 * buckets else 1
    times = choose_times(seconds)
    marks = list_marks(scenario.marks, seconds)
    return Picture(
        seconds=seconds,
        step=step,
        times=times,
        marks=marks,
        upright="".join(f"M{round(WIDTH * at / 100)} 0V{HEIGHT}" for at, _ in times),
        changes="".join(f"M{round(WIDTH * at / 100)} 0V{HEIGHT}" for at, *_ in marks if at),
        sides=tuple(side for side in draw_sides(lines, seconds, step) if side.panels or side.unchanged),
    )


def list_marks(moments: Sequence[tuple[float, str]], seconds: float) -> list[tuple[float, str, str]]:
    """Where the plan changes (per cent from the start), to how many, of what; the begin alone is no change."""
    inside = [(round(100 * at / seconds, 3), *text.partition(" ")[::2]) for at, text in moments if at < seconds]
    return inside if len(inside) > 1 else []


def draw_sides(lines: Sequence[TimeLine], seconds: float, step: int) -> list[Side]:
    """The load above, the services below; lines that did not change become words."""
    groups: dict[str, list[TimeLine]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    order = [*LOAD, *SERVICES, *groups]
    names = sorted(groups, key=order.index)
    sides = []
    for title, height in SIDES:
        mine = [name for name in names if (name in LOAD) == (height == LOAD_HEIGHT)]
        changing = [name for name in mine if name in ALWAYS or any(has_changes(line) for line in groups[name])]
        panels = tuple(draw_panel(groups[name], height, seconds, step) for name in changing)
        unchanged = tuple(describe_unchanged(groups[name]) for name in mine if name not in changing)
        sides.append(Side(title, panels, unchanged, is_folded=height != LOAD_HEIGHT))
    return sides


def draw_panel(lines: Sequence[TimeLine], height: int, seconds: float, step: int) -> Panel:
    """The picture of one group."""
    group, values = lines[0].group, [value for line in lines for _, value in line.points]
    scale = choose_scale(values, level=group in LEVELS, log=group in LATENCIES)
    labels = place_labels(lines, scale, height)
    if len(labels) * LINE_HEIGHT > height:
        height = len(labels) * LINE_HEIGHT
        labels = place_labels(lines, scale, height)
    for label in labels:
        label.values = write_readings([lines[number] for number in label.lines], seconds, step)
    unit = lines[0].unit
    width = step if step > 1 else 0
    drawn = [Drawn(choose_look(line, unit), draw_path(line.points, scale, seconds, width)) for line in lines]
    spots = [scale.place(tick) for tick in scale.ticks]
    sources, peak = list_sources(lines), find_peak(lines)
    names = ", ".join(dict.fromkeys(find_owner(line) for line in lines))
    words = f"{names}: from {show_number(min(values))} to {show_number(max(values))} {unit}".strip()
    return Panel(
        title=group,
        unit=f"{unit}, log scale".lstrip(", ") if scale.log else unit,
        sources=sources,
        scale=scale,
        height=height,
        ticks=tuple(
            (round(spot * height / HEIGHT, 1), name_tick(tick)) for spot, tick in zip(spots, scale.ticks, strict=True)
        ),
        grid="".join(f"M0 {spot}H{WIDTH}" for spot in spots),
        lines=tuple(drawn),
        labels=tuple(labels),
        peak=peak,
        words=f"{words}; highest: {peak}; from {', '.join(sources)}",
    )


def choose_look(line: TimeLine, usual_unit: str) -> str:
    """The class of a line; dashed when its unit is not that of the first line of its picture."""
    return find_look(line) + (" dashed" if line.unit != usual_unit else "")
