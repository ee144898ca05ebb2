"""Work that a process does beside its requests while it lives: no error ends it, and none is said each time."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from backend.errors import ServiceError

log = logging.getLogger(__name__)

OF_A_STORE = (ServiceError, redis.RedisError)  # what a store does: it needs no traceback
OVER_AFTER_S = 5.0  # without an error: what comes and goes is one trouble, not many


class Trouble:
    """What is wrong with something that is tried again and again: said once, in other words when it changes, and when
    it is over.
    """

    def __init__(self, what: str) -> None:
        """Take the name of what is tried."""
        self._what = what
        self._said: set[str] = set()
        self._last = 0.0

    @contextmanager
    def survived(self) -> Iterator[None]:
        """Let no error out of the block."""
        try:
            yield
        except Exception as error:
            self._tell(error)
        else:
            if self._said and time.monotonic() - self._last > OVER_AFTER_S:
                log.info("%s: works again", self._what)
                self._said.clear()

    def _tell(self, error: Exception) -> None:
        self._last = time.monotonic()
        cause = error.__cause__ or error
        words = f"{type(cause).__name__}: {cause}"
        if words not in self._said:
            log.warning("%s: %s", self._what, words, exc_info=not isinstance(error, OF_A_STORE))
            self._said.add(words)


class _PerThread(threading.local):
    in_background = False


_present = _PerThread()


def in_background() -> bool:
    """Say whether this thread does work of this kind, so that it tells of its errors itself."""
    return _present.in_background


def be_in_background() -> None:
    """Note that this thread does work of this kind, under Trouble.survived()."""
    _present.in_background = True


def repeat(what: str, step: Callable[[], object], every_s: float) -> threading.Thread:
    """Do a step, over and over, with a pause of `every_s` after each, in a thread of this process until that ends."""
    trouble = Trouble(what)

    def go_on() -> None:
        be_in_background()
        while True:
            with trouble.survived():
                step()
            time.sleep(every_s)

    thread = threading.Thread(target=go_on, name=what, daemon=True)
    thread.start()
    return thread
