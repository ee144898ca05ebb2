"""Says in words what a picture shows: its files, its highest value, and lines that did not move and need no picture."""

from collections.abc import Sequence

from analysis.findings import TimeLine
from analysis.report.number_formats import show_clock, show_number
from analysis.report.picture_labels import find_owner
from analysis.report.scales import name_tick


def moves(line: TimeLine) -> bool:
    """Whether a line has two values."""
    return len({value for _, value in line.points}) > 1


def word_still(lines: Sequence[TimeLine]) -> tuple[str, str]:
    """A group of lines that did not move, in words, and its files."""
    values: dict[str, dict[str, None]] = {}
    for line in lines:
        value = f"{name_tick(line.points[0][1])} {line.unit}".strip()
        values.setdefault(value, {})[find_owner(line)] = None
    group = lines[0].group
    words = [value + ("" if [group] == list(owners) else f" ({', '.join(owners)})") for value, owners in values.items()]
    if all(line.points[0][1] == 0 for line in lines):
        words = ["0"]
    return f"{group}: {', '.join(words)}", ", ".join(list_sources(lines))


def list_sources(lines: Sequence[TimeLine]) -> tuple[str, ...]:
    """The files of some lines."""
    return tuple(dict.fromkeys(line.source for line in lines))


def find_peak(lines: Sequence[TimeLine]) -> str:
    """The highest value in words: how much, of which line if there are several, and when first."""
    top, at, line = max(
        ((value, at, line) for line in lines for at, value in line.points), key=lambda spot: (spot[0], -spot[1])
    )
    whose = f" {line.name}" if len(lines) > 1 else ""
    return f"{show_number(int(top) if top == int(top) else top)}{whose} at {show_clock(at)}"
