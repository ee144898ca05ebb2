"""Commands that MariaDB rolls back to end a deadlock: each begins anew, and its client sees nothing of it."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests

from tests.support.clients import Client, Json, make_credentials
from tests.support.shelf import make_book
from tests.support.stacks import Stack, connect_to_mariadb, count_deadlocks

AddBook = Callable[..., Json]
Command = Callable[[], requests.Response]
Query = tuple[str, list[str]]
WEIGHT = 400  # rows written by the other side, so that MariaDB ends the command's transaction and not this one
# Not by the time that a statement takes: on a busy machine it may be long without any lock.
WAITING = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"


@contextmanager
def heavy_transaction(stack: Stack) -> Iterator[Any]:
    """Give a cursor in a transaction that has written many rows; all is rolled back.

    They are in a table from which the services delete nothing: else their own cleaning would wait for these rows.
    """
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        for number in range(WEIGHT):
            cursor.execute("INSERT INTO deleted_books (isbn, version) VALUES (%s, 0)", [f"weight {number:06}"])
        yield cursor
        cursor.execute("ROLLBACK")


def wait_until_held_up(cursor: Any) -> None:
    """Wait until a statement of another connection waits for a lock."""
    for _ in range(500):
        cursor.execute(WAITING)
        ((_, count),) = cursor.fetchall()
        if int(count) > 0:
            return
        time.sleep(0.01)
    raise AssertionError("no command waits for a lock")


def meet(stack: Stack, command: Command, hold: Query, want: Query) -> requests.Response:
    """Let a command wait for a row that is held, then want a row that the command holds, and go; give its answer."""
    before = count_deadlocks(stack)
    answer = hold_up(stack, command, hold, want)
    assert count_deadlocks(stack) == before + 1
    return answer


def hold_up(stack: Stack, command: Command, hold: Query, want: Query) -> requests.Response:
    """Let a command wait for a row that is held, then ask for others, and go; give its answer."""
    with ThreadPoolExecutor(1) as threads:
        with heavy_transaction(stack) as cursor:
            cursor.execute(*hold)
            cursor.fetchall()
            sent = threads.submit(command)
            wait_until_held_up(cursor)
            cursor.execute(*want)
            cursor.fetchall()
        return sent.result()


def test_a_book_is_added_after_a_deadlock(stack: Stack, books: Client, add_book: AddBook) -> None:
    genre = f"Genre {secrets.token_hex(6)}"
    add_book(genre=genre)
    book = make_book(genre=genre)
    hold = ("SELECT id FROM genres WHERE name = %s FOR UPDATE", [genre])
    answer = meet(stack, partial(books.post, "/api/books", json=book), hold, lock_book(book))
    assert answer.status_code == 201, answer.text
    assert books.delete(f"/api/books/{book['isbn']}").status_code == 204


def test_a_book_with_new_names_is_added_after_a_deadlock(stack: Stack, books: Client) -> None:
    first, second = (f"{letter} {secrets.token_hex(6)}" for letter in "AB")
    book = make_book(authors=[second, first])
    hold = ("INSERT INTO authors (name, name_key) VALUES (%s, %s)", [second, second.casefold()])
    want = ("SELECT id FROM authors WHERE name = %s FOR UPDATE", [first])
    answer = meet(stack, partial(books.post, "/api/books", json=book), hold, want)
    assert answer.status_code == 201, answer.text
    assert books.delete(f"/api/books/{book['isbn']}").status_code == 204


def test_new_names_are_added_in_one_order_so_that_two_commands_with_the_same_do_not_deadlock(
    stack: Stack, books: Client
) -> None:
    mark, before = secrets.token_hex(6), count_deadlocks(stack)
    names = [f"Author {mark} {number:02d}" for number in range(20)]
    book = make_book(authors=[*reversed(names)])
    hold = ("INSERT INTO authors (name, name_key) VALUES (%s, %s)", [names[0], names[0].casefold()])
    want = ("SELECT id FROM authors WHERE name LIKE %s AND name > %s FOR UPDATE", [f"Author {mark}%", names[0]])
    answer = hold_up(stack, partial(books.post, "/api/books", json=book), hold, want)
    assert answer.status_code == 201, answer.text
    assert books.delete(f"/api/books/{book['isbn']}").status_code == 204
    assert count_deadlocks(stack) == before


def test_a_book_is_changed_after_a_deadlock(stack: Stack, books: Client, add_book: AddBook) -> None:
    author = f"Author {secrets.token_hex(6)}"
    add_book(authors=[author])
    book = add_book()
    hold = ("SELECT id FROM authors WHERE name = %s FOR UPDATE", [author])
    change = partial(books.patch, f"/api/books/{book['isbn']}", json={"stock": 9, "authors": [author]})
    answer = meet(stack, change, hold, lock_book(book))
    assert (answer.status_code, answer.json()["version"]) == (200, 2), answer.text
    assert books.get(f"/api/books/{book['isbn']}").json() == {**book, "stock": 9, "authors": [author], "version": 2}


def test_a_book_is_deleted_after_a_deadlock(stack: Stack, books: Client, add_book: AddBook) -> None:
    book = add_book()
    hold = ("INSERT INTO deleted_books (isbn, version) VALUES (%s, 1)", [book["isbn"]])
    answer = meet(stack, partial(books.delete, f"/api/books/{book['isbn']}"), hold, lock_book(book))
    assert answer.status_code == 204, answer.text
    assert books.get(f"/api/books/{book['isbn']}").status_code == 404


def test_an_account_is_registered_after_a_deadlock(stack: Stack, auth: Client) -> None:
    body = make_credentials()
    hold = (
        "INSERT INTO users (username, email, email_key, password_hash) VALUES (%s, 'other', 'other', 'other')",
        [body["username"]],
    )
    want: Query = ("SELECT id FROM users WHERE id > LAST_INSERT_ID() FOR UPDATE", [])
    answer = meet(stack, partial(auth.post, "/register", json=body), hold, want)
    assert answer.status_code == 201, answer.text


def lock_book(book: Json) -> Query:
    """Give the statement that locks the row of a book."""
    return "SELECT version FROM books WHERE isbn = %s FOR UPDATE", [book["isbn"]]
