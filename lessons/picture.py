"""Draws the picture of a lesson: lines over seconds, or bars, on scales as the report of a run has them."""

from dataclasses import dataclass

from analysis.number_formats import show_number
from analysis.report.scales import HEIGHT, WIDTH, choose_scale, choose_times, name_tick
from analysis.report.thinning import draw_path
from lessons.lesson import Bars, Lines

LOOKS = {"mistake": "mistake", "cure": "cure"}
BUCKETS = 300  # of a line: two points are drawn of each


@dataclass(frozen=True)
class DrawnLine:
    """One line: its name, its class in the style sheet, and its path."""

    name: str
    look: str
    path: str


@dataclass(frozen=True)
class DrawnLines:
    """Lines over seconds; `ticks` are (per cent from the top, words), `times` (per cent from the left, words)."""

    title: str
    unit: str
    ticks: list[tuple[float, str]]
    times: list[tuple[float, str]]
    grid: str
    lines: list[DrawnLine]
    words: str


@dataclass(frozen=True)
class DrawnBar:
    """One bar: its name, its class in the style sheet, its length in per cent of the longest, and its value."""

    name: str
    look: str
    share: float
    value: str


@dataclass(frozen=True)
class DrawnBars:
    """Bars below each other."""

    title: str
    unit: str
    bars: list[DrawnBar]
    words: str


def draw(picture: Lines | Bars) -> DrawnLines | DrawnBars:
    """The picture, ready to be put into the page."""
    return draw_lines(picture) if isinstance(picture, Lines) else draw_bars(picture)


def draw_lines(picture: Lines) -> DrawnLines:
    """The lines on one axis of values, from zero, and one of seconds."""
    points = [point for line in picture.lines.values() for point in line]
    seconds = max(1.0, *(at for at, _ in points))
    scale = choose_scale([value for _, value in points])
    times = choose_times(seconds)
    upright = "".join(f"M{round(WIDTH * at / 100)} 0V{HEIGHT}" for at, _ in times)
    return DrawnLines(
        title=picture.title,
        unit=picture.unit,
        ticks=[(scale.place(tick) * 100 / HEIGHT, name_tick(tick)) for tick in scale.ticks],
        times=times,
        grid="".join(f"M0 {scale.place(tick)}H{WIDTH}" for tick in scale.ticks) + upright,
        lines=[
            DrawnLine(name, find_look(name), draw_path(line, scale, seconds, seconds / BUCKETS))
            for name, line in picture.lines.items()
        ],
        words="; ".join(say_line(name, line, picture.unit) for name, line in picture.lines.items()),
    )


def say_line(name: str, line: list[tuple[float, float]], unit: str) -> str:
    """The lowest and the highest value of a line in words."""
    values = [value for _, value in line]
    return f"{name}: {show_number(min(values))} to {show_number(max(values))} {unit}"


def draw_bars(picture: Bars) -> DrawnBars:
    """The bars, each as long as its value."""
    longest = max(picture.bars.values()) or 1.0
    return DrawnBars(
        title=picture.title,
        unit=picture.unit,
        bars=[
            DrawnBar(name, find_look(name), round(100 * value / longest, 1), show_number(value))
            for name, value in picture.bars.items()
        ],
        words="; ".join(f"{name}: {show_number(value)} {picture.unit}" for name, value in picture.bars.items()),
    )


def find_look(name: str) -> str:
    """The class in the style sheet of what is called so."""
    return LOOKS.get(name.partition(" ")[0].rstrip(",:"), "other")
