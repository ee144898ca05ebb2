"""Headers of every answer: the request id, nosniff, and no store for tokens."""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.support.clients import Account, Client, Json
from tests.support.stacks import Stack

SAFE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
HOSTILE = [
    b"",
    b"x" * 5000,
    b"two words",
    b'"><script>',
    b"a\tb",
    b"\xc3\xa9",
    b"\xff",
    b"%0d%0aX: y",
    b"{}",
    b"';--",
]


@pytest.fixture
def answers(stack: Stack, account: Account, pair: Json, books: Client) -> Iterator[list[requests.Response]]:
    """An answer of every kind, each asked with the request id `kind-of-answer`."""
    named = {"X-Request-ID": "kind-of-answer"}
    login = {"username": account.username, "password": account.password}
    with Client(stack["AUTH_URL"], pair["access_token"]) as auth:
        auth.headers.update(named)
        tag = books.get("/api/books").headers["ETag"]
        yield [
            *(
                auth.get(path)
                for path in ("/health", "/ready", "/openapi.json", "/docs", "/me", "/nothing", "/metrics")
            ),
            *(books.get(path, headers=named) for path in ("/health", "/ready", "/openapi.json", "/docs", "/metrics")),
            books.get("/api/books", headers=named),
            books.get("/api/books", headers={**named, "If-None-Match": tag}),
            books.get("/api/books?limit=0", headers=named),
            books.get("/api/books", headers={**named, "Authorization": ""}),
            books.put("/api/books", headers=named),
            auth.post("/login", json=login),
            auth.post("/login", json={**login, "password": "wrong"}),
            auth.post("/login", data="{", headers={"Content-Type": "application/json"}),
            auth.post("/login", data="x", headers={"Content-Type": "text/plain"}),
            auth.post("/login", data="x" * 20000, headers={"Content-Type": "application/json"}),
            auth.post("/logout"),
        ]


def test_the_request_id_is_echoed_in_every_answer(answers: list[requests.Response]) -> None:
    statuses = {answer.status_code for answer in answers}
    assert statuses >= {200, 204, 304, 400, 401, 404, 405, 413, 415, 422}
    for answer in answers:
        assert answer.headers["X-Request-ID"] == "kind-of-answer", (answer.url, answer.status_code)


def test_every_answer_says_nosniff(answers: list[requests.Response]) -> None:
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff", (answer.url, answer.status_code)


@pytest.mark.parametrize("service", ["AUTH_URL", "BOOKS_URL"])
def test_a_request_without_an_id_is_given_one_of_its_own(stack: Stack, service: str) -> None:
    given = [requests.get(f"{stack[service]}/health", timeout=10).headers["X-Request-ID"] for _ in range(20)]
    assert len(set(given)) == 20
    assert all(SAFE.fullmatch(each) for each in given)


@pytest.mark.parametrize("service", ["AUTH_URL", "BOOKS_URL"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_request_id_is_replaced(stack: Stack, service: str, hostile: bytes) -> None:
    answer = requests.get(f"{stack[service]}/health", headers={"X-Request-ID": hostile}, timeout=10)
    assert answer.status_code == 200
    assert SAFE.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize("service", ["AUTH_URL", "BOOKS_URL"])
@pytest.mark.parametrize("sent", ["a1b2c3", "f47ac10b-58cc-4372-a567-0e02b2c3d479"])
def test_an_honest_request_id_is_kept(stack: Stack, service: str, sent: str) -> None:
    for path in ("/health", "/nothing"):
        answer = requests.get(f"{stack[service]}{path}", headers={"X-Request-ID": sent}, timeout=10)
        assert answer.headers["X-Request-ID"] == sent


def test_answers_with_tokens_are_not_stored(auth: Client, account: Account) -> None:
    login = auth.post("/login", json={"email": account.email, "password": account.password})
    renewed = auth.post("/refresh", headers={"Authorization": f"Bearer {login.json()['refresh_token']}"})
    assert (login.status_code, renewed.status_code) == (200, 200)
    assert [answer.headers["Cache-Control"] for answer in (login, renewed)] == ["no-store", "no-store"]
