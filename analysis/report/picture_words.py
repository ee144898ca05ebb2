"""Puts a picture into words: names of lines beside their ends, the highest value, and lines that do not change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import TimeLine
from analysis.number_formats import show_clock, show_number
from analysis.report.scales import HEIGHT, Scale, name_tick

LINE_HEIGHT = 13  # pixels of a label
LONGEST_MACHINE = 12  # letters of its name for which a label has room
MEMBERS = {"generator": "processes"}  # what the lines of an owner are, if not worker processes
NAMES = {"right": "right answers"}
LOOKS = {  # how a line looks, by its name or the first word of it
    "p50": "p50",
    "p95": "p95",
    "p99": "p99",
    "errors": "bad",
    "shed": "shed",
    "users": "plain",
    "right": "good",
    "auth": "auth",
    "books": "books",
    "generator": "load",
    "machine": "machine",
}


@dataclass
class Label:
    """The name of some lines (`lines` are their numbers in the picture), `top` pixels from its top.

    `members` says how many there are, if there are several; `values` is what the pointer reads of them.
    """

    look: str
    text: str
    members: str
    lines: list[int]
    top: float = 0.0
    values: str = ""


@dataclass
class Cluster:
    """Lines of the same owner that end close to each other."""

    first: TimeLine
    tops: list[float]
    lines: list[int]


def find_owner(line: TimeLine) -> str:
    """The service, on which machine if it runs on several, or the process of the load, that a line is about."""
    found = re.match(r"[^ ]*( on [^ ]+)?", line.name)
    return found[0] if found else line.name


def find_look(line: TimeLine) -> str:
    """The class of a line in the style sheet."""
    return LOOKS.get(line.name, LOOKS.get(line.name.split(" ", 1)[0], "plain"))


def place_labels(lines: Sequence[TimeLine], scale: Scale, height: int) -> list[Label]:
    """The labels of a picture of `height` pixels, from its top to its bottom."""
    usual = lines[0].unit  # stands beside the picture; a line with another unit names it
    clusters = cluster_ends(lines, scale, height)
    labels = []
    for cluster in clusters:
        top = sum(cluster.tops) / len(cluster.tops)
        labels.append(Label(find_look(cluster.first), *name_cluster(cluster, usual), cluster.lines, top))
    return spread(labels, height)


def cluster_ends(lines: Sequence[TimeLine], scale: Scale, height: int) -> list[Cluster]:
    """Lines of one owner and unit whose ends are less than a label apart."""
    ends = [(scale.place(line.points[-1][1]) * height / HEIGHT, number) for number, line in enumerate(lines)]
    found: dict[tuple[str, str], list[Cluster]] = {}
    for top, number in sorted(ends):
        line = lines[number]
        mine = found.setdefault((find_owner(line), line.unit), [])
        if mine and top - mine[-1].tops[-1] < LINE_HEIGHT:
            mine[-1].tops.append(top)
            mine[-1].lines.append(number)
        else:
            mine.append(Cluster(line, [top], [number]))
    return [cluster for clusters in found.values() for cluster in clusters]


def name_cluster(cluster: Cluster, usual_unit: str) -> tuple[str, str]:
    """The name of its only line, or the owner and how many there are; with the unit if it is not the usual unit."""
    line, owner, count = cluster.first, find_owner(cluster.first), len(cluster.lines)
    name = shorten(owner if count > 1 else NAMES.get(line.name, line.name))
    members = f"{count} {MEMBERS.get(owner, 'workers')}" if count > 1 else ""
    return name if line.unit == usual_unit else f"{name}, {line.unit}", members


def shorten(name: str) -> str:
    """The name of a line as there is room for it: of a service on a machine the machine alone, without its middle."""
    _, on, rest = name.partition(" on ")
    machine, space, pid = rest.partition(" ")
    if len(machine) > LONGEST_MACHINE:
        machine = f"{machine[:5]}…{machine[-6:]}"
    return f"{machine}{space}{pid}" if on else name


def spread(labels: list[Label], height: int) -> list[Label]:
    """Move labels apart until none overlaps another, and back into the picture."""
    ordered = sorted(labels, key=lambda label: (label.top, label.text))
    for above, label in zip([None, *ordered], ordered, strict=False):
        least = 0.0 if above is None else above.top + LINE_HEIGHT
        label.top = max(least, label.top - LINE_HEIGHT / 2)
    limit = float(height)
    for label in reversed(ordered):
        label.top = round(min(label.top, limit - LINE_HEIGHT), 1)
        limit = label.top
    return ordered


def has_changes(line: TimeLine) -> bool:
    """Whether a line has two values."""
    return len({value for _, value in line.points}) > 1


def describe_unchanged(lines: Sequence[TimeLine]) -> tuple[str, str]:
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
