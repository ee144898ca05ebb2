"""The connector's own pool, with pool_reset_session on or off: both ping when they lend."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from mysql.connector.pooling import MySQLConnectionPool

from lessons.zombies.routes import make_app


@cache
def pool() -> MySQLConnectionPool:
    """The pool of this process."""
    return MySQLConnectionPool(
        pool_size=int(os.environ["DB_POOL_SIZE"]), pool_reset_session=os.environ["RESET"] == "on",
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], charset="utf8mb4", collation="utf8mb4_bin", use_pure=False,
        ssl_disabled=True, autocommit=True,
    )  # fmt: skip


@contextmanager
def borrow() -> Iterator[Any]:
    """Lend a connection."""
    connection = pool().get_connection()
    try:
        yield connection
    finally:
        connection.close()


app = make_app(borrow, borrow)
