"""Events of the outbox: leftovers are brought in, old ones change nothing, and nothing that was applied piles up."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.altered_services import copy_services, run_in_place_of_own
from tests.support.beside import repeat_beside
from tests.support.clients import Client, Json, check_problem
from tests.support.projector_runs import check_verified
from tests.support.read_models import (
    STALE_S,
    bound,
    connect_to_redis,
    count_outbox,
    find_generation,
    read_both_ways,
    read_metric,
    read_version,
    wait_until,
    wait_until_projected,
)
from tests.support.shelf import make_book
from tests.support.stacks import Stack, connect_to_mariadb

LONGEST_TOMBSTONE_S = 3600


@pytest.fixture
def book(model_books: Client) -> Iterator[Json]:
    """A book in the catalogue."""
    made = make_book(genre=f"Genre {secrets.token_hex(8)}")
    assert model_books.post("/api/books", json=made).status_code == 201
    yield made
    model_books.delete(f"/api/books/{made['isbn']}")


def count_in_genre(books: Client, genre: str) -> int:
    """Return how many books of that genre a list tells of."""
    return int(books.get("/api/books", params={"genre": genre}).json()["total"])


def execute(stack: Stack, *statements: tuple[str, list[Any]]) -> None:
    """Run statements in one transaction, past the services."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        for statement, values in statements:
            cursor.execute(statement, values)
        cursor.execute("COMMIT")


def put_event(isbn: str, version: int, book: Json | None) -> tuple[str, list[Any]]:
    """Return the statement that puts an event into the outbox: the book as it is then, None for a deletion."""
    text = None if book is None else json.dumps({**book, "version": version}, separators=(",", ":"))
    return "INSERT INTO outbox (isbn, version, book) VALUES (%s, %s, %s)", [isbn, version, text]


def test_a_change_whose_command_ended_before_it_was_applied_is_brought_in(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    path, isbn = f"/api/books/{book['isbn']}", book["isbn"]
    change = ("UPDATE books SET stock = 77, version = 2 WHERE isbn = %s", [isbn])
    execute(model_stack, change, put_event(isbn, 2, {**book, "stock": 77}))
    wait_until(lambda: model_books.get(path).json()["stock"] == 77, STALE_S, "the change is seen")
    assert read_both_ways(model_books, path).json() == {**book, "stock": 77, "version": 2}
    gone = ("DELETE FROM books WHERE isbn = %s", [isbn])
    execute(
        model_stack,
        gone,
        ("INSERT INTO deleted_books (isbn, version) VALUES (%s, 2)", [isbn]),
        put_event(isbn, 2, None),
    )
    wait_until(lambda: model_books.get(path).status_code == 404, STALE_S, "the deletion is seen")
    assert count_in_genre(model_books, book["genre"]) == 0
    check_verified(model_stack)


def replay(stack: Stack, *events: tuple[str, list[Any]]) -> None:
    """Put events into the outbox again and wait until the projector has taken them out."""
    execute(stack, *events)
    wait_until_projected(stack)


def test_old_events_of_a_changed_book_change_nothing(model_stack: Stack, model_books: Client, book: Json) -> None:
    path, isbn = f"/api/books/{book['isbn']}", book["isbn"]
    for number in (2, 3, 4):
        model_books.patch(path, json={"stock": number * 10, "genre": f"{book['genre']} {number}"})
    before, version = model_books.get(path).content, read_version(model_books.get(path))
    old = [
        put_event(isbn, number, {**book, "stock": number * 10, "genre": f"{book['genre']} {number}"})
        for number in (1, 3, 4)
    ]
    replay(model_stack, *old, put_event(isbn, 3, None), *reversed(old))
    assert read_both_ways(model_books, path).content == before
    assert read_version(model_books.get(path)) == version
    assert count_in_genre(model_books, f"{book['genre']} 3") == 0


def test_old_events_of_a_deleted_book_do_not_bring_it_back(model_stack: Stack, model_books: Client, book: Json) -> None:
    path, isbn = f"/api/books/{book['isbn']}", book["isbn"]
    assert model_books.patch(path, json={"stock": 20}).json()["version"] == 2
    assert model_books.delete(path).status_code == 204
    replay(model_stack, put_event(isbn, 1, book), put_event(isbn, 2, {**book, "stock": 20}))
    check_problem(read_both_ways(model_books, path), 404)
    assert count_in_genre(model_books, book["genre"]) == 0
    check_verified(model_stack)


def test_the_old_deletion_of_a_book_that_is_there_again_changes_nothing(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    path, isbn = f"/api/books/{book['isbn']}", book["isbn"]
    assert model_books.delete(path).status_code == 204
    assert model_books.post("/api/books", json=book).json() == {"isbn": isbn, "version": 2}
    replay(model_stack, put_event(isbn, 1, None), put_event(isbn, 1, book))
    assert read_both_ways(model_books, path).json() == {**book, "version": 2}
    assert model_books.patch(path, json={"stock": 1}).json()["version"] == 3


def test_nothing_that_was_applied_stays_in_the_outbox(model_stack: Stack, model_books: Client, book: Json) -> None:
    for number in range(250):
        assert model_books.patch(f"/api/books/{book['isbn']}", json={"stock": number + 100}).status_code == 200
    wait_until(lambda: count_outbox(model_stack) == 0, STALE_S, "the outbox is empty")


def test_the_mark_of_a_deleted_book_stays_for_an_hour_and_goes_then(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    old, young = book["isbn"], make_book()["isbn"]
    assert model_books.post("/api/books", json={**book, "isbn": young}).status_code == 201
    for isbn in (old, young):
        assert model_books.delete(f"/api/books/{isbn}").status_code == 204
    with connect_to_redis(model_stack) as store:
        prefix = find_generation(store)
        now, _ = store.time()
        for isbn in (old, young):
            assert abs(now - store.zscore(f"{prefix}deleted", isbn)) < 60
        store.zadd(f"{prefix}deleted", {young: now - LONGEST_TOMBSTONE_S + 60, old: now - LONGEST_TOMBSTONE_S - 1})
        wait_until(lambda: store.zscore(f"{prefix}deleted", old) is None, bound(5), "the old mark is gone")
        assert [store.hexists(f"{prefix}places", isbn) for isbn in (old, young)] == [False, True]
        assert store.zscore(f"{prefix}deleted", young) is not None
        assert find_generation(store) == prefix  # nothing was taken for a loss
    check_verified(model_stack)


def forget_deletion(stack: Stack, isbn: str) -> None:
    """Wait until the read model has forgotten a deletion, as after an hour."""
    with connect_to_redis(stack) as store:
        prefix = find_generation(store)
        store.zadd(f"{prefix}deleted", {isbn: store.time()[0] - LONGEST_TOMBSTONE_S - 1})
        wait_until(lambda: store.zscore(f"{prefix}deleted", isbn) is None, bound(5), "the mark is gone")


def test_an_event_older_than_the_mark_of_a_deleted_book_does_not_bring_it_back(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    path, isbn = f"/api/books/{book['isbn']}", book["isbn"]
    assert model_books.patch(path, json={"stock": 20}).json()["version"] == 2
    assert model_books.delete(path).status_code == 204
    forget_deletion(model_stack, isbn)
    replay(model_stack, put_event(isbn, 2, {**book, "stock": 20}))
    check_problem(read_both_ways(model_books, path), 404)
    assert model_books.post("/api/books", json=book).json() == {"isbn": isbn, "version": 3}
    assert read_both_ways(model_books, path).json() == {**book, "version": 3}
    check_verified(model_stack)


def test_what_every_reader_sees_by_now_is_no_backlog(model_stack: Stack, model_books: Client, book: Json) -> None:
    wait_until_projected(model_stack)
    told: list[tuple[float, float]] = []

    def look() -> None:
        names = ("read_model_lag_seconds", "outbox_pending")
        lag, pending = [read_metric(model_stack, model_stack["BOOKS_URL"], name) for name in names]
        told.append((lag, pending))

    look_again = time.monotonic() + 2
    with repeat_beside(look):
        while time.monotonic() < look_again:
            stock = time.monotonic_ns() % 10**6
            assert model_books.patch(f"/api/books/{book['isbn']}", json={"stock": stock}).status_code == 200
            assert model_books.get(f"/api/books/{book['isbn']}").json()["stock"] == stock
    assert len(told) > 5
    assert max(lag for lag, _ in told) < bound(0.1)
    assert max(pending for _, pending in told) <= 1  # that which is being written


def test_idempotency_keys_are_deleted_after_a_day(model_stack: Stack, model_books: Client) -> None:
    keys = {age: f"{age}-{secrets.token_hex(8)}" for age in (23, 25)}
    many = f"many-{secrets.token_hex(8)}"
    for age, key in keys.items():
        body = make_book()
        assert model_books.post("/api/books", json=body, headers={"Idempotency-Key": key}).status_code == 201
        execute(
            model_stack,
            (
                "UPDATE idempotency_keys SET created_at = NOW() - INTERVAL %s HOUR WHERE idempotency_key = %s",
                [age, key],
            ),
        )
    execute(
        model_stack,
        (
            "INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest, created_at)"
            " SELECT 1, CONCAT(%s, seq), REPEAT('x', 32), NOW() - INTERVAL 3 DAY FROM seq_1_to_1000",
            [many],
        ),
    )

    def list_kept() -> list[str]:
        with connect_to_mariadb(model_stack) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT idempotency_key FROM idempotency_keys")
            return [str(row[0]) for row in cursor.fetchall() if isinstance(row, tuple)]

    wait_until(lambda: keys[25] not in list_kept(), bound(10), "the old key is gone")
    wait_until(lambda: not [key for key in list_kept() if key.startswith(many)], bound(10), "all old keys are gone")
    assert keys[23] in list_kept()


ASKED_IN_MARIADB = "IF(d.version >= o.version, NULL, o.book)"


def leave_out(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_without_asking_mariadb_an_event_older_than_the_mark_would_bring_a_deleted_book_back(
    model_settings: dict[str, str], model_stack: Stack, token: str, book: Json, tmp_path: Path
) -> None:
    altered = copy_services(tmp_path, "backend/read_model/outbox.py", ASKED_IN_MARIADB, "o.book")
    with (
        run_in_place_of_own(model_settings, tmp_path / "books.log", folder=altered) as service,
        Client(service.url, token) as client,
    ):
        assert client.delete(f"/api/books/{book['isbn']}").status_code == 204
        forget_deletion(model_stack, book["isbn"])
        replay(model_stack, put_event(book["isbn"], 1, book))
        assert client.get(f"/api/books/{book['isbn']}").status_code == 200


def test_without_the_mark_an_old_event_would_bring_a_deleted_book_back(
    model_settings: dict[str, str], model_stack: Stack, token: str, book: Json, tmp_path: Path
) -> None:
    known, path = "if known and", f"/api/books/{book['isbn']}"
    altered = copy_services(tmp_path, "backend/read_model/projection.py", known, "if #old > 1 and")
    leave_out(altered / "backend/read_model/outbox.py", ASKED_IN_MARIADB, "o.book")
    with (
        run_in_place_of_own(model_settings, tmp_path / "books.log", folder=altered) as service,
        Client(service.url, token) as client,
    ):
        assert client.delete(path).status_code == 204
        replay(model_stack, put_event(book["isbn"], 1, book))
        assert client.get(path).status_code == 200
