"""The read model under ordinary use: what was written is read at once, by everybody, and its state can be asked for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.books_services import run_books_service
from tests.support.clients import Client, Json, check_problem
from tests.support.projector_runs import check_verified, run_projector
from tests.support.read_models import (
    STALE_S,
    read_version,
    wait_until,
    wait_until_projected,
)
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import Stack


@pytest.fixture
def readers(model_books: Client, token: str) -> Iterator[list[Client]]:
    """Clients with connections of their own, which the workers share out among them."""
    clients = [Client(model_books.url, token) for _ in range(8)]
    yield clients
    for each in clients:
        each.close()


@pytest.fixture
def book(model_books: Client) -> Iterator[Json]:
    """A book in the catalogue."""
    made = make_book()
    assert model_books.post("/api/books", json=made).status_code == 201
    yield made
    model_books.delete(f"/api/books/{made['isbn']}")


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


def test_what_one_client_has_written_every_other_reads_at_once(model_books: Client, readers: list[Client]) -> None:
    path, version = f"/api/books/{make_isbn()}", 0
    for number in range(200):
        reader = readers[number % len(readers)]
        book = make_book(isbn=path[-13:], authors=[f"Author {number}"], genre=f"Genre {number}")
        if number % 4 == 0:
            version += 1
            assert model_books.post("/api/books", json=book).json()["version"] == version
        elif number % 4 == 3:
            assert model_books.delete(path).status_code == 204
            check_seen(reader, book, None)
            continue
        else:
            version += 1
            answer = model_books.patch(path, json={name: book[name] for name in book if name != "isbn"})
            assert answer.json()["version"] == version
        check_seen(reader, book, version)


def test_the_catalogue_version_rises_with_each_write_and_stays_without_one(
    model_books: Client, readers: list[Client], book: Json
) -> None:
    path = f"/api/books/{book['isbn']}"
    before = read_version(model_books.get(path))
    for number in range(50):
        reader = readers[number % len(readers)]
        again = read_version(reader.get("/api/books?limit=1"))
        assert model_books.patch(path, json={"stock": number + 100}).status_code == 200
        after = read_version(reader.get(path))
        assert before is not None and again is not None and after is not None
        assert before == again < after
        before = after
    tag = {"If-None-Match": model_books.get(path).headers["ETag"]}
    unchanged = model_books.get(path, headers=tag)
    assert (unchanged.status_code, read_version(unchanged)) == (304, before)


def test_what_a_service_without_the_read_model_writes_is_brought_into_it(
    model_stack: Stack, model_books: Client, token: str, tmp_path: Path
) -> None:
    book = make_book()
    path = f"/api/books/{book['isbn']}"
    with (
        run_books_service(model_stack, tmp_path / "books.log", READ_MODEL="sql") as service,
        Client(service.url, token) as other,
    ):
        assert other.post("/api/books", json=book).status_code == 201
        assert other.get(path).json() == {**book, "version": 1}
        wait_until(lambda: model_books.get(path).status_code == 200, STALE_S, "the new book is seen")
        assert other.patch(path, json={"stock": 9}).json()["version"] == 2
        wait_until(lambda: model_books.get(path).json()["stock"] == 9, STALE_S, "the change is seen")
        assert other.delete(path).status_code == 204
        wait_until(lambda: model_books.get(path).status_code == 404, STALE_S, "the book is gone")
    check_verified(model_stack)


def test_status_says_what_stands(model_stack: Stack, model_books: Client) -> None:
    wait_until_projected(model_stack)
    code, output, _ = run_projector(model_stack, "status")
    generation, changes = read_version(model_books.get("/api/books")) or (0, 0)
    assert code == 0
    assert f"{generation}-{changes}" in output
    total = model_books.get("/api/books?limit=1").json()["total"]
    assert str(total) in output.replace(",", "")


@pytest.mark.parametrize("arguments", [[], ["verify", "rebuild"]])
def test_a_wrong_command_is_told_the_right_ones(model_stack: Stack, arguments: list[str]) -> None:
    code, _, errors = run_projector(model_stack, *arguments)
    assert code == 64
    assert re.search(r"usage: .*rebuild\|verify\|status", errors)
