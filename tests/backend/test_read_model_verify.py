"""What was written past the read model is found and named, book by book and index by index, and a rebuild mends it."""

from collections.abc import Iterator

import pytest
import redis

from tests.support.clients import Client, Json, check_problem
from tests.support.projector_runs import check_verified, find_isbns, run_projector
from tests.support.read_models import (
    NO_CACHE,
    connect_to_redis,
    find_generation,
    read_both_ways,
    read_version,
    wait_until_projected,
)
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import Stack, connect_to_mariadb

INDEXES = ["all", "author", "genre", "format", "genre+format"]


@pytest.fixture
def book(model_books: Client) -> Iterator[Json]:
    """A book in the catalogue."""
    made = make_book()
    assert model_books.post("/api/books", json=made).status_code == 201
    yield made
    model_books.delete(f"/api/books/{made['isbn']}")


def test_no_cache_shows_what_the_read_model_does_not_know_and_verify_names_it(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    check_verified(model_stack)
    path = f"/api/books/{book['isbn']}"
    with connect_to_mariadb(model_stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE books SET stock = 4321 WHERE isbn = %s", [book["isbn"]])
    assert model_books.get(path).json()["stock"] == book["stock"]
    fresh = model_books.get(path, headers=NO_CACHE)
    assert (fresh.json()["stock"], read_version(fresh)) == (4321, None)
    code, output, _ = run_projector(model_stack, "verify")
    assert (code, find_isbns(output)) == (1, {book["isbn"]})
    code, output, errors = run_projector(model_stack, "rebuild")
    assert code == 0, errors
    assert read_both_ways(model_books, path).json()["stock"] == 4321
    assert run_projector(model_stack, "verify")[0] == 0


def copy_book(stack: Stack, isbn: str, new: str) -> None:
    """Write a copy of a book into MariaDB, past the services."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO books (isbn, title, title_key, year, price, stock, genre_id, format_id, version)"
            " SELECT %s, title, title_key, year, price, stock, genre_id, format_id, version FROM books WHERE isbn = %s",
            [new, isbn],
        )
        cursor.execute(
            "INSERT INTO book_authors (isbn, position, author_id)"
            " SELECT %s, position, author_id FROM book_authors WHERE isbn = %s",
            [new, isbn],
        )


def damage_index(store: redis.Redis, isbn: str, kind: str, *, take_out: bool) -> None:
    """Take a book out of the index of that kind that it stands in, or put it there at a second place, in such a way
    that the number of entries is the one that the services expect.
    """
    prefix = find_generation(store)
    _, key, *indexes = str(store.hget(prefix + "places", isbn)).split("\0")
    (name,) = [index for index in indexes if index.partition(":")[0] == kind][:1]
    if take_out:
        assert store.zrem(prefix + name, f"{key}\0{isbn}") == 1
    else:
        assert store.zadd(prefix + name, {f"another {key}\0{isbn}": 0}) == 1
    store.hincrby(prefix + "counts", name, -1 if take_out else 1)


def test_verify_names_what_is_missing_what_is_too_much_and_what_stands_wrongly_in_an_index(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    gone, new = model_books.get("/api/books?limit=1").json()["items"][0]["isbn"], make_isbn()
    damages = [(kind, take_out) for kind in INDEXES for take_out in (True, False)]
    misplaced = [make_book() for _ in damages]
    for each in misplaced:
        assert model_books.post("/api/books", json=each).status_code == 201
    wait_until_projected(model_stack)
    copy_book(model_stack, book["isbn"], new)
    with connect_to_mariadb(model_stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM books WHERE isbn = %s", [gone])
    with connect_to_redis(model_stack) as store:
        for each, (kind, take_out) in zip(misplaced, damages, strict=True):
            damage_index(store, each["isbn"], kind, take_out=take_out)
    code, output, _ = run_projector(model_stack, "verify")
    assert (code, find_isbns(output)) == (1, {gone, new, *(each["isbn"] for each in misplaced)})
    assert run_projector(model_stack, "rebuild")[0] == 0
    check_problem(read_both_ways(model_books, f"/api/books/{gone}"), 404)
    assert read_both_ways(model_books, f"/api/books/{new}").status_code == 200
    assert run_projector(model_stack, "verify")[0] == 0
