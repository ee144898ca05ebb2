"""Refuses requests of a worker that has more to do than it can do, since late answers help nobody: reads that come
while others wait too long are refused unread, at a small part of what an answer costs; all else once it has waited
too long itself.
"""

import json
import re
from typing import Any

from backend.server.access_log import choose_request_id, note_wsgi_request

LONGEST_QUEUE_S = 0.5  # that the oldest waiting request has waited, for the next read to be let in
LONGEST_WAIT_S = 2.0  # of the five that a request has
NEVER_SHED = ("/health", "/ready", "/metrics")
DOCUMENT = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "The service has more requests than it can answer in time.",
}
BODY = json.dumps(DOCUMENT).encode()

# One GET, whole, with nothing behind it; and the headers by which it would be more than that.
PLAIN_READ = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n(?:[!-9;-~]+:[^\r\n]*\r\n)+\r\n")
MORE = re.compile(
    rb"\n(content-length|transfer-encoding|expect|upgrade|connection(?!: keep-alive\r)) *:", re.IGNORECASE
)
GIVEN_ID = re.compile(rb"\nx-request-id: *([^\r]*)", re.IGNORECASE)


def is_late(environ: dict[str, Any]) -> bool:
    """Say of a WSGI request whether to refuse it."""
    return environ.get("libros.waited_s", 0.0) > LONGEST_WAIT_S and environ["PATH_INFO"] not in NEVER_SHED


def shed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Refuse a WSGI request. Without Flask: a refusal that costs as much as an answer leaves less time for answers."""
    environ["libros.request_id"] = choose_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    note_wsgi_request(environ, "none", 503, environ["libros.waited_s"])
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(BODY))),
        ("Retry-After", "1"),
        ("X-Request-ID", environ["libros.request_id"]),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("503 SERVICE UNAVAILABLE", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [BODY]


def refuse_read(request: bytes) -> bytes:
    """Give the whole answer that refuses what has come on a connection; nothing unless that is one plain read."""
    read = PLAIN_READ.fullmatch(request)
    if not read or MORE.search(request) or read[1].partition(b"?")[0].decode() in NEVER_SHED:
        return b""
    given = GIVEN_ID.search(request)
    head: list[str] = []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        head.extend((f"HTTP/1.1 {status}", "Connection: keep-alive", *(": ".join(header) for header in headers)))

    environ = {"REQUEST_METHOD": "GET", "RAW_URI": read[1].decode(), "libros.waited_s": 0.0}
    environ["HTTP_X_REQUEST_ID"] = given[1].decode("latin-1") if given else ""
    body = b"".join(shed(environ, start))
    return "\r\n".join((*head, "", "")).encode() + body
