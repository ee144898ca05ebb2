"""F7: the connection to MariaDB is reset between COMMIT and its answer."""

import re
import time
from collections.abc import Sequence

from tests.faults import controls
from tests.faults.burst import Reply, Request, send_all
from tests.faults.findings import Experiment, Finding, find_none
from tests.faults.proxy import Cut
from tests.faults.rows import add_book
from tests.faults.rules import Fault
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import run_trial
from tests.support.clients import Client
from tests.support.derived_books import derive_fields
from tests.support.read_models import NO_CACHE
from tests.support.shelf import make_isbn
from tests.support.stacks import connect_to_mariadb

COMMIT = re.compile(rb"^....\x03commit$", re.IGNORECASE | re.DOTALL)  # a packet with the command to run this SQL
FIELDS = derive_fields(1, "commit")


def lose_commit(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Reset the connection of a POST at its COMMIT, before it arrives and after, and send the POST again."""
    tries: list[list[CommitTry]] = [[] for _ in subjects]

    def make_fault() -> Fault:
        for subject in subjects:  # new names have a commit of their own, before that of the command
            add_book(stand, subject, **FIELDS)
        start = time.monotonic()
        for number in range(int(stand.form.choose(100, 4))):
            for place, subject in enumerate(subjects):
                tries[place].append(CommitTry(stand, subject, arrives=number % 2 == 0))
        return Fault(start, time.monotonic())

    _, trials = run_trial(stand, subjects, make_fault, recovery_s=5)
    return [[*check_tries(made), *trial.findings] for made, trial in zip(tries, trials, strict=True)]


class CommitTry:
    """One POST whose COMMIT or its answer is lost, and its repetition."""

    def __init__(self, stand: Stand, subject: Subject, *, arrives: bool) -> None:
        """Make it."""
        self.isbn, self.arrives = make_isbn(), arrives
        body = {"isbn": self.isbn, **FIELDS}
        token, key = stand.accounts[0].token, f"commit-{self.isbn}"
        request = Request("add", subject.books_url, "POST", "/api/books", token, body, key)
        mariadb = stand.proxy()
        mariadb.cut = Cut(self.isbn.encode(), COMMIT, arrives)
        self.first = send_all([request])[0]
        self.missed, mariadb.cut = mariadb.cut is not None, None
        self.again = send_all([request])[0]
        with Client(subject.books_url, token) as books:
            answers = [books.get(f"/api/books/{self.isbn}", headers=headers) for headers in ({}, NO_CACHE)]
            self.reads = [(each.status_code, each.json()) for each in answers]  # an answer would keep its connection
        self.rows = count_rows(stand, self.isbn)

    def __str__(self) -> str:
        """Say what came of it."""
        lost = "its answer" if self.arrives else "COMMIT"
        return f"{lost} lost: {tell(self.first)}, again: {tell(self.again)}, rows {self.rows}"

    @property
    def says_unknown(self) -> bool:
        """Tell whether the first answer is a 503 that says that the outcome is unknown."""
        return self.first.record.status == 503 and "unknown" in self.first.record.note

    @property
    def is_once(self) -> bool:
        """Tell whether the repetition succeeded, and there is one book in its first version, everywhere."""
        replayed = self.again.answer is not None and "idempotent-replayed" in self.again.answer.headers
        return (
            (self.again.record.status, self.again.record.version, replayed) == (201, 1, self.arrives)
            and self.rows == (1, 1)
            and self.reads[0] == self.reads[1]
            and self.reads[0][0] == 200
        )


def tell(reply: Reply) -> str:
    """Return a reply in words."""
    return f"{reply.record.status} {reply.record.note or reply.record.fault}".strip()


def count_rows(stand: Stand, isbn: str) -> tuple[int, int]:
    """Return how many books and how many idempotency keys there are for an ISBN."""
    with connect_to_mariadb(stand.stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT COUNT(*) FROM books WHERE isbn = %s),"
            " (SELECT COUNT(*) FROM idempotency_keys WHERE idempotency_key = %s)",
            [isbn, f"commit-{isbn}"],
        )
        ((books, keys),) = cursor.fetchall()
    return int(str(books)), int(str(keys))


def check_tries(tries: Sequence[CommitTry]) -> list[Finding]:
    """Every lost COMMIT was told as of unknown outcome, and its repetition made one row."""
    return [
        find_none(what, faulty, len(tries))
        for what, faulty in (
            ("connections that were not cut at COMMIT", [each for each in tries if each.missed]),
            ("first answers that do not say the outcome is unknown", [each for each in tries if not each.says_unknown]),
            ("repetitions that did not make the book exactly once", [each for each in tries if not each.is_once]),
        )
    ]


EXPERIMENTS = [
    Experiment(
        "F7", "connection reset between COMMIT and its answer", lose_commit, (controls.IDEMPOTENCY,), proxied=True
    ),
]
