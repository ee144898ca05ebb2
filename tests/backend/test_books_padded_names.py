"""A database whose tables take two names for one is told of at the start, answers no 500, and is mended by init.sql."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.books_services import BooksService, run_books_service
from tests.support.clients import Client, check_problem
from tests.support.shelf import make_book
from tests.support.stacks import PROJECT, Stack, run_as_administrator

DATABASE = "Older"


def schema() -> bytes:
    """Return init.sql for a database of another name."""
    return (PROJECT / "init.sql").read_bytes().replace(b"Libros", DATABASE.encode())


@pytest.fixture
def older(model_stack: Stack, model_settings: dict[str, str], token: str) -> Iterator[dict[str, str]]:
    """Settings for a service on a database with a collation that pads, and on a part of Redis with the same session."""
    run_as_administrator(model_settings, schema().replace(b"utf8mb4_nopad_bin", b"utf8mb4_bin"))
    for host in ("127.0.0.1", "localhost"):
        run_as_administrator(
            model_settings, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO 'libros'@'{host}'".encode()
        )
    with redis.Redis.from_url(model_stack["REDIS_URL"]) as store:
        for key in store.scan_iter("session*"):
            store.copy(key, key, destination_db=1)
    yield {"DB_NAME": DATABASE, "REDIS_URL": model_stack["REDIS_URL"].removesuffix("/0") + "/1", "READ_MODEL": "sql"}
    run_as_administrator(model_settings, f"DROP DATABASE {DATABASE}".encode())


def test_two_names_that_an_older_database_takes_for_one_are_told_of_and_kept_apart_once_init_sql_was_loaded(
    model_stack: Stack, model_settings: dict[str, str], older: Any, token: str, tmp_path: Path
) -> None:
    book = make_book(genre="Fiction ")
    log = tmp_path / "log"
    with run_books_service(model_stack, log, "--workers", "1", **older) as service, Client(service.url, token) as books:
        check_warning(service, "genres.name")
        check_problem(books.post("/api/books", json=book), 503)
        run_as_administrator(model_settings, schema())
        assert books.post("/api/books", json=book).status_code == 201
        assert books.get("/api/books", params={"genre": "Fiction "}).json()["total"] == 1
    log.unlink()
    with run_books_service(model_stack, log, "--workers", "1", **older):
        assert "init.sql" not in log.read_text()


def check_warning(service: BooksService, column: str) -> None:
    """Assert that the start told of this column, in one line."""
    (line,) = [line for line in service.log.read_text().splitlines() if "load init.sql again" in line]
    assert column in line and "WARNING" in line
