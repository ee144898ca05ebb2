"""The refusal of requests that waited too long for a thread: cheap, whole, and never for the pages of the operators."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from stacks import PROJECT, Stack

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
