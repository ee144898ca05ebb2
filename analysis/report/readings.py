"""Writes down what the pointer reads in a picture: all data, because the drawn lines are thinned."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from analysis.findings import TimeLine
from analysis.number_formats import NOTHING, show_number
from analysis.report.thinning import GAP_S, Point

Range = tuple[float, float]


def write_readings(lines: Sequence[TimeLine], seconds: float, step: float) -> str:
    """For each `step` seconds of a load the lowest and the highest of all data of some lines, in the words of the page.

    "3*2 4~9" is 3, 3, then from 4 to 9; a stretch in which nothing was measured has a dash.
    """
    count = max(1, -int(-seconds // step))
    found: list[list[Range]] = [[] for _ in range(count)]
    for line in lines:
        for place, low, high in measure_stretches(line.points, step, count):
            found[place].append((low, high))
    return fold(say_range(each) if each else NOTHING for each in found)


def measure_stretches(points: Sequence[Point], step: float, count: int) -> Iterable[tuple[int, float, float]]:
    """(number, lowest, highest) of each stretch; a stretch between two samples has the value of the first."""
    values: dict[int, list[float]] = {}
    for at, value in points:
        values.setdefault(min(count - 1, int(at / step)), []).append(value)
    last = -GAP_S
    held: float | None = None
    latest = {min(count - 1, int(at / step)): (at, value) for at, value in points}
    for place in range(count):
        if place in values:
            last, held = latest[place]
            yield place, min(values[place]), max(values[place])
        elif held is not None and (place + 1) * step - last <= GAP_S and last < points[-1][0]:
            yield place, held, held


def say_range(ranges: Sequence[Range]) -> str:
    """The lowest and the highest of all, `4~9`, or `4` when both are the same in words."""
    first, second = show_value(min(low for low, _ in ranges)), show_value(max(high for _, high in ranges))
    return first if first == second else f"{first}~{second}"


def show_value(value: float) -> str:
    """A value as everywhere on the page; a count has no decimals."""
    return show_number(int(value) if value == int(value) else value)


def fold(words: Iterable[str]) -> str:
    """Words with a space between them; a repeated word has its number behind it."""
    runs = ((word, sum(1 for _ in same)) for word, same in groupby(words))
    return " ".join(word if number == 1 else f"{word}*{number}" for word, number in runs)
