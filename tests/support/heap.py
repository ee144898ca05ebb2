"""A WSGI app that takes blocks of many sizes, gives all back, and says how much of the heap is not free then."""

import ctypes
from collections.abc import Callable
from typing import Any

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"  # of glibc's malloc.h
SIZES = range(520, 1000, 16)  # bytes: over what Python keeps itself, within what glibc lets a thread keep
OF_EACH = 7


class Heap(ctypes.Structure):
    """What mallinfo2 tells, in bytes."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


C = ctypes.CDLL(None)
C.mallinfo2.restype = Heap


class App:
    """Answers every request."""

    config: dict[str, Any] = {}  # noqa: RUF012 - gunicorn.conf.py looks for it

    def __call__(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        blocks = [bytes(size) for size in SIZES for _ in range(OF_EACH)]
        del blocks
        answer = str(C.mallinfo2().uordblks).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
        return [answer]


app = App()
