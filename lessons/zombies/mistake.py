"""A pool that resets a connection when it is given back, and lends it without a question.

That is all that pool_reset_session=True does, though it was taken for a check at borrowing.
"""

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mysql.connector

from lessons.zombies.routes import make_app


class UncheckedPool:
    """Up to `size` connections; None stands for each that has yet to be opened."""

    def __init__(self, size: int) -> None:
        """Open none yet."""
        self.slots: queue.Queue[Any] = queue.Queue()
        for _ in range(size):
            self.slots.put(None)

    @contextmanager
    def borrow(self) -> Iterator[Any]:
        """Lend a connection; after an error it is closed, so that each zombie costs a single request."""
        connection = self.slots.get(timeout=5) or connect()
        try:
            yield connection
            connection.reset_session()
        except Exception:
            connection.close()
            connection = None
            raise
        finally:
            self.slots.put(connection)


def connect() -> Any:
    """A new connection with the settings of the environment."""
    return mysql.connector.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], charset="utf8mb4", collation="utf8mb4_bin", use_pure=False,
        ssl_disabled=True, autocommit=True,
    )  # fmt: skip


pool = UncheckedPool(int(os.environ["DB_POOL_SIZE"]))
app = make_app(pool.borrow, pool.borrow)
