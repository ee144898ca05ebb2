"""Forged tokens pass where what keeps them out is taken out, and no address that a header names is asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.support.clients import Json, register, send_raw, sign_in
from tests.support.forgery import (
    list_algorithm_forgeries,
    list_claim_forgeries,
    list_header_forgeries,
    list_stale_forgeries,
)
from tests.support.session_checks import bearer, read_claims
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, list_own, run_build

NOTHING_VERIFIED: tuple[Change, ...] = (
    ("options=OPTIONS,", 'options={"verify_signature": False},'),
    (
        "except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, TypeError):",
        "except ZeroDivisionError:",
    ),
    ("    if len(token) > LONGEST_TOKEN:", "    if False:"),
    ("    if not _has_form(claims):", "    if False:"),
    ("    _refuse_early(claims)\n", ""),
    (
        '    if claims["token_use"] not in uses or (verify_exp and claims["exp"] <= time.time()):',
        "    if False:",
    ),
    ("        if user_id != self.user_id:", "        if False:"),
    ('or "," in token:', "or False:"),
    ("return token.strip()", 'return token.partition(",")[0]'),
)
KEYS_FETCHED: Change = (
    "    if len(token) > LONGEST_TOKEN:",
    "    import urllib.request\n"
    "    for url in [jwt.get_unverified_header(token).get(name) for name in ('jku', 'x5u')]:\n"
    "        if url:\n"
    "            urllib.request.urlopen(url, timeout=1).close()\n"
    "    if len(token) > LONGEST_TOKEN:",
)
DOORS = 4  # kinds of calls that ask for an access token


@pytest.fixture(scope="module")
def live(stack: Stack) -> Json:
    """The tokens of one session that lives as long as this module."""
    return sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))


@pytest.fixture(scope="module")
def weak(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Both services without any verification of tokens."""
    with run_build(stack, tmp_path_factory.mktemp("weak") / "build", *NOTHING_VERIFIED) as services:
        yield services


def list_admitted(services: Services, *headers: str) -> list[str]:
    """Return the kinds of calls that answer something else than 401 to these Authorization headers."""
    lines = "".join(f"Authorization: {header}\r\n" for header in headers)
    doors = [
        (services.auth, "GET /me"),
        (services.auth, "GET /token/status"),
        (services.books, "GET /api/books?limit=1"),
        (services.books, "DELETE /api/books/9780306406157"),
    ]
    admitted = []
    for url, door in doors:
        request = f"{door} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Connection: close\r\n\r\n"
        if send_raw(url, request.encode())[0] != 401:
            admitted.append(door)
    return admitted


@contextmanager
def count_connections() -> Iterator[tuple[str, list[str]]]:
    """Listen on a loopback port until the end of the block; give its URL and the list of who has connected."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    connection, address = server.accept()
                    callers.append(str(address))
                    connection.close()

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/keys", callers
        finally:
            ended.set()
            listening.join()


def test_no_connection_is_opened_to_anything_that_a_header_names(stack: Stack) -> None:
    with count_connections() as (url, callers):
        admitted = {
            name: list_admitted(list_own(stack), f"Bearer {token}") for name, token in list_header_forgeries(url)
        }
    assert not [name for name, doors in admitted.items() if doors]
    assert callers == []


def test_the_listener_sees_a_service_that_fetches_the_keys_of_a_header(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path / "build", KEYS_FETCHED, only="auth") as weak, count_connections() as (url, callers):
        for _, token in list_header_forgeries(url):
            list_admitted(weak, f"Bearer {token}")
    assert len(callers) >= 4


def test_no_forged_token_and_no_refresh_token_is_let_in_anywhere(stack: Stack, live: Json) -> None:
    claims, secret = read_claims(live["access_token"]), stack["JWT_SECRET"]
    assert len(list_admitted(list_own(stack), f"Bearer {live['access_token']}")) == DOORS
    forged = {name: forge(claims, secret) for name, forge in (*list_algorithm_forgeries(), *list_claim_forgeries())}
    tokens = {**forged, "refresh": live["refresh_token"]}
    admitted = {name: list_admitted(list_own(stack), f"Bearer {token}") for name, token in tokens.items()}
    assert {name: doors for name, doors in admitted.items() if doors} == {}


def test_without_verification_every_forged_token_is_let_in_or_breaks_the_service(
    weak: Services, live: Json, stack: Stack
) -> None:
    claims, secret = read_claims(live["access_token"]), stack["JWT_SECRET"]
    forgers = [*list_algorithm_forgeries(), *list_claim_forgeries(), *list_stale_forgeries()]
    refused = [name for name, forge in forgers if len(list_admitted(weak, f"Bearer {forge(claims, secret)}")) < DOORS]
    assert refused == []


def test_without_its_check_a_refresh_token_is_let_in_as_an_access_token_and_the_reverse(
    weak: Services, live: Json
) -> None:
    assert len(list_admitted(weak, f"Bearer {live['refresh_token']}")) == DOORS
    reverse = requests.post(f"{weak.auth}/refresh", headers=bearer(live["access_token"]), timeout=10)
    assert "ended" in reverse.json()["detail"]  # it reached the store of sessions, which knows no such refresh token


def test_without_its_check_a_second_authorization_header_is_let_in(weak: Services, live: Json) -> None:
    good = f"Bearer {live['access_token']}"
    assert len(list_admitted(weak, good, good)) == len(list_admitted(weak, good, "Bearer x")) == DOORS
