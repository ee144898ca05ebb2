"""A circuit breaker: a store that gave no connection a few times in a row is left alone, but for one probe at a time.

Without a breaker every request would wait for a time-out of its own, and all threads of a worker would be waiting
(M. Nygard, Release It!, 2nd edition, chapter 5). No lock is held while the store is asked.
"""

import threading
import time

MOST_FAILURES = 3  # in a row
PAUSE_S = 0.25  # from the last failure to the next probe


class Breaker:
    """Says whether a store may be asked; its users tell it how that went."""

    def __init__(self) -> None:
        """Begin closed: the store may be asked."""
        self.reason = ""  # of the last failure
        self._failures = 0
        self._next_probe = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Say whether to ask the store now; while it fails, yes for one caller per pause."""
        if self._failures < MOST_FAILURES:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_probe:
                return False
            self._next_probe = now + PAUSE_S
            return True

    def succeeded(self) -> None:
        """Note that the store answered."""
        self._failures = 0

    def failed(self, reason: object) -> None:
        """Note that the store did not answer, or refused to be asked."""
        with self._lock:
            self.reason = str(reason)
            self._failures += 1
            self._next_probe = time.monotonic() + PAUSE_S
