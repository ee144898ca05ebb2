"""The self-repairing pool of MariaDB connections of one process, and its two doors: reading() and writing()."""

import logging
import os
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import mysql.connector
from mysql.connector import errors as driver_errors
from mysql.connector.constants import ClientFlag
from mysql.connector.cursor_cext import CMySQLCursorBufferedDict
from mysql.connector.pooling import MySQLConnectionPool

from backend import metrics
from backend.config import settings
from backend.errors import ServiceError, Unavailable

log = logging.getLogger(__name__)

TIMEOUT_S = 2  # connect, read and write: the driver takes whole seconds
STATEMENT_S = 1  # MariaDB gives up on a statement, its wait for a row lock included
SLOW_PING_S = 0.5  # a server that let a ping wait this long is not asked again by the same request

# Errors of the program rather than of the store: they stay what they are.
PROGRAM_ERRORS = (driver_errors.IntegrityError, driver_errors.ProgrammingError, driver_errors.DataError)


class SelfRepairingPool(MySQLConnectionPool):
    """The connector's pool without its faults: it waits a bounded time, replaces dead connections before the
    caller sees them, loses no slot, and holds no lock while it talks to the network.

    Each slot of the queue holds an idle connection, or None where one has yet to be opened.
    """

    def __init__(self, *, size: int, wait_s: float, reset_session: bool, **connection: Any) -> None:
        """Keep up to `size` connections made with the arguments `connection`; opens none yet."""
        super().__init__(pool_size=size, pool_name="libros", pool_reset_session=reset_session)
        self.wait_s = wait_s
        self._connection_arguments = connection
        self._slots: queue.LifoQueue[Any] = queue.LifoQueue(size)
        for _ in range(size):
            self._slots.put(None)

    @contextmanager
    def borrow(self, *, leaves_session_as_it_was: bool = False) -> Iterator[Any]:
        """Lend a connection that answers, for the length of a `with` block, and reset its session afterwards, unless
        the block only reads: then there is nothing to reset, and three of a read's five round trips are saved.

        Raises Unavailable when no slot is free within `wait_s` seconds, a driver error when MariaDB cannot be
        reached. After any error in the block the connection is closed, and its slot is free for a new one.
        """
        connection = self._take_slot()
        metrics.POOL_IN_USE.inc()
        healthy = False
        try:
            connection = self._living(connection)
            try:
                yield connection
            except ServiceError:  # refused by a rule of ours: the connection itself is fine
                healthy = leaves_session_as_it_was or self._reset(connection)
                raise
            healthy = leaves_session_as_it_was or self._reset(connection)
        finally:
            if not healthy and connection is not None:
                connection.close()
            metrics.POOL_IN_USE.dec()
            self._slots.put(connection if healthy else None)

    def _take_slot(self) -> Any:
        with metrics.POOL_WAITING.track_inprogress():
            try:
                return self._slots.get(timeout=self.wait_s)
            except queue.Empty:
                metrics.POOL_EXHAUSTED.inc()
                raise Unavailable("All database connections are in use.") from None

    def _reset(self, connection: Any) -> bool:
        return not self.reset_session or bool(connection.cmd_reset_connection())

    def _living(self, connection: Any) -> Any:
        if connection is not None:
            started = time.monotonic()
            if connection.is_connected():
                return connection
            connection.close()
            metrics.POOL_REPLACED.inc()
            if time.monotonic() - started > SLOW_PING_S:
                raise driver_errors.OperationalError("MariaDB does not answer")
        metrics.POOL_OPENED.inc()
        return mysql.connector.connect(**self._connection_arguments)


def connection_arguments() -> dict[str, Any]:
    """Give what a connection to MariaDB is made with."""
    chosen = settings()
    return {
        "host": chosen.db_host,
        "port": chosen.db_port,
        "user": chosen.db_user,
        "password": chosen.db_password.get_secret_value(),
        "database": chosen.db_name,
        "charset": "utf8mb4",
        "collation": "utf8mb4_bin",
        "use_pure": False,  # raise when the C extension is missing rather than fall back to the slow driver
        "autocommit": True,
        "connection_timeout": TIMEOUT_S,
        "read_timeout": TIMEOUT_S,
        "write_timeout": TIMEOUT_S,
        "client_flags": [ClientFlag.FOUND_ROWS],  # an UPDATE that changes nothing still finds its row
    }


@lru_cache(maxsize=1)
def pool() -> SelfRepairingPool:
    """Give the pool of this process, built on first use."""
    chosen = settings()
    return SelfRepairingPool(
        size=chosen.db_pool_size,
        wait_s=chosen.db_pool_wait_ms / 1000,
        reset_session=chosen.db_pool_reset_session,
        **connection_arguments(),
    )


# Connections must never be shared across a fork.
os.register_at_fork(after_in_child=pool.cache_clear)


@contextmanager
def _borrowed(*, leaves_session_as_it_was: bool = False) -> Iterator[Any]:
    try:
        with pool().borrow(leaves_session_as_it_was=leaves_session_as_it_was) as connection:
            yield connection
    except PROGRAM_ERRORS:
        raise
    except driver_errors.Error as error:
        log.warning("database: %s", error)
        raise Unavailable("The database cannot be reached or is too busy.") from error


@contextmanager
def reading() -> Iterator[Any]:
    """Lend a cursor for single statements that change nothing; rows come as dictionaries.

    Raises Unavailable when no connection is free in time or MariaDB does not answer.
    """
    # Not connection.cursor(): that would ping once more.
    with (
        _borrowed(leaves_session_as_it_was=True) as connection,
        CMySQLCursorBufferedDict(connection) as cursor,
    ):
        yield cursor


@contextmanager
def writing() -> Iterator[Any]:
    """Lend a cursor inside one transaction: committed at the end of the block, rolled back on any error.

    Raises Unavailable as reading() does; when the answer to COMMIT is missing it says that the outcome is unknown.
    READ COMMITTED, so that looking for a row that is not there locks no gap.
    """
    with _borrowed() as connection, CMySQLCursorBufferedDict(connection) as cursor:
        cursor.execute("SET SESSION tx_isolation = 'READ-COMMITTED', max_statement_time = %s", (STATEMENT_S,))
        cursor.execute("START TRANSACTION")
        try:
            yield cursor
        except BaseException:
            connection.rollback()
            raise
        try:
            connection.commit()
        except driver_errors.Error as error:
            log.warning("database: no answer to COMMIT: %s", error)
            raise Unavailable("The outcome of this write is unknown: the database did not confirm it.") from error
