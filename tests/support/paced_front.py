"""A front before a service that passes on at most so many requests a second; the others wait for their turn."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.answering_front import Answer, Asked, Front, run_answering_front


class Pace:
    """Gives turns at a rate; who comes early waits."""

    def __init__(self, rate: float) -> None:
        """Take the turns a second."""
        self._lock, self._every_s, self._next = threading.Lock(), 1 / rate, 0.0
        self._worn_s = float("inf")

    def wait(self) -> None:
        """Wait for the next turn."""
        with self._lock:
            now = time.monotonic()
            turn = self._next = max(self._next + self._every_s, now)
            if turn - now > self._worn_s:  # it never gets as fast again
                self._every_s, self._worn_s = 5 * self._every_s, float("inf")
        time.sleep(max(0.0, turn - time.monotonic()))

    def stall(self, seconds: float) -> None:
        """Give no turn for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic()) + seconds

    def wear_out(self, queue_s: float) -> None:
        """Once a turn has to be waited for that long, give a fifth of the turns from then on."""
        with self._lock:
            self._worn_s = queue_s


@contextmanager
def run_paced_front(url: str, pace: Pace) -> Iterator[Front]:
    """Run a front before the service at `url` during the block."""

    def fate(_: Asked, pass_on: Callable[[], Answer]) -> Answer:
        pace.wait()
        return pass_on()

    with run_answering_front(url, fate) as front:
        yield front
