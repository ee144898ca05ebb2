"""The fast path: a plain read that one trip to Redis answers is answered where it arrives, in the worker's main loop,
without a thread and without Flask, which cost more than the answer itself.

It gives the answer that the route gives, byte for byte, by the same functions, or none: whatever is not plain is left
to the route. That is another method, a header that may matter, a token or a field that is refused, a book that is not
there, and any error. Nothing here waits for more than Redis, and no error leaves it.
"""

import re
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from gunicorn import SERVER
from pydantic import BaseModel
from werkzeug.datastructures import ETags
from werkzeug.http import parse_etags

from backend import metrics
from backend.answer import Answer
from backend.auth.sessions import identify
from backend.auth.tokens import read_bearer
from backend.background import Trouble
from backend.caller import Caller
from backend.errors import ServiceError, Unavailable
from backend.server.access_log import choose_request_id, note_request

# One GET, whole, with nothing behind it, in the characters that every reader of HTTP takes alike.
PLAIN_READ = re.compile(
    rb"GET (/[A-Za-z0-9/-]*)(?:\?([A-Za-z0-9&=+%._~*-]*))? HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[ -~]*\r\n)+)\r\n"
)
LONGEST_HEADERS = 2048  # bytes: a token has about 400, and those of a thousand clients are kept
KEPT_TARGETS = 256  # paths and queries that were read: many clients ask for the same
READ_HEADERS = {"authorization", "connection", "host", "if-none-match", "x-request-id"}
IDLE_HEADERS = {  # they change no answer of these services
    "accept", "accept-encoding", "accept-language", "cookie", "dnt", "origin", "priority", "referer", "traceparent",
    "tracestate", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
}  # fmt: skip
SLOW_S = 0.01  # a trip to Redis
MOST_SLOW = 10  # such trips in a row: on a busy machine some are slow, where Redis is slow or far away all of them
CLOSED_S = 1.0


class Read(NamedTuple):
    """What may be read on the fast path: the shape of its fields, in the path or in the query, and what finds its
    answer in one trip to Redis for a caller and these fields, or gives None where Redis alone does not have it.
    """

    fields: type[BaseModel] | None
    find: Callable[[Caller, Any], Answer | None]


class Headers(NamedTuple):
    """What the headers of a plain read say."""

    token: str
    request_id: str
    known: ETags | None  # the entity tags of If-None-Match


class FastPath:
    """Answers plain reads by a table of rules, as the routes have them; a rule may end in one `<name>`."""

    def __init__(self, reads: dict[str, Read]) -> None:
        """Take the table."""
        self._reads = {rule.encode(): (rule, read) for rule, read in reads.items()}
        self._under = {
            rule[: rule.index("<")].encode(): (rule, read) for rule, read in reads.items() if rule.endswith(">")
        }
        self._choose = lru_cache(maxsize=KEPT_TARGETS)(self._read_target)
        self._trouble = Trouble("fast path")
        self._slow = 0  # trips in a row
        self._closed_until = 0.0

    def answer(self, request: bytes, arrived: float) -> bytes:
        """Give the whole answer to what has come on a connection, at this time.perf_counter(); nothing unless it is a
        plain read that can be answered here and now.
        """
        if arrived < self._closed_until:
            return b""
        with self._trouble.survived():
            try:
                return self._answer(request, arrived)
            except Unavailable:
                self._close()
                raise
            except (ServiceError, ValueError):  # ValidationError is one: the route says what is wrong
                return b""
        return b""

    def _answer(self, request: bytes, arrived: float) -> bytes:
        plain = PLAIN_READ.fullmatch(request)
        headers = read_headers(plain[3]) if plain and len(plain[3]) <= LONGEST_HEADERS else None
        chosen = self._choose(plain[1], plain[2] or b"") if plain and headers else None
        if headers is None or chosen is None:
            return b""
        rule, read, fields = chosen
        caller = identify(headers.token)
        answer = self._find(read, caller, fields)
        if answer is None:
            return b""
        status = 304 if is_unchanged(headers.known, answer) else 200
        request_id = choose_request_id(headers.request_id)
        metrics.ON_FAST_PATH.inc()
        target = request[4 : request.index(b" ", 4)].decode()
        note_request("GET", target, request_id, rule, status, time.perf_counter() - arrived)
        return write_answer(status, answer, request_id)

    def _read_target(self, path: bytes, query: bytes) -> tuple[str, Read, Any] | None:
        if path in self._reads:
            rule, read = self._reads[path]
            given = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
            fields = dict(given)
            if len(fields) < len(given):  # which of the two counts is for the route to say
                return None
        else:
            parent, _, name = path.rpartition(b"/")
            if parent + b"/" not in self._under or not name:
                return None
            rule, read = self._under[parent + b"/"]
            fields = {rule[rule.index("<") + 1 : -1]: name.decode()}
        return rule, read, read.fields.model_validate(fields) if read.fields else None

    def _find(self, read: Read, caller: Caller, fields: Any) -> Answer | None:
        began = time.perf_counter()
        answer = read.find(caller, fields)
        self._slow = self._slow + 1 if time.perf_counter() - began > SLOW_S else 0
        if self._slow == MOST_SLOW or answer is None:  # without a read model a trip here is a trip in vain
            self._close()
        return answer

    def _close(self) -> None:
        """Leave all to the threads for a while: their trips go side by side, and the loop must not stand still."""
        self._closed_until, self._slow = time.perf_counter() + CLOSED_S, 0


@lru_cache(maxsize=1024)
def read_headers(lines: bytes) -> Headers | None:
    """Read header lines; None where one comes twice, may change the answer, or is missing. Raises NotAuthenticated."""
    found: dict[str, str] = {}
    for line in lines.decode().splitlines():
        name, _, value = line.partition(":")
        name = name.lower()
        if name in found or name not in READ_HEADERS | IDLE_HEADERS:
            return None
        found[name] = value.strip()
    if "host" not in found or found.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    known = parse_etags(found["if-none-match"]) if "if-none-match" in found else None
    return Headers(read_bearer(found.get("authorization", "")), found.get("x-request-id", ""), known)


def is_unchanged(known: ETags | None, answer: Answer) -> bool:
    """Say whether the entity tags of an If-None-Match, if there is one, name that of the answer."""
    return known is not None and bool(answer.etag) and known.contains_weak(answer.etag)


def write_answer(status: int, answer: Answer, request_id: str) -> bytes:
    """Give an answer as Gunicorn and Flask write it."""
    if status == 304:
        head, body = "304 NOT MODIFIED", b""
        headers = answer.headers()
    else:
        head, body = "200 OK", answer.json
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *answer.headers()]
    headers += [("X-Request-ID", request_id), ("X-Content-Type-Options", "nosniff")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    of_gunicorn = f"Server: {SERVER}\r\nDate: {write_date(int(time.time()))}\r\nConnection: keep-alive\r\n"
    return f"HTTP/1.1 {head}\r\n{of_gunicorn}{lines}\r\n".encode() + body


@lru_cache(maxsize=2)
def write_date(second: int) -> str:
    """Give a second as HTTP has it (RFC 9110, section 5.6.7)."""
    return formatdate(second, usegmt=True)
