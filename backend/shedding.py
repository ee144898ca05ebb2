"""Refuses, at the least cost, a request that waited too long for its thread: its worker has more to do than it can do,
and late answers help nobody.
"""

import json
from typing import Any

from backend.access_log import choose_request_id, note_request

LONGEST_WAIT_S = 2.0  # of the five that a request has
NEVER_SHED = ("/health", "/ready", "/metrics")
DOCUMENT = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "The service has more requests than it can answer in time.",
}
BODY = json.dumps(DOCUMENT).encode()


def is_late(environ: dict[str, Any]) -> bool:
    """Say of a WSGI request whether to refuse it."""
    return environ.get("libros.waited_s", 0.0) > LONGEST_WAIT_S and environ["PATH_INFO"] not in NEVER_SHED


def shed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Refuse a WSGI request. Without Flask: a refusal that costs as much as an answer leaves less time for answers."""
    environ["libros.request_id"] = choose_request_id(environ)
    note_request(environ, "none", 503, environ["libros.waited_s"])
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(BODY))),
        ("Retry-After", "1"),
        ("X-Request-ID", environ["libros.request_id"]),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("503 SERVICE UNAVAILABLE", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [BODY]
