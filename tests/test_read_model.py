"""The read model under ordinary use: own writes are read at once, and what was written past it is found and mended."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from books_services import run_books_service
from clients import Client, Json, check_problem
from projector_runs import check_verified, find_isbns, run_projector
from read_models import (
    NO_CACHE,
    STALE_S,
    connect_to_redis,
    read_both_ways,
    read_version,
    wait_until,
    wait_until_projected,
)
from shelf import make_book, make_isbn
from stacks import Stack, connect_to_mariadb

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "4", "READ_MODEL": "redis"}


@pytest.fixture
def readers(own_books: Client) -> Iterator[list[Client]]:
    """Clients with connections of their own, which the workers share out among them."""
    token = str(own_books.headers["Authorization"]).removeprefix("Bearer ")
    clients = [Client(own_books.url, token) for _ in range(8)]
    yield clients
    for each in clients:
        each.close()


@pytest.fixture
def book(own_books: Client) -> Iterator[Json]:
    """A book in the catalogue."""
    made = make_book()
    assert own_books.post("/api/books", json=made).status_code == 201
    yield made
    own_books.delete(f"/api/books/{made['isbn']}")


def check_seen(reader: Client, book: Json, version: int | None) -> None:
    """Assert that a client sees the book in this version, or None, by its ISBN and in lists, in the read model."""
    one = reader.get(f"/api/books/{book['isbn']}")
    page = reader.get("/api/books", params={"author": book["authors"][0], "genre": book["genre"]})
    assert read_version(page) is not None
    if version is None:
        check_problem(one, 404)
        assert page.json() == {"items": [], "next": None, "total": 0}
    else:
        assert (one.status_code, one.json()) == (200, {**book, "version": version})
        assert page.json() == {"items": [one.json()], "next": None, "total": 1}


def test_what_one_client_has_written_every_other_reads_at_once(own_books: Client, readers: list[Client]) -> None:
    path, version = f"/api/books/{make_isbn()}", 0
    for number in range(200):
        reader = readers[number % len(readers)]
        book = make_book(isbn=path[-13:], authors=[f"Author {number}"], genre=f"Genre {number}")
        if number % 4 == 0:
            version += 1
            assert own_books.post("/api/books", json=book).json()["version"] == version
        elif number % 4 == 3:
            assert own_books.delete(path).status_code == 204
            check_seen(reader, book, None)
            continue
        else:
            version += 1
            answer = own_books.patch(path, json={name: book[name] for name in book if name != "isbn"})
            assert answer.json()["version"] == version
        check_seen(reader, book, version)


def test_the_catalogue_version_rises_with_each_write_and_stays_without_one(
    own_books: Client, readers: list[Client], book: Json
) -> None:
    path = f"/api/books/{book['isbn']}"
    before = read_version(own_books.get(path))
    for number in range(50):
        reader = readers[number % len(readers)]
        again = read_version(reader.get("/api/books?limit=1"))
        assert own_books.patch(path, json={"stock": number + 100}).status_code == 200
        after = read_version(reader.get(path))
        assert before is not None and again is not None and after is not None
        assert before == again < after
        before = after
    tag = {"If-None-Match": own_books.get(path).headers["ETag"]}
    unchanged = own_books.get(path, headers=tag)
    assert (unchanged.status_code, read_version(unchanged)) == (304, before)


def test_no_cache_shows_what_the_read_model_does_not_know_and_verify_names_it(
    own_stack: Stack, own_books: Client, book: Json
) -> None:
    check_verified(own_stack)
    path = f"/api/books/{book['isbn']}"
    with connect_to_mariadb(own_stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE books SET stock = 4321 WHERE isbn = %s", [book["isbn"]])
    assert own_books.get(path).json()["stock"] == book["stock"]
    fresh = own_books.get(path, headers=NO_CACHE)
    assert (fresh.json()["stock"], read_version(fresh)) == (4321, None)
    code, output, _ = run_projector(own_stack, "verify")
    assert (code, find_isbns(output)) == (1, {book["isbn"]})
    code, output, errors = run_projector(own_stack, "rebuild")
    assert code == 0, errors
    assert read_both_ways(own_books, path).json()["stock"] == 4321
    assert run_projector(own_stack, "verify")[0] == 0


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


def test_verify_names_what_is_missing_and_what_is_too_much(own_stack: Stack, own_books: Client, book: Json) -> None:
    gone = own_books.get("/api/books?limit=1").json()["items"][0]["isbn"]
    new = make_isbn()
    copy_book(own_stack, book["isbn"], new)
    with connect_to_mariadb(own_stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM books WHERE isbn = %s", [gone])
    code, output, _ = run_projector(own_stack, "verify")
    assert (code, find_isbns(output)) == (1, {gone, new})
    assert run_projector(own_stack, "rebuild")[0] == 0
    check_problem(read_both_ways(own_books, f"/api/books/{gone}"), 404)
    assert read_both_ways(own_books, f"/api/books/{new}").status_code == 200
    assert run_projector(own_stack, "verify")[0] == 0


def test_verify_names_each_book_that_stands_wrongly_in_an_index(own_stack: Stack, own_books: Client) -> None:
    kinds = ["all", "author:", "genre:", "format:", "genre+format:"]
    books = [make_book() for _ in range(2 * len(kinds))]
    for each in books:
        assert own_books.post("/api/books", json=each).status_code == 201
    with connect_to_redis(own_stack) as store:
        prefix = f"catalogue:{store.hget('catalogue', 'generation')}:"
        for place, each in enumerate(books):
            _, key, *indexes = str(store.hget(prefix + "places", each["isbn"])).split("\0")
            (name, *_) = [index for index in indexes if index.startswith(kinds[place // 2])]
            if place % 2:
                assert store.zrem(prefix + name, f"{key}\0{each['isbn']}") == 1
            else:
                assert store.zadd(prefix + name, {f"another {key}\0{each['isbn']}": 0}) == 1
    code, output, _ = run_projector(own_stack, "verify")
    assert (code, find_isbns(output)) == (1, {each["isbn"] for each in books})
    assert run_projector(own_stack, "rebuild")[0] == 0
    assert run_projector(own_stack, "verify")[0] == 0


def test_what_a_service_without_the_read_model_writes_is_brought_into_it(
    own_stack: Stack, own_books: Client, tmp_path: Path
) -> None:
    book = make_book()
    path = f"/api/books/{book['isbn']}"
    token = str(own_books.headers["Authorization"]).removeprefix("Bearer ")
    with (
        run_books_service(own_stack, tmp_path / "books.log", READ_MODEL="sql") as service,
        Client(service.url, token) as other,
    ):
        assert other.post("/api/books", json=book).status_code == 201
        assert other.get(path).json() == {**book, "version": 1}
        wait_until(lambda: own_books.get(path).status_code == 200, STALE_S, "the new book is seen")
        assert other.patch(path, json={"stock": 9}).json()["version"] == 2
        wait_until(lambda: own_books.get(path).json()["stock"] == 9, STALE_S, "the change is seen")
        assert other.delete(path).status_code == 204
        wait_until(lambda: own_books.get(path).status_code == 404, STALE_S, "the book is gone")
    check_verified(own_stack)


def test_status_says_what_stands(own_stack: Stack, own_books: Client) -> None:
    wait_until_projected(own_stack)
    code, output, _ = run_projector(own_stack, "status")
    generation, changes = read_version(own_books.get("/api/books")) or (0, 0)
    assert code == 0
    assert f"{generation}-{changes}" in output
    total = own_books.get("/api/books?limit=1").json()["total"]
    assert str(total) in output.replace(",", "")


@pytest.mark.parametrize("arguments", [[], ["mend"], ["verify", "rebuild"]])
def test_a_wrong_command_is_told_the_right_ones(own_stack: Stack, arguments: list[str]) -> None:
    code, _, errors = run_projector(own_stack, *arguments)
    assert code == 64
    assert re.search(r"usage: .*rebuild\|verify\|status", errors)
