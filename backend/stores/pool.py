"""The self-repairing pool of MariaDB connections of one process, and its two doors: reading() and writing()."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from mysql.connector import errorcode
from mysql.connector import errors as driver_errors
from mysql.connector.pooling import MySQLConnectionPool

from backend import metrics
from backend.background import in_background
from backend.config import settings
from backend.deadline import check_deadline, request_age_s
from backend.errors import ServiceError, Unavailable
from backend.stores.breaker import Breaker
from backend.stores.mariadb import STORE_ERRORS, Connection, Cursor, connection_arguments

log = logging.getLogger(__name__)

SHARE_WITHOUT_RETURN = 0.8  # of a wait, after which it ends if no connection came back: the refusal needs a turn too
MOST_WAITING = 2  # threads, for a slot of a pool that has stalled
PATIENCE_S = 2.0  # of a thread for which no client waits
SLOW_ANSWER_S = 0.5  # a server that let a ping wait this long is not asked again by the same request
TRIES = 3  # of a transaction that MariaDB rolls back because it meets others in a deadlock

# Errors that a statement of the program has made rather than the store: they stay what they are.
PROGRAM_ERRORS = (driver_errors.IntegrityError, driver_errors.ProgrammingError, driver_errors.DataError)
LIMITS_OF_THE_ACCOUNT = (errorcode.ER_USER_LIMIT_REACHED,)  # statements an hour, say: the driver calls it a program's


Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Deadlocked(Unavailable):
    """MariaDB rolled this transaction back, and so ended a deadlock: nothing of it was done."""


class NoConnection(driver_errors.Error):
    """MariaDB gave no connection. Whatever it said of that, in whatever class of errors, is no fault of a statement."""


class UnansweredCommit(driver_errors.Error):
    """MariaDB did not confirm a COMMIT: it may have happened, and its connection must not be used again."""


class Slots(queue.LifoQueue[Any]):
    """Idle connections, and None for each that has yet to be opened: given out only when nothing better is there."""

    def _put(self, item: Any) -> None:
        self.queue.insert(0 if item is None else len(self.queue), item)


class SelfRepairingPool(MySQLConnectionPool):
    """The connector's pool without its faults: it waits a bounded time, replaces dead connections before the
    caller sees them, loses no slot, and holds no lock while it talks to the network.

    While slots are lent and given back, every thread may wait for one. A pool in which none was for as long as a wait
    may last has stalled: MOST_WAITING threads may wait, and the next is refused at once, so that the other threads stay
    free for requests that need no slot. After a few failures to connect only one thread at a time tries, and the others
    are refused, until it succeeds.
    """

    def __init__(self, *, size: int, wait_s: float, reset_session: bool, **connection: Any) -> None:
        """Keep up to `size` connections made with the arguments `connection`; opens none yet."""
        super().__init__(pool_size=size, pool_name="libros", pool_reset_session=reset_session)
        self.wait_s = wait_s
        self._connection_arguments = connection
        self.breaker = Breaker()
        self._room_to_wait = threading.Semaphore(MOST_WAITING)
        self._last_move = time.monotonic()  # when a slot was last lent without a wait, or given back
        self._slots = Slots(size)
        for _ in range(size):
            self._slots.put(None)

    @contextmanager
    def borrow(self, *, writes: bool) -> Iterator[Any]:
        """Lend a connection that answers, for the length of a `with` block; with `writes`, in a transaction that the
        block has to commit, and its session is reset before it is lent again.

        Raises Unavailable when no slot is free within `wait_s` seconds, NoConnection when MariaDB cannot be reached or
        refuses. After any error in the block the connection is closed, and its slot is free for a new one.
        """
        connection = self._take_slot()
        metrics.POOL_IN_USE.inc()
        healthy = False
        try:
            connection = self._ensure_alive(connection, writes)
            try:
                yield connection
            except ServiceError:  # refused by a rule of ours: the connection itself is fine
                healthy = True
                raise
            healthy = True
        finally:
            if not healthy and connection is not None:
                connection.close()
            metrics.POOL_IN_USE.dec()
            self._slots.put(connection if healthy else None)
            if healthy:
                self._last_move = time.monotonic()

    def _take_slot(self) -> Any:
        try:
            slot = self._slots.get_nowait()
        except queue.Empty:
            return self._wait_for_slot()
        self._last_move = time.monotonic()
        return slot

    def _wait_for_slot(self) -> Any:
        counted = self._room_to_wait.acquire(blocking=False)
        wait_s = max(self.wait_s, _present.patience_s)
        since_move_s = time.monotonic() - self._last_move
        if not counted and since_move_s > wait_s:
            raise Unavailable("All database connections are in use, and enough requests wait for one.")
        # While the pool is stalled, a request that waits for a thread waits for a slot as well.
        waited_s = min(since_move_s, request_age_s())
        try:
            with metrics.POOL_WAITING.track_inprogress():
                return self._await_slot(wait_s, waited_s)
        except queue.Empty:
            metrics.POOL_EXHAUSTED.inc()
            raise Unavailable("All database connections are in use.") from None
        finally:
            if counted:
                self._room_to_wait.release()

    def _await_slot(self, wait_s: float, waited_s: float) -> Any:
        last_move = self._last_move
        with suppress(queue.Empty):
            return self._slots.get(timeout=max(0.0, SHARE_WITHOUT_RETURN * wait_s - waited_s))
        if self._last_move == last_move:
            raise queue.Empty
        return self._slots.get(timeout=(1 - SHARE_WITHOUT_RETURN) * wait_s)

    def _ensure_alive(self, connection: Any, writes: bool) -> Any:
        check_deadline()
        if connection is not None:
            started = time.monotonic()
            if connection.begin_session(writes=writes, reset=self.reset_session):
                return connection
            connection.close()
            metrics.POOL_REPLACED.inc()
            if time.monotonic() - started > SLOW_ANSWER_S:
                no_answer = NoConnection("MariaDB does not answer")
                self.breaker.failed(no_answer)
                raise no_answer
        connection = self._open()
        connection.let_write(writes)
        return connection

    def _open(self) -> Any:
        if not self.breaker.allows():
            raise NoConnection(self.breaker.reason)  # of a moment ago
        try:
            connection = Connection(**self._connection_arguments)
        except STORE_ERRORS as error:
            self.breaker.failed(error)
            raise NoConnection(str(error)) from error
        self.breaker.succeeded()
        metrics.POOL_OPENED.inc()
        return connection


class _PerThread(threading.local):
    patience_s = 0.0


_present = _PerThread()


def be_patient() -> None:
    """Let this thread, for which no client waits, wait longer for a connection: while it builds the read model, all
    queries need one too.
    """
    _present.patience_s = PATIENCE_S


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


def ping() -> None:
    """Ask whether MariaDB answers now, whatever it did a moment ago. Raises a driver error.

    On a connection of its own: a pool whose connections are all in use is busy, not down.
    """
    Connection(**connection_arguments()).close()  # it sets its session up, which MariaDB must answer
    pool().breaker.succeeded()


# Connections must never be shared across a fork.
os.register_at_fork(after_in_child=pool.cache_clear)


@contextmanager
def _borrowed(*, writes: bool) -> Iterator[Any]:
    try:
        with pool().borrow(writes=writes) as connection:
            yield connection
    except UnansweredCommit as error:
        log.warning("database: no answer to COMMIT: %s", error)
        raise Unavailable("The outcome of this write is unknown: the database did not confirm it.") from error
    except STORE_ERRORS as error:
        if isinstance(error, PROGRAM_ERRORS) and error.errno not in LIMITS_OF_THE_ACCOUNT:
            raise
        if not in_background():
            log.warning("database: %s", error)
        if error.errno == errorcode.ER_LOCK_DEADLOCK:
            raise Deadlocked("The database is too busy with commands that meet.") from error
        raise Unavailable("The database cannot be reached or is too busy.") from error


@contextmanager
def reading() -> Iterator[Any]:
    """Lend a cursor for single statements that change nothing; rows come as dictionaries.

    Raises Unavailable when no connection is free in time or MariaDB does not answer.
    """
    # Not connection.cursor(): that would ping once more.
    with _borrowed(writes=False) as connection, Cursor(connection) as cursor:
        yield cursor


@contextmanager
def writing() -> Iterator[Any]:
    """Lend a cursor inside one transaction: committed at the end of the block, rolled back on any error.

    Raises Unavailable as reading() does; when the answer to COMMIT is missing it says that the outcome is unknown.
    """
    with _borrowed(writes=True) as connection, Cursor(connection) as cursor:
        try:
            yield cursor
            check_deadline()
        except ServiceError:  # after any other error the connection is closed, and MariaDB rolls back
            connection.rollback()
            raise
        try:
            connection.commit()
        except STORE_ERRORS as error:
            raise UnansweredCommit(str(error)) from error


def begin_anew_after_deadlock(transaction: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Let a function that is one transaction begin anew when MariaDB rolled it back to end a deadlock.

    No order of locks keeps every deadlock away: of two that wait to add a book while it is deleted each comes to hold
    the gap that the row leaves. InnoDB's manual asks programs to issue such a transaction again ("How to Minimize and
    Handle Deadlocks"). Raises Deadlocked after the last of TRIES, and what the function raises.
    """

    @wraps(transaction)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        for _ in range(TRIES - 1):
            with suppress(Deadlocked):
                return transaction(*args, **kwargs)
        return transaction(*args, **kwargs)

    return run
