"""The refusal of requests while others wait, or once they have waited too long: cheap, whole, never for operators."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.stacks import PROJECT, Stack

ASK = """
import json, sys
from werkzeug.test import EnvironBuilder, run_wsgi_app
from microservicioCQRSRedis import app

def ask(path, waited_s):
    body, status, headers = run_wsgi_app(app, EnvironBuilder(path).get_environ() | {"libros.waited_s": waited_s})
    return [status, dict(headers), b"".join(body).decode()]

print(json.dumps([ask(path, float(waited_s)) for path, waited_s in json.loads(sys.argv[1])]))
"""


@pytest.fixture(scope="module")
def answers(stack: Stack) -> list[tuple[str, dict[str, str], str]]:
    """What the books service answers to a list that waited 3 s and 1 s, and to /health and /ready that waited 3 s."""
    asked = [["/api/books", 3], ["/api/books", 1], ["/health", 3], ["/ready", 3]]
    ran = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(asked)],
        cwd=PROJECT, env={**os.environ, **stack}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found: Any = json.loads(ran.stdout.splitlines()[-1])
    return [(status, headers, body) for status, headers, body in found]


def test_what_waited_too_long_is_refused_before_its_token_is_looked_at(
    answers: list[tuple[str, dict[str, str], str]],
) -> None:
    status, headers, body = answers[0]
    assert status == "503 SERVICE UNAVAILABLE"
    assert (headers["Retry-After"], headers["Content-Type"]) == ("1", "application/problem+json")
    assert headers["X-Request-ID"] and headers["X-Content-Type-Options"] == "nosniff"
    assert int(headers["Content-Length"]) == len(body)
    assert json.loads(body)["status"] == 503


def test_what_waited_less_and_what_operators_ask_is_answered(answers: list[tuple[str, dict[str, str], str]]) -> None:
    assert [status.split()[0] for status, _, _ in answers[1:]] == ["401", "200", "200"]


UNREAD = """
import json, sys
from backend.server.shedding import refuse_read

print(json.dumps([refuse_read(text.encode("latin-1")).decode() for text in json.loads(sys.argv[1])]))
"""
READS = (
    "GET /api/books/9780306406157?x=%20 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\nAccept: */*\r\nx-request-id: my-id.1\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nX-Request-ID: evil id\r\n\r\n",
)
MORE_THAN_READS = (
    "POST /api/books HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /me HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /me HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET http://a/me HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /metrics?x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\n\r\nGET /me HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /me HTTP/1.1\r\nHost: a\r\n\r\nGET",
    "GET /me\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x16\x03\x01",
    "",
)


def test_only_one_whole_plain_read_is_refused_unread(stack: Stack) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", UNREAD, json.dumps([*READS, *MORE_THAN_READS])],
        cwd=PROJECT, env={**os.environ, **stack}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    answers: list[str] = json.loads(ran.stdout.splitlines()[-1])
    assert [bool(answer) for answer in answers] == [True] * len(READS) + [False] * len(MORE_THAN_READS)
    heads, bodies = zip(*(answer.split("\r\n\r\n") for answer in answers[: len(READS)]), strict=True)
    for head, body in zip(heads, bodies, strict=True):
        assert head.startswith("HTTP/1.1 503 SERVICE UNAVAILABLE\r\n")
        assert f"\r\nContent-Length: {len(body)}\r\n" in head and "\r\nRetry-After: 1\r\n" in head
        assert json.loads(body)["status"] == 503
    assert "\r\nX-Request-ID: my-id.1\r\n" in heads[1] and "evil" not in heads[2]
    assert f"{' '.join(('my-id.1', 'GET', '/me', '503'))} " in ran.stderr
    assert "evil" not in ran.stderr and " GET /api/books/9780306406157 503 " in ran.stderr
