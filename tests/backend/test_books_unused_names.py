"""Names that no book uses any more are removed in the background, and never one that a book has or is about to have."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.books_services import choose_books_settings
from tests.support.clients import Client, register, sign_in
from tests.support.read_models import NO_CACHE, wait_until
from tests.support.scripts import choose_environment
from tests.support.shelf import make_book
from tests.support.stacks import PROJECT, Stack, connect_to_mariadb, run_as_administrator
from tests.support.weak_builds import run_build

SOONER = ("backend/read_model/projector.py", "CLEAN_EVERY_S = 5.0", "CLEAN_EVERY_S = 0.1")
KINDS = ("authors", "formats", "genres")
SWEEP = (
    "from backend.stores import unused_names as n; n.PART = {}; print(sum(n.remove_unused_names() for _ in range({})))"
)


@pytest.fixture
def shop(stack: Stack, tmp_path: Path) -> Iterator[Client]:
    """A client of a books service that cleans up more often."""
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with run_build(stack, tmp_path, SOONER, only="books") as services, Client(services.books, token) as client:
        yield client


def count_names(stack: Stack, mark: str) -> dict[str, int]:
    """Return how many names with this mark there are of each kind."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        counts: dict[str, int] = {}
        for kind in KINDS:
            cursor.execute(f"SELECT COUNT(*) FROM {kind} WHERE name LIKE %s", [f"%{mark}%"])  # noqa: S608
            ((count,),) = cursor.fetchall()
            counts[kind] = int(str(count))
    return counts


def count_catalogue_names(stack: Stack) -> int:
    """Return how many names the made-up books of the first catalogue use."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(DISTINCT author_id) FROM book_authors JOIN authors ON authors.id = author_id"
            " WHERE isbn LIKE '97899999%'"
        )
        ((count,),) = cursor.fetchall()
    return int(str(count))


def test_the_names_that_five_changes_of_a_book_left_behind_are_removed_and_its_own_stay(
    stack: Stack, shop: Client
) -> None:
    mark, kept = secrets.token_hex(6), count_catalogue_names(stack)

    def fields(change: int) -> dict[str, object]:
        authors = [f"Author {mark} {change} {number}" for number in range(100)]
        return {"authors": authors, "genre": f"Genre {mark} {change}", "format": f"Format {mark} {change}"}

    book = make_book(**fields(0))
    path = f"/api/books/{book['isbn']}"
    assert shop.post("/api/books", json=book).status_code == 201
    for change in range(1, 6):
        assert shop.patch(path, json=fields(change)).status_code == 200
    own = {"authors": 100, "formats": 1, "genres": 1}
    wait_until(lambda: count_names(stack, mark) == own, 20, "only the names of the book are left")
    assert shop.get(path, headers=NO_CACHE).json().items() >= fields(5).items()
    assert shop.delete(path).status_code == 204
    wait_until(lambda: not any(count_names(stack, mark).values()), 20, "no name is left")
    assert count_catalogue_names(stack) == kept == 400


def sweep(stack: Stack, calls: int = 2, part: int = 100_000) -> "subprocess.CompletedProcess[str]":
    """Let a process of its own remove unused names, looking at whole tables; the calls follow at once on each other."""
    environment = choose_environment(None) | choose_books_settings(stack)
    command = [sys.executable, "-c", SWEEP.format(part, calls)]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_name_that_a_command_is_about_to_use_is_passed_over_at_once(stack: Stack) -> None:
    mark = secrets.token_hex(6)
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        for name in (f"used {mark}", f"unused {mark}"):
            cursor.execute("INSERT INTO authors (name, name_key) VALUES (%s, %s)", [name, name])
        cursor.execute("START TRANSACTION")
        cursor.execute(
            "INSERT INTO book_authors (isbn, position, author_id) SELECT '9780441172719', 99, id FROM authors"
            " WHERE name = %s", [f"used {mark}"],
        )  # fmt: skip
        swept = sweep(stack)
        assert (swept.returncode, swept.stderr) == (0, ""), swept.stderr
        cursor.execute("COMMIT")
        assert count_names(stack, mark)["authors"] == 1
        assert sweep(stack).returncode == 0
        assert count_names(stack, mark)["authors"] == 1
        cursor.execute("DELETE FROM book_authors WHERE position = 99")


def test_a_name_is_removed_at_the_second_look_and_not_at_the_first(stack: Stack) -> None:
    mark = secrets.token_hex(6)
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO genres (name, name_key) VALUES (%s, %s)", [mark, mark])
    assert sweep(stack, calls=1).stdout == "0\n"
    assert sweep(stack).returncode == 0
    assert count_names(stack, mark)["genres"] == 0


def test_small_parts_reach_the_whole_table_and_begin_again(stack: Stack) -> None:
    mark = secrets.token_hex(6)
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM authors")
        ((authors,),) = cursor.fetchall()
        for number in range(30):
            cursor.execute("INSERT INTO authors (name, name_key) VALUES (%s, %s)", [f"{mark} {number}"] * 2)
    calls = (int(str(authors)) + 30) // 40 + 3
    assert sweep(stack, calls=calls, part=40).returncode == 0
    assert count_names(stack, mark)["authors"] == 0


def test_where_no_name_is_unused_nothing_is_written(model_stack: Stack, model_settings: dict[str, str]) -> None:
    run_as_administrator(
        model_settings,
        b"CREATE OR REPLACE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'reads'; "
        b"GRANT SELECT ON Libros.* TO 'reader'@'127.0.0.1'",
    )
    reader = model_stack | {"DB_USER": "reader", "DB_PASSWORD": "reads"}
    assert sweep(model_stack).returncode == 0
    read = sweep(reader, calls=3)
    assert (read.returncode, read.stdout) == (0, "0\n"), read.stderr
    assert any(is_denied(model_stack, reader) for _ in range(3))  # else the stack itself was faster


def is_denied(stack: Stack, reader: Stack) -> bool:
    """Say whether one who may only read tries to remove a name that no book has."""
    mark = secrets.token_hex(6)
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO genres (name, name_key) VALUES (%s, %s)", [mark, mark])
    return "denied" in sweep(reader).stderr
