"""Builds the read model anew from MariaDB, under traffic: into a generation of its own, switched in at once."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from backend.catalogue import make_book
from backend.database import reading
from backend.projection import Event, Identity, begin_generation, load_events, release_lock, switch_generation
from backend.queries import BOOK
from backend.read_model import CATALOGUE, LAYOUT
from backend.redis_store import ask

log = logging.getLogger(__name__)

BATCH = 200  # books a step: some milliseconds of Redis
BOOKS_FROM = BOOK + "FROM books b WHERE b.isbn > %(isbn)s ORDER BY b.isbn LIMIT %(batch)s"
# Events from before these deletions may still be on their way. As old as a tombstone gets.
LATELY_DELETED = """
  SELECT isbn, version FROM deleted_books
  WHERE deleted_at > NOW() - INTERVAL 1 HOUR AND isbn > %(isbn)s ORDER BY isbn LIMIT %(batch)s
"""
Progress = Callable[[int, int], None]  # books done, books in all


def rebuild(progress: Progress = lambda done, total: None, *, even_if_it_stands: bool = False) -> bool:
    """Build the read model anew and switch it in; False when it stands, or another process is building it.

    Raises Unavailable, redis.RedisError.
    """
    identity = read_identity()
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
    lock = begin_generation(owner, None if even_if_it_stands else identity)
    if lock is None:
        return False
    try:
        return _build(lock, identity, progress)
    finally:
        release_lock(lock)
        _remove_generations(up_to=int(lock.partition(":")[0]))


def _build(lock: str, identity: Identity, progress: Progress) -> bool:
    log.info("read model: building generation %s", lock.partition(":")[0])
    with reading() as cursor:
        cursor.execute("SELECT COUNT(*) AS books FROM books")
        total = cursor.fetchone()["books"]
    done = 0
    for rows in walk(LATELY_DELETED):
        if not load_events(lock, [Event(row["isbn"], row["version"], None) for row in rows]):
            return False
    for rows in walk(BOOKS_FROM):
        if not load_events(lock, [Event(row["isbn"], row["version"], make_book(row, row["version"])) for row in rows]):
            return False
        done += len(rows)
        progress(done, max(total, done))
    if not switch_generation(lock, identity):
        return False
    log.info("read model: built from %d books", done)
    return True


def walk(statement: str) -> Iterator[list[dict[str, Any]]]:
    """Give the rows of a statement that reads on after an ISBN, a batch at a time, all on one connection: while no read
    model stands many wait for one, and it would be given up and asked for again with each batch.
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


def stands() -> bool:
    """Say whether a read model stands that may be used: one of another identity or layout may hold other books.

    Raises Unavailable, redis.RedisError.
    """
    found = ask("HMGET", CATALOGUE, "layout", "epoch", "run_id")
    return bool(found == [part.encode() for part in (LAYOUT, *read_identity())])


def read_identity() -> Identity:
    """Give what a read model that is built now would be made from.

    init.sql sets a new epoch when it adds books, and Redis takes a new run id at each start.
    """
    with reading() as cursor:
        cursor.execute("SELECT epoch FROM catalogue")
        row = cursor.fetchone()
    lines: list[bytes] = ask("INFO", "server").splitlines()
    run_id = next(line.partition(b":")[2] for line in lines if line.startswith(b"run_id:"))
    return Identity(str(row["epoch"]) if row else "", run_id.decode())


def _remove_generations(*, up_to: int) -> None:
    """Remove what is left of all generations up to this one, but for the one that stands."""
    standing, cursor = ask("HGET", CATALOGUE, "generation"), b"0"
    while True:
        cursor, keys = ask("SCAN", cursor, "MATCH", f"{CATALOGUE}:*", "COUNT", 500)
        generations = [(key, key.split(b":")[1]) for key in keys]
        old = [key for key, name in generations if name.isdigit() and int(name) <= up_to and name != standing]
        if old:
            ask("UNLINK", *old)
        if cursor == b"0":
            return
