"""What each request leaves behind: its id, its place in the metrics, and its line in the log.

The lines have the form of all others, and are written ten times a second in one piece: one by one they cost a tenth of
a query. A process that is killed loses those of its last moment.
"""

import atexit
import os
import random
import re
import sys
import threading
import time
from functools import lru_cache
from typing import Any

from backend.metrics import observe_request

INTERVAL_S = 0.1
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

_lines: list[str] = []
_writer: threading.Thread | None = None


def choose_request_id(environ: dict[str, Any]) -> str:
    """Give the id that the client sent, or another where it sent none that a log can hold."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    # Not from os.urandom: it gives the interpreter's lock away.
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def note_request(environ: dict[str, Any], route: str, status: int, seconds: float) -> None:
    """Count and log one answered WSGI request, whose id is `libros.request_id`."""
    method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
    observe_request(method, route, status, seconds)
    path = environ.get("RAW_URI", "").partition("?")[0][:200]
    _log(f"{environ['libros.request_id']} {method} {path} {status} {seconds * 1000:.1f} ms")


def _log(words: str) -> None:
    global _writer  # noqa: PLW0603 - one a process
    if _writer is None:
        _writer = threading.Thread(target=_write_for_ever, name="access log", daemon=True)
        _writer.start()
    now = time.time()
    second = int(now)
    _lines.append(f"{_format_time(second)},{int((now - second) * 1000):03d} {os.getpid()} INFO {words}\n")


@lru_cache(maxsize=2)
def _format_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def _write_for_ever() -> None:
    while True:
        time.sleep(INTERVAL_S)
        _write_lines()


def _write_lines() -> None:
    if count := len(_lines):
        sys.stderr.write("".join(_lines[:count]))
        sys.stderr.flush()
        del _lines[:count]


def _begin_anew() -> None:  # threads do not survive a fork
    global _writer  # noqa: PLW0603
    _lines.clear()
    _writer = None


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_write_lines)
