"""Transactions of a build that are killed half-way, held up by a lock, or ended by a deadlock, and what it answered."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

from tests.faults.burst import Reply, Request, send_beside
from tests.faults.rows import add_book, locked_rows
from tests.faults.stand import Stand
from tests.faults.stores import administer, kill_connections, list_connections
from tests.faults.subject import Subject
from tests.support.clients import Client
from tests.support.read_models import NO_CACHE
from tests.support.shelf import make_isbn
from tests.support.stacks import connect_to_mariadb

AT_ONCE = 6  # transactions that are killed half-way
REACHED_S = 0.3  # for a transaction to come to the lock that holds it up; MariaDB gives up on it after 0.8 s
WEIGHT = 400  # rows written by the other side of a deadlock, so that MariaDB ends the service's transaction
COLD = "Cold author"


class Attempts:
    """What one build answered to the transactions that were disturbed."""

    def __init__(self, stand: Stand, subject: Subject) -> None:
        """Make the books to write to, and an author whose row can be locked."""
        self.stand, self.url, self.token = stand, subject.books_url, stand.accounts[0].token
        self.author = f"Hot author {make_isbn()}"
        add_book(stand, subject, authors=[self.author])
        self.isbns = [add_book(stand, subject, authors=[COLD], stock=1) for _ in range(AT_ONCE)]
        self.hot = add_book(stand, subject)
        self.killed: list[Reply] = []
        self.waited: list[Reply] = []
        self.deadlocked: list[Reply] = []
        self.connections = 0  # that were killed
        self.deadlocks = 0  # as MariaDB counts them
        self.killing = self.locked = (0.0, 0.0)  # from when to when

    def kill_half_way(self, threads: ThreadPoolExecutor, times: int) -> None:
        """Kill every connection of the services while changes have written some of their rows and not the others."""
        start = time.monotonic()
        for _ in range(times):
            with locked_author(self.stand, self.author) as own:
                sent = send_beside(threads, self._changes())
                time.sleep(REACHED_S)
                theirs = [each for each in list_connections(self.stand.mariadb) if each != own.connection_id]
                self.connections += len(theirs)
                kill_connections(self.stand.mariadb, theirs)
                self.killed += sent.result()
            time.sleep(1)
        self.killing = (start, time.monotonic())

    def lock_a_row(self, threads: ThreadPoolExecutor, seconds: float) -> None:
        """Hold the lock of a book's row while four clients go on changing it."""
        change = self._change(self.hot, stock=9)
        start = time.monotonic()
        with locked_rows(self.stand, [self.hot]):
            while time.monotonic() < start + seconds:
                self.waited += send_beside(threads, [change] * 4).result()
            self.locked = (start, time.monotonic())

    def meet_in_deadlocks(self, threads: ThreadPoolExecutor, times: int) -> None:
        """Make so many deadlocks, each over another of the books: a change that was made does not wait again."""
        before = count_deadlocks(self.stand)
        for isbn, change in list(zip(self.isbns, self._changes(), strict=True))[:times]:
            self._meet_in_deadlock(threads, isbn, change)
        self.deadlocks = count_deadlocks(self.stand) - before

    def _meet_in_deadlock(self, threads: ThreadPoolExecutor, isbn: str, change: Request) -> None:
        """Hold the author's row until a change wants it, then want the book's row, which the change holds, and go."""
        with locked_author(self.stand, self.author, weight=WEIGHT) as own, own.cursor() as cursor:
            sent = send_beside(threads, [change])
            time.sleep(REACHED_S)
            cursor.execute("UPDATE books SET stock = stock WHERE isbn = %s", [isbn])
        self.deadlocked += sent.result()

    def list_torn(self) -> list[str]:
        """Return the books of which half a change was made. MariaDB is asked: no event tells the read model of half."""
        with Client(self.url, self.token) as books:
            found = [books.get(f"/api/books/{isbn}", headers=NO_CACHE).json() for isbn in self.isbns]
        states = [(book.get("stock"), book.get("authors")) for book in found]
        return [str(state) for state in states if state not in ((1, [COLD]), (2, [self.author]))]

    def _changes(self) -> list[Request]:
        # The last statement waits for the row of the author; others have changed rows before.
        return [self._change(isbn, stock=2, authors=[self.author]) for isbn in self.isbns]

    def _change(self, isbn: str, **fields: Any) -> Request:
        return Request("change", self.url, "PATCH", f"/api/books/{isbn}", self.token, fields)


def count_deadlocks(stand: Stand) -> int:
    """Return how many deadlocks MariaDB has resolved so far."""
    return int(administer(stand.mariadb, "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])


@contextmanager
def locked_author(stand: Stand, author: str, weight: int = 0) -> Iterator[Any]:
    """Hold the lock of an author's row, in a transaction that has written so many rows; all is rolled back."""
    with closing(connect_to_mariadb(stand.stack)) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        for number in range(weight):
            cursor.execute(
                "INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (0, %s, '')", [number]
            )
        cursor.execute("SELECT id FROM authors WHERE name = %s FOR UPDATE", [author])
        assert len(cursor.fetchall()) == 1
        yield connection
        cursor.execute("ROLLBACK")
