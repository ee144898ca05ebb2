"""How the tests talk to the services: clients, accounts, sessions, and what every error must look like."""

import secrets
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

Json = dict[str, Any]
LEAKS = ("Traceback", ".py", "/site-packages", "SELECT ", "INSERT ", "UPDATE ", "mysql", "werkzeug", "pydantic")


class Client(requests.Session):
    """A session with one service: takes paths, sends one Bearer token, waits 10 s at most for an answer."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__()
        self.url = url
        self.trust_env = False
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 10)
        return super().request(method, f"{self.url}{url!s}", *args, **kwargs)


class Account(NamedTuple):
    """A registered account, with what is needed to sign in."""

    id: int
    username: str
    email: str
    password: str


def make_credentials() -> dict[str, str]:
    """Return a body for POST /register that nobody used before."""
    name = f"Reader.{secrets.token_hex(6)}"
    return {"username": name, "email": f"{name}@Example.com", "password": f"Pass-{secrets.token_hex(8)}"}


def register(auth_url: str) -> Account:
    """Register a new account and return it."""
    body = make_credentials()
    answer = requests.post(f"{auth_url}/register", json=body, timeout=10)
    assert answer.status_code == 201, answer.text
    return Account(answer.json()["id"], **body)


def sign_in(auth_url: str, account: Account) -> Json:
    """Log in by username and return the answer of POST /login."""
    body = {"username": account.username, "password": account.password}
    answer = requests.post(f"{auth_url}/login", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask_at_once(calls: Sequence[Callable[[], requests.Response]]) -> list[requests.Response]:
    """Make all calls at the same time, each in a thread of its own, and return their answers in order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]


def check_problem(answer: requests.Response, status: int) -> Json:
    """Assert that the answer is that error as RFC 9457 asks, leaks nothing, and return its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"]
    body: Json = answer.json()
    assert body["status"] == status
    assert all(isinstance(body[member], str) and body[member] for member in ("type", "title", "detail"))
    assert not [leak for leak in LEAKS if leak in answer.text]
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 0
    return body


def check_fields(answer: requests.Response, *fields: str) -> None:
    """Assert that the answer is a 422 whose `errors` name exactly these fields, each with a message."""
    errors = check_problem(answer, 422)["errors"]
    assert all(error["field"] and error["message"] for error in errors)
    named = {error["field"].split(".")[0].split("[")[0] for error in errors}
    assert named == set(fields), errors


def send_raw(url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are to the service at `url`; return status, headers (lower case) and body."""
    target = urlsplit(url)
    with socket.create_connection((str(target.hostname), int(target.port or 80)), timeout=10) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body
