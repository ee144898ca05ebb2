"""What each request leaves behind: its id, its count in the metrics, and its line in the log.

The lines have the form of all others, and are written ten times a second in one piece: one by one they cost a tenth of
a query.
"""

import os
import random
import re
import time
from functools import lru_cache
from typing import Any

from backend.log_writer import writer
from backend.metrics import observe_request

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


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
    now = time.time()
    second = int(now)
    writer.add(f"{_format_time(second)},{int((now - second) * 1000):03d} {os.getpid()} INFO {words}\n")


@lru_cache(maxsize=2)
def _format_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
