"""Builds the read model anew from MariaDB, under traffic: into a generation of its own, switched in at once."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from backend.read_model.book import BOOK, make_book
from backend.read_model.generations import Identity, begin_generation, load_events, release_lock, switch_generation
from backend.read_model.lookup import CATALOGUE, LAYOUT
from backend.read_model.projection import Event
from backend.stores.pool import reading
from backend.stores.redis_run import is_of_this_run, make_mark
from backend.stores.redis_store import ask

log = logging.getLogger(__name__)

BATCH = 200  # books that a statement reads
BOOKS_FROM = BOOK + "FROM books b WHERE b.isbn > %(isbn)s ORDER BY b.isbn LIMIT %(batch)s"
# Events from before these deletions may still be on their way. As old as a tombstone gets.
LATELY_DELETED = """
  SELECT isbn, version FROM deleted_books
  WHERE deleted_at > NOW() - INTERVAL 1 HOUR AND isbn > %(isbn)s ORDER BY isbn LIMIT %(batch)s
"""
Progress = Callable[[int, int], None]  # books done, about how many in all


class Judgement(NamedTuple):
    """The generation of the read model, empty when there is none, and whether it may be used."""

    generation: str
    fit: bool


def judge() -> Judgement:
    """Judge the read model: one of another layout, epoch or run of Redis may hold other books than MariaDB.

    Raises Unavailable, redis.RedisError.
    """
    layout, generation, epoch, run = (
        (field or b"").decode() for field in ask("HMGET", CATALOGUE, "layout", "generation", "epoch", "run_id")
    )
    # The epoch is read after the hash: an older one would not be that of a read model built meanwhile.
    fit = layout == LAYOUT and epoch == _read_epoch() and is_of_this_run(run.encode())
    return Judgement(generation, fit)


def rebuild(progress: Progress = lambda done, total: None, *, unfit: str | None = None) -> bool:
    """Build the read model anew and switch it in; False when another process is building it.

    Given `unfit`, the generation that was found unfit, only that is replaced: False when there is another by now.
    Raises Unavailable, redis.RedisError.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
    lock = begin_generation(owner, unfit)
    if lock is None:
        return False
    try:
        return _build(lock, progress)
    finally:
        release_lock(lock)
        _remove_generations(up_to=int(lock.partition(":")[0]))


def _build(lock: str, progress: Progress) -> bool:
    log.info("read model: building generation %s", lock.partition(":")[0])
    identity = Identity(_read_epoch(), make_mark())  # before anything that must not be older
    done, total = 0, _estimate_books()
    for rows in walk(LATELY_DELETED):
        if not load_events(lock, [Event(row["isbn"], row["version"], None) for row in rows]):
            return False
    for rows in walk(BOOKS_FROM):
        if not load_events(lock, [Event(row["isbn"], row["version"], make_book(row, row["version"])) for row in rows]):
            return False
        done += len(rows)
        progress(done, max(total, done))
    progress(done, done)
    if not switch_generation(lock, identity):
        return False
    log.info("read model: built from %d books", done)
    return True


def walk(statement: str) -> Iterator[list[dict[str, Any]]]:
    """Give the rows of a statement that reads on after an ISBN, a batch at a time, all on one connection: while no read
    model is in use, many threads wait for a connection, and each batch would have to wait again.
    """
    isbn = ""
    with reading() as cursor:
        while True:
            cursor.execute(statement, {"isbn": isbn, "batch": BATCH})
            rows = cursor.fetchall()
            if not rows:
                return
            yield rows
            isbn = rows[-1]["isbn"]


def _estimate_books() -> int:
    """Give about how many books there are: counting a million may take longer than MariaDB lets a statement run."""
    with reading() as cursor:
        cursor.execute(
            "SELECT table_rows AS books FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = 'books'"
        )
        return int(cursor.fetchone()["books"])


def _read_epoch() -> str:
    """Give the epoch of the catalogue in MariaDB: init.sql sets a new one when it adds books."""
    with reading() as cursor:
        cursor.execute("SELECT epoch FROM catalogue")
        row = cursor.fetchone()
    return str(row["epoch"]) if row else ""


def _remove_generations(*, up_to: int) -> None:
    """Remove what is left of all generations up to this one, but for the one in use."""
    layout, generation = ask("HMGET", CATALOGUE, "layout", "generation")
    in_use, cursor = generation if layout == LAYOUT.encode() else None, b"0"
    while True:
        cursor, keys = ask("SCAN", cursor, "MATCH", f"{CATALOGUE}:*", "COUNT", 500)
        generations = [(key, key.split(b":")[1]) for key in keys]
        old = [key for key, name in generations if name.isdigit() and int(name) <= up_to and name != in_use]
        if old:
            ask("UNLINK", *old)
        if cursor == b"0":
            return
