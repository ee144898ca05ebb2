"""The deadline of the request that a thread works on: work that would end after it is not begun."""

import threading
import time

from backend.errors import Unavailable

REQUEST_S = 5.0
STEP_S = 1.0  # the longest a single wait for a store takes

_present = threading.local()


def start_deadline(waited_s: float) -> None:
    """Give this thread's request its five seconds, of which it has waited some for a thread."""
    _present.last_begin = time.monotonic() + REQUEST_S - STEP_S - waited_s


def check_deadline() -> None:
    """Let a wait for a store begin. Raises Unavailable when it might end too late; never outside a request."""
    if time.monotonic() > getattr(_present, "last_begin", float("inf")):
        raise Unavailable("The request took too long.")
