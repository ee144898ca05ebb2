"""Makes a worker of the services slower by a known share; slower_build.py puts this file into a copy of them."""

import threading
import time
from collections.abc import Iterable
from typing import Any

SHARE = 0.1
ONLY = ""  # "POST /api/books": that endpoint alone, and then the time it takes; else every request's processor time

_burning = threading.Lock()
_paid_until = time.process_time()


def burn() -> None:
    """Burn the share of the processor time that this worker has used since its last request."""
    global _paid_until  # noqa: PLW0603  one for all threads of the worker
    if ONLY:
        return
    with _burning:
        now, begun = time.process_time(), time.thread_time()
        while time.thread_time() - begun < SHARE * (now - _paid_until):
            pass
        _paid_until = now + time.thread_time() - begun  # what other threads have used meanwhile is still to be paid


def answer(app: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Have the app answer a request that a thread serves, slower."""
    began = time.perf_counter()
    answered: Iterable[bytes] = app(environ, start_response)
    if f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}" == ONLY:
        time.sleep(SHARE * (time.perf_counter() - began))
    burn()
    return answered
