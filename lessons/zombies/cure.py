"""This project's pool: a connection is asked when it is lent, and one that does not answer is replaced unseen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backend.stores.pool import pool
from lessons.zombies.routes import make_app


@contextmanager
def borrow() -> Iterator[Any]:
    """Lend a connection for queries. It is pinged, and if it is a zombie, another is opened in its place.

    A session that has only read leaves nothing for the next, so nothing is reset.
    """
    with pool().borrow(writes=False) as connection:
        yield connection


@contextmanager
def borrow_to_write() -> Iterator[Any]:
    """Lend a connection in a transaction. Before it is lent again its session is reset.

    The reset takes the place of the ping: one trip to MariaDB asks for both.
    """
    with pool().borrow(writes=True) as connection:
        yield connection


app = make_app(borrow, borrow_to_write)
