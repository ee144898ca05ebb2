"""One clock for all machines: how far the clock of a joined process is from the master's, and how it takes that out."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent
from gevent.event import AsyncResult

CLOCK, OFFSET = "machine_clock", "machine_offset"  # asked and answered; told to the master
TRIPS = 12
LONGEST_TRIP_S = 5.0
PAUSE_S = 0.02
_time = time.time


class Offset(NamedTuple):
    """By how many seconds the master's clock is ahead of this one, and at most how wrong that is."""

    seconds: float
    error: float


class Clock:
    """Asks the master for the time; `ask` sends one question, and answer() takes what comes back."""

    def __init__(self, ask: Callable[[int], None]) -> None:
        """Begin without a question."""
        self._ask, self._number = ask, 0
        self._waiting: AsyncResult = AsyncResult()

    def answer(self, data: dict[str, Any]) -> None:
        """Take the master's answer; one that comes late, to an earlier question, is of no use."""
        if data["number"] == self._number:
            self._waiting.set(data["at"])

    def measure(self) -> Offset | None:
        """Return the offset of the trip that took the least time; None when no answer came back."""
        offsets = [offset for _ in range(TRIPS) if (offset := self._take_trip())]
        return min(offsets, key=lambda offset: offset.error) if offsets else None

    def take_out(self, offset: Offset) -> None:
        """Have this process tell the time of the master's clock from now on: Locust's statistics too go by it."""
        time.time = lambda: _time() + offset.seconds

    def _take_trip(self) -> Offset | None:
        gevent.sleep(PAUSE_S)
        self._number += 1
        self._waiting = AsyncResult()
        began, clock = _time(), time.perf_counter()
        self._ask(self._number)
        at = self._waiting.wait(LONGEST_TRIP_S)
        took = time.perf_counter() - clock
        return Offset(at - (began + took / 2), took / 2) if at is not None else None
