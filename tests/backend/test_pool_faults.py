"""The connection pool: every connection killed at once is not noticed, and a full pool sheds and heals."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import requests

from tests.support.clients import Client, Json, ask_at_once, check_problem, register, sign_in
from tests.support.shelf import make_book
from tests.support.stacks import Stack, connect_to_mariadb, start_stack

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "2", "DB_POOL_SIZE": "4"}
NO_CACHE = {"Cache-Control": "no-cache"}
LATEST = 5.5  # seconds that no request may exceed


@pytest.fixture(scope="module")
def own(own_settings: dict[str, str]) -> Stack:
    """The stack of this module, whose books service has eight connections."""
    started = start_stack(own_settings)
    token = {"Authorization": f"Bearer {started['METRICS_TOKEN']}"}
    metrics = requests.get(f"{started['BOOKS_URL']}/metrics", headers=token, timeout=10).text
    assert 'pool_size="4"' in metrics and 'workers="2"' in metrics
    return started


@pytest.fixture
def shop(own: Stack) -> Iterator[Client]:
    """A signed-in client of the own stack's books service."""
    token = sign_in(own["AUTH_URL"], register(own["AUTH_URL"]))["access_token"]
    with Client(own["BOOKS_URL"], token) as client:
        yield client


@pytest.fixture
def book(shop: Client) -> Iterator[Json]:
    """A book of this test."""
    made = make_book()
    assert shop.post("/api/books", json=made).status_code == 201
    yield made
    assert shop.delete(f"/api/books/{made['isbn']}").status_code == 204


def read_fresh(shop: Client) -> requests.Response:
    """Read a book that MariaDB must be asked for."""
    return shop.get("/api/books/9780306406157", headers=NO_CACHE)


def kill_connections(own: Stack) -> int:
    """Kill every connection of the services to MariaDB and return how many there were."""
    with connect_to_mariadb(own) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
        found = [str(row[0]) for row in cursor.fetchall() if isinstance(row, tuple)]
        for each in found:
            cursor.execute("KILL CONNECTION %s", [int(each)])
    return len(found)


@pytest.mark.parametrize("at_once", [1, 8])
def test_no_request_notices_that_every_connection_was_killed(
    own: Stack, shop: Client, book: Json, at_once: int
) -> None:
    account = register(own["AUTH_URL"])
    login = {"username": account.username, "password": account.password}
    ask_at_once([partial(read_fresh, shop)] * 16)
    assert kill_connections(own) >= 2
    for number in range(20):
        answers = ask_at_once([partial(read_fresh, shop)] * at_once)
        assert {each.status_code for each in answers} <= {200, 404}
        assert shop.patch(f"/api/books/{book['isbn']}", json={"stock": number + 100}).status_code == 200
        assert requests.post(f"{own['AUTH_URL']}/login", json=login, timeout=10).status_code == 200


def ask_all_timed(calls: list[partial[requests.Response]]) -> list[requests.Response]:
    """Make all calls at once; assert that none took longer than any request may."""
    answers = ask_at_once(calls)
    assert max(each.elapsed.total_seconds() for each in answers) < LATEST
    return answers


def check_healthy(shop: Client, book: Json) -> None:
    """Assert that reads and writes are all good within a second."""
    started = time.monotonic()
    for number in range(5):
        assert shop.patch(f"/api/books/{book['isbn']}", json={"stock": number + 500}).status_code == 200
        assert {each.status_code for each in ask_at_once([partial(read_fresh, shop)] * 4)} <= {200, 404}
    assert time.monotonic() - started < 1


@contextmanager
def lock_row(own: Stack, isbn: str) -> Iterator[None]:
    """Hold the lock of a book's row, so that every writer of it keeps its connection waiting."""
    with connect_to_mariadb(own) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT stock FROM books WHERE isbn = %s FOR UPDATE", [isbn])
        assert len(cursor.fetchall()) == 1
        yield
        cursor.execute("ROLLBACK")


def test_writers_of_a_locked_book_get_503_and_the_pool_heals(own: Stack, shop: Client, book: Json) -> None:
    change = partial(shop.patch, f"/api/books/{book['isbn']}", json={"stock": 1})
    with lock_row(own, book["isbn"]):
        for answer in ask_all_timed([change] * 40):
            check_problem(answer, 503)
    check_healthy(shop, book)
    assert shop.get(f"/api/books/{book['isbn']}", headers=NO_CACHE).json()["stock"] != 1


def test_readers_and_service_pages_are_answered_in_time_while_the_pool_is_full(
    own: Stack, shop: Client, book: Json
) -> None:
    change = partial(shop.patch, f"/api/books/{book['isbn']}", json={"stock": 1})
    token = {"Authorization": f"Bearer {own['METRICS_TOKEN']}"}
    ask = partial(requests.get, headers=token, timeout=10)
    pages = [partial(ask, own["BOOKS_URL"] + path) for path in ("/health", "/metrics", "/ready")]
    with lock_row(own, book["isbn"]):
        answers = ask_all_timed([change] * 40 + [partial(read_fresh, shop)] * 20 + pages * 5)
    for answer in answers[40:60]:
        assert answer.status_code in (200, 404) or check_problem(answer, 503)
    assert [each.status_code for each in answers[60:]] == [200] * 15
    check_healthy(shop, book)
