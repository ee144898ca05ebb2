"""The line that each request leaves in the log, in the form of all other lines, written ten times a second in one
piece: written one by one they cost a tenth of a query. A process that is killed loses those of its last moment.
"""

import atexit
import os
import sys
import threading
import time
from functools import lru_cache

INTERVAL_S = 0.1

_lines: list[str] = []
_writer: threading.Thread | None = None


def log_request(request_id: str, method: str, path: str, status: int, seconds: float) -> None:
    """Log one answered request."""
    global _writer  # noqa: PLW0603 - one a process
    if _writer is None:
        _writer = threading.Thread(target=_write_for_ever, name="access log", daemon=True)
        _writer.start()
    now = time.time()
    second = int(now)
    stamp = f"{_format_time(second)},{int((now - second) * 1000):03d}"
    _lines.append(f"{stamp} {os.getpid()} INFO {request_id} {method} {path} {status} {seconds * 1000:.1f} ms\n")


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
