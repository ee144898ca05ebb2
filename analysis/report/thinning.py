"""Thins a time line so that a picture stays small, and turns it into a path: no peak and no gap gets lost."""

from collections.abc import Sequence

from analysis.report.scales import WIDTH, Scale

GAP_S = 3.5  # a line is broken where nothing was measured for longer; samples come every second
Point = tuple[float, float]
Spot = tuple[int, int]


def cut_at_gaps(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches of a line between which nothing was measured."""
    stretches: list[list[Point]] = []
    for point in points:
        if not stretches or point[0] - stretches[-1][-1][0] > GAP_S:
            stretches.append([])
        stretches[-1].append(point)
    return stretches


def thin(points: Sequence[Point], width: float) -> list[Point]:
    """Of each `width` seconds only the lowest and the highest point, in their order; the ends stay."""
    if len(points) <= 2:
        return list(points)
    buckets: dict[int, list[Point]] = {}
    for point in points:
        buckets.setdefault(int(point[0] / width), []).append(point)
    kept = {points[0], points[-1]}
    for bucket in buckets.values():
        kept |= {min(bucket, key=_by_value), max(bucket, key=_by_value)}
    return sorted(kept)


def _by_value(point: Point) -> float:
    return point[1]


def draw_path(points: Sequence[Point], scale: Scale, seconds: float, width: float) -> str:
    """The line as the data of an SVG path, in whole units of the picture; `width` 0 leaves every point in it."""
    parts = []
    for stretch in cut_at_gaps(points):
        kept = thin(stretch, width) if width else stretch
        spots = [(round(WIDTH * at / seconds), scale.place(value)) for at, value in kept]
        parts.append(write_path(drop_flat(spots)))
    return "".join(parts)


def drop_flat(spots: list[Spot]) -> list[Spot]:
    """Without the points inside a level stretch: the picture is the same."""
    kept: list[Spot] = []
    for place, spot in enumerate(spots):
        inside = 0 < place < len(spots) - 1
        if not inside or not spots[place - 1][1] == spot[1] == spots[place + 1][1]:
            kept.append(spot)
    return kept


def write_path(spots: list[Spot]) -> str:
    """Absolute start, then steps; a single point becomes a dot."""
    x, y = spots[0]
    if len(spots) == 1:
        return f"M{x} {y}h0"
    steps = []
    for at, value in spots[1:]:
        steps += [at - x, value - y]
        x, y = at, value
    text = " ".join(map(str, steps)).replace(" -", "-")
    return f"M{spots[0][0]} {spots[0][1]}l{text}"
