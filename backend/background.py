"""Work that a process does beside its requests: no error ends it, and an error that repeats is logged once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from backend.errors import ServiceError

log = logging.getLogger(__name__)

OF_A_STORE = (ServiceError, redis.RedisError)  # their cause lies outside the program, so that no traceback is logged
OVER_AFTER_S = 5.0  # without an error: trouble that comes and goes is logged as one


class Trouble:
    """The errors of a repeated step: logged once, again when their words change, and once more when they are over."""

    def __init__(self, what: str) -> None:
        """Take the name of the step."""
        self._what = what
        self._told: set[str] = set()
        self._last = 0.0

    @contextmanager
    def survived(self) -> Iterator[None]:
        """Let no error out of the block."""
        try:
            yield
        except Exception as error:
            self._tell(error)
        else:
            if self._told and time.monotonic() - self._last > OVER_AFTER_S:
                log.info("%s: works again", self._what)
                self._told.clear()

    def _tell(self, error: Exception) -> None:
        self._last = time.monotonic()
        cause = error.__cause__ or error
        words = f"{type(cause).__name__}: {cause}"
        if words not in self._told:
            log.warning("%s: %s", self._what, words, exc_info=not isinstance(error, OF_A_STORE))
            self._told.add(words)


class _PerThread(threading.local):
    in_background = False


_present = _PerThread()


def in_background() -> bool:
    """Say whether this thread does such work, whose errors Trouble logs."""
    return _present.in_background


def be_in_background() -> None:
    """Note that this thread does such work, inside Trouble.survived()."""
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
