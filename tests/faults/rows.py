"""Books of an experiment's own, and the locks on their rows."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.support.clients import Client
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import connect_to_mariadb


def add_book(stand: Stand, subject: Subject, **fields: object) -> str:
    """Add a book and return its ISBN."""
    isbn = make_isbn()
    with Client(subject.books_url, stand.accounts[0].token) as books:
        answer = books.post("/api/books", json=make_book(isbn=isbn, **fields))
    assert answer.status_code == 201, answer.text
    return isbn


@contextmanager
def locked_rows(stand: Stand, isbns: Sequence[str]) -> Iterator[None]:
    """Hold the locks of these books' rows during the block."""
    with closing(connect_to_mariadb(stand.stack)) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        for isbn in isbns:
            cursor.execute("SELECT version FROM books WHERE isbn = %s FOR UPDATE", [isbn])
            assert len(cursor.fetchall()) == 1
        yield
        cursor.execute("ROLLBACK")
