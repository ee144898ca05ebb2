"""The deadline of the request that a thread works on: work that would end after it is not begun."""

import threading
import time

from backend.errors import Unavailable

REQUEST_S = 5.0
STEP_S = 1.0  # the longest a single wait for a store takes

_present = threading.local()


def start_deadline(waited_s: float) -> None:
    """Begin the five seconds of this thread's request, of which it has spent `waited_s` waiting for a thread."""
    _present.arrived = time.monotonic() - waited_s


def request_age_s() -> float:
    """Give the seconds since this thread's request arrived, its wait for a thread included; 0 outside a request."""
    now = time.monotonic()
    return now - float(getattr(_present, "arrived", now))


def is_too_late() -> bool:
    """Say whether a wait for a store that begins now might end too late; never outside a request."""
    return request_age_s() > REQUEST_S - STEP_S


def check_deadline() -> None:
    """Let a wait for a store begin. Raises Unavailable when it might end too late."""
    if is_too_late():
        raise Unavailable("The request took too long.")
