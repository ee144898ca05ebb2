"""Turns Locust's history into the curve of users that the load really had, second by second."""

import math
from dataclasses import dataclass

from analysis.plan.plan import Plateau
from analysis.records.locust_files import Second


@dataclass(frozen=True)
class Curve:
    """Users at each second from `started` (epoch seconds), the moment before the first user."""

    started: int
    users: list[int]

    @property
    def seconds(self) -> int:
        return len(self.users)

    def bounds_of(self, plateau: Plateau) -> tuple[int, int]:
        """The first second of a plateau and the second after its last, without the edges, where a stage may change.

        A run that was cut off has only a part of the plateau, or none.
        """
        first = min(math.ceil(plateau.start) + 1, self.seconds)
        return first, max(first, min(math.floor(plateau.end), self.seconds))

    def within(self, plateau: Plateau) -> list[int]:
        """The users of a plateau's seconds."""
        return self.users[slice(*self.bounds_of(plateau))]


def measure_curve(history: list[Second], stopped_at: float | None) -> Curve:
    """The achieved curve, from the last line before the first user to the moment the load was stopped.

    That moment is unknown (None) after a kill; the last line with users is the end then. A run of N seconds
    has lines at 0, 1, ... N - 1, the first of them with no user: N seconds in all.
    """
    busy = [index for index, line in enumerate(history) if line.users > 0]
    if not busy:
        return Curve(history[0].at if history else 0, [])
    lines = history[max(busy[0] - 1, 0) : busy[-1] + 1]
    start, end = lines[0].at, lines[-1].at + 1 if stopped_at is None else int(stopped_at)
    users: list[int] = []
    for line, following in zip(lines, [*(line.at for line in lines[1:]), end], strict=True):
        users += [line.users] * (min(following, end) - start - len(users))  # a second without a line as the last
    return Curve(start, users)
