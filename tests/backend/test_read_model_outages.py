"""The read model while a store is away: queries go on without MariaDB, and what Redis missed is told and brought in."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.books_services import run_books_service
from tests.support.clients import Client, Json, check_problem, register, sign_in
from tests.support.outages import freeze, kill, wait_until_ready
from tests.support.projector_runs import check_verified
from tests.support.read_models import (
    NO_CACHE,
    STALE_S,
    bound,
    count_outbox,
    read_both_ways,
    read_metric,
    read_version,
    wait_until,
    wait_until_projected,
    wait_until_standing,
)
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import Stack, connect_to_mariadb, start_stack

SEEN_S = bound(2)  # a gauge tells what the last pass of the projector saw


@pytest.fixture
def own(model_settings: dict[str, str]) -> Stack:
    """The stack of this module, whole again at the start of each test."""
    return start_stack(model_settings)


@pytest.fixture
def shop(own: Stack) -> Iterator[Client]:
    """A client of the own stack's books service in a new session; its read model stands."""
    token = sign_in(own["AUTH_URL"], register(own["AUTH_URL"]))["access_token"]
    with Client(own["BOOKS_URL"], token) as client:
        wait_until_standing(client)
        yield client


@pytest.fixture
def book(shop: Client) -> Json:
    """A book of this test."""
    made = make_book(genre=f"Genre {make_isbn()}")
    assert shop.post("/api/books", json=made).status_code == 201
    return made


def list_queries(book: Json) -> list[tuple[str, dict[str, str]]]:
    """Return a path and query of each kind that a read model can be asked."""
    one: list[tuple[str, dict[str, str]]] = [(f"/api/books/{book['isbn']}", {}), ("/api/books/9780307474728", {})]
    names = {"author": book["authors"][0], "genre": book["genre"], "format": book["format"]}
    chosen = [{name: names[name]} for name in names] + [names, {"limit": "100"}, {"author": "Nobody at all"}, {}]
    return one + [("/api/books", query) for query in chosen]


def ask_all(shop: Client, book: Json) -> list[bytes]:
    """Ask every kind of query; assert that the read model answered, and return the answers."""
    contents = []
    for path, query in list_queries(book):
        answer = shop.get(path, params=query)
        assert answer.status_code == 200, (path, query, answer.text)
        assert read_version(answer) is not None, (path, query)
        unchanged = shop.get(path, params=query, headers={"If-None-Match": answer.headers["ETag"]})
        assert (unchanged.status_code, read_version(unchanged)) == (304, read_version(answer))
        contents.append(answer.content)
    check_problem(shop.get(f"/api/books/{make_isbn()}"), 404)
    return contents


def check_mariadb_is_missed(shop: Client, book: Json) -> None:
    """Assert that a command, and queries that ask for MariaDB, get 503."""
    path = f"/api/books/{book['isbn']}"
    check_problem(shop.patch(path, json={"stock": 1}), 503)
    for query in (path, "/api/books", f"/api/books?genre={book['genre']}"):
        check_problem(shop.get(query, headers=NO_CACHE), 503)


def test_queries_go_on_while_mariadb_is_frozen(own: Stack, shop: Client, book: Json) -> None:
    before, misses = ask_all(shop, book), read_metric(own, own["BOOKS_URL"], "read_model_misses_total")
    with freeze(own["DB_PID"]):
        for _ in range(20):
            assert ask_all(shop, book) == before
        check_mariadb_is_missed(shop, book)
        assert ask_all(shop, book) == before
        assert read_metric(own, own["BOOKS_URL"], "read_model_misses_total") == misses
    wait_until(lambda: shop.patch(f"/api/books/{book['isbn']}", json={"stock": 5}).ok, bound(5), "commands work again")
    assert read_both_ways(shop, f"/api/books/{book['isbn']}").json()["stock"] == 5
    check_verified(own)


def test_queries_go_on_while_mariadb_is_away(
    own: Stack, model_settings: dict[str, str], shop: Client, book: Json, tmp_path: Path
) -> None:
    before = ask_all(shop, book)
    token = str(shop.headers["Authorization"]).removeprefix("Bearer ")
    with (
        run_books_service(own, tmp_path / "books.log", READ_MODEL="sql") as service,
        Client(service.url, token) as control,
    ):
        kill(own["DB_PID"])
        for _ in range(10):
            assert ask_all(shop, book) == before
        check_mariadb_is_missed(shop, book)
        for path, query in list_queries(book):
            check_problem(control.get(path, params=query), 503)
    start_stack(model_settings)
    wait_until(lambda: shop.patch(f"/api/books/{book['isbn']}", json={"stock": 5}).ok, bound(5), "commands work again")
    check_verified(own)


def put_change_into_mariadb(own: Stack, book: Json) -> None:
    """Write the rows of a change and its event, as a command does that cannot reach Redis afterwards."""
    with connect_to_mariadb(own) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("UPDATE books SET stock = 77, version = 2 WHERE isbn = %s", [book["isbn"]])
        cursor.execute(
            "INSERT INTO outbox (isbn, version, book) SELECT %s, 2, %s",
            [book["isbn"], json.dumps({**book, "stock": 77, "version": 2}, separators=(",", ":"))],
        )
        cursor.execute("COMMIT")


def read_backlog(own: Stack) -> tuple[float, float]:
    """Return what the metrics tell of the outbox: how many events wait, and for how long the oldest."""
    pending, lag = [read_metric(own, own["BOOKS_URL"], name) for name in ("outbox_pending", "read_model_lag_seconds")]
    return pending, lag


def test_the_backlog_is_told_while_redis_is_frozen_and_worked_off_afterwards(
    own: Stack, shop: Client, book: Json
) -> None:
    wait_until_projected(own)
    wait_until(lambda: read_backlog(own) == (0, 0), SEEN_S, "no backlog is told")
    with freeze(own["REDIS_PID"]):
        put_change_into_mariadb(own, book)
        started = time.monotonic()
        wait_until(lambda: read_backlog(own)[0] == 1, SEEN_S, "the event is told")
        wait_until(lambda: read_backlog(own)[1] >= 3, 3 + SEEN_S, "the age of the event is told")
        assert read_backlog(own)[1] <= time.monotonic() - started + 1
        assert count_outbox(own) == 1
    wait_until(lambda: read_backlog(own) == (0, 0), STALE_S + SEEN_S, "the backlog is gone")
    wait_until_ready(own["BOOKS_URL"], 5)
    assert read_both_ways(shop, f"/api/books/{book['isbn']}").json()["stock"] == 77
    check_verified(own)
