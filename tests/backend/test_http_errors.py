"""Errors of HTTP that both services share: each code as problem+json, with its headers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients import Client, Json, check_problem, make_credentials, send_raw
from tests.support.read_models import read_both_ways
from tests.support.shelf import make_book
from tests.support.stacks import Stack

LIMIT = 16 * 1024
BODIED = [("auth", "POST", "/register"), ("auth", "POST", "/login"), ("books", "POST", "/api/books")]
PATHS = {
    "auth": [
        ("/register", {"POST"}),
        ("/login", {"POST"}),
        ("/refresh", {"POST"}),
        ("/logout", {"POST"}),
        ("/logout/all", {"POST"}),
        ("/me", {"GET"}),
        ("/token/status", {"GET"}),
    ],
    "books": [("/api/books", {"GET", "POST"}), ("/api/books/9780306406157", {"GET", "PATCH", "DELETE"})],
}
EVERYWHERE = [(path, {"GET"}) for path in ("/", "/health", "/ready", "/metrics", "/openapi.json")]
CALLS = [(service, path, allowed) for service in PATHS for path, allowed in [*PATHS[service], *EVERYWHERE]]


@pytest.fixture
def clients(auth: Client, books: Client) -> dict[str, Client]:
    """A client for each service; the one for books is signed in."""
    return {"auth": auth, "books": books}


@pytest.mark.parametrize("service", ["auth", "books"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api", "/api/bookshelves", "/nothing/here", "/register/x", "/.env", "/health/x"])
def test_an_unknown_path_is_404(clients: dict[str, Client], service: str, method: str, path: str) -> None:
    check_problem(clients[service].request(method, path), 404)


@pytest.mark.parametrize(("service", "path", "allowed"), CALLS)
def test_a_method_that_a_path_lacks_is_405_with_allow(
    clients: dict[str, Client], service: str, path: str, allowed: set[str]
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = clients[service].request(method, path)
        check_problem(answer, 405)
        named = {each.strip() for each in answer.headers["Allow"].split(",")}
        assert allowed <= named <= allowed | {"HEAD", "OPTIONS"}


MALFORMED = [
    b"",
    b" ",
    b"{",
    b"{]",
    b"nothing",
    b'{"a": }',
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a": "\n"}',
    b"\xff\xfe",
    b'{"a": "\xff"}',
    b"[1,",
]


@pytest.mark.parametrize(("service", "method", "path"), BODIED)
@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_json_is_400(clients: dict[str, Client], service: str, method: str, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check_problem(clients[service].request(method, path, data=body, headers=headers), 400)


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_patch_is_400(books: Client, add_book: Any, body: bytes) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    check_problem(books.patch(path, data=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize(("service", "method", "path"), BODIED)
@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"true", b"[{}]"])
def test_json_that_is_no_object_is_422(
    clients: dict[str, Client], service: str, method: str, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    check_problem(clients[service].request(method, path, data=body, headers=headers), 422)


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml", "x", "*/*"]
)
def test_a_body_that_is_not_called_json_is_415(clients: dict[str, Client], add_book: Any, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    patched = ("books", "PATCH", f"/api/books/{add_book()['isbn']}")
    for service, method, path in [*BODIED, patched]:
        answer = clients[service].request(method, path, data=b'{"stock": 1}', headers=headers)
        check_problem(answer, 415)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
)
def test_json_may_be_called_json_in_any_spelling(auth: Client, kind: str) -> None:
    body = json.dumps(make_credentials()).encode()
    assert auth.post("/register", data=body, headers={"Content-Type": kind}).status_code == 201


def pad(body: Json, length: int) -> bytes:
    """Return the body as JSON of exactly that many bytes."""
    return json.dumps(body).encode().ljust(length)


def cut(body: bytes) -> Iterator[bytes]:
    """Yield the body in pieces, so that it is sent in chunks, without a length."""
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_16_kib_is_taken(clients: dict[str, Client], chunked: bool) -> None:
    book = make_book()
    for service, path, fields in (("auth", "/register", make_credentials()), ("books", "/api/books", book)):
        body = pad(fields, LIMIT)
        sent = cut(body) if chunked else body
        headers = {"Content-Type": "application/json"}
        assert clients[service].post(path, data=sent, headers=headers).status_code == 201
    clients["books"].delete(f"/api/books/{book['isbn']}")


@pytest.mark.parametrize("length", [LIMIT + 1, LIMIT * 2, 1024 * 1024])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("service", "path"), [(service, path) for service, _, path in BODIED])
def test_a_body_over_16_kib_is_413(
    clients: dict[str, Client], service: str, path: str, length: int, chunked: bool
) -> None:
    body = pad(make_book() if service == "books" else make_credentials(), length)
    sent = cut(body) if chunked else body
    headers = {"Content-Type": "application/json"}
    check_problem(clients[service].post(path, data=sent, headers=headers), 413)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_patch_over_16_kib_is_413(books: Client, add_book: Any, chunked: bool) -> None:
    book = add_book()
    body = pad({"stock": 1}, LIMIT + 1)
    headers = {"Content-Type": "application/json"}
    path = f"/api/books/{book['isbn']}"
    check_problem(books.patch(path, data=cut(body) if chunked else body, headers=headers), 413)
    assert read_both_ways(books, path).json()["stock"] == book["stock"]


@pytest.mark.parametrize("service", ["AUTH_URL", "BOOKS_URL"])
def test_a_body_that_is_announced_too_long_is_not_waited_for(stack: Stack, pair: Json, service: str) -> None:
    path = "/register" if service == "AUTH_URL" else "/api/books"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {pair['access_token']}\r\nContent-Length: 1000000000\r\n\r\n{{"
    )
    status, headers, _ = send_raw(stack[service], head.encode())
    assert (status, headers["content-type"].split(";")[0]) == (413, "application/problem+json")


def test_a_refused_body_leaves_the_service_well(stack: Stack) -> None:
    with Client(stack["AUTH_URL"]) as client:
        for _ in range(5):
            client.post("/login", data=b"x" * (LIMIT + 1), headers={"Content-Type": "application/json"})
            assert client.get("/health").status_code == 200
