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


def choose_request_id(given: str) -> str:
    """Give the id that the client sent, or another where it sent none that a log can hold."""
    # Not from os.urandom: it gives the interpreter's lock away.
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def note_wsgi_request(environ: dict[str, Any], route: str, status: int, seconds: float) -> None:
    """Count and log one answered WSGI request, whose id is `libros.request_id`."""
    method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
    note_request(method, environ.get("RAW_URI", ""), environ["libros.request_id"], route, status, seconds)


def note_request(  # noqa: PLR0913, PLR0917  what a line of an access log has
    method: str, target: str, request_id: str, route: str, status: int, seconds: float
) -> None:
    """Count and log one answered request."""
    observe_request(method, route, status, seconds)
    _log(f"{request_id} {method} {target.partition('?')[0][:200]} {status} {seconds * 1000:.1f} ms")


def _log(words: str) -> None:
    now = time.time()
    second = int(now)
    writer.add(f"{_format_time(second)},{int((now - second) * 1000):03d} {os.getpid()} INFO {words}\n")


@lru_cache(maxsize=2)
def _format_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
