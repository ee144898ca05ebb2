"""Builds the read model anew from MariaDB, under traffic: into a generation of its own, switched in at once."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from backend.catalogue import make_book
from backend.database import reading
from backend.projection import Event, begin_generation, load_events, release_lock, switch_generation
from backend.queries import BOOK
from backend.read_model import CATALOGUE
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


def rebuild(epoch: str, progress: Progress = lambda done, total: None) -> bool:
    """Build the read model anew and switch it in; False when another process is building one, or took over.

    `epoch` is the catalogue's in MariaDB. Raises Unavailable, redis.RedisError.
    """
    lock = begin_generation(f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    if lock is None:
        return False
    try:
        return _build(lock, epoch, progress)
    finally:
        release_lock(lock)
        _remove_generations(up_to=int(lock.partition(":")[0]))


def _build(lock: str, epoch: str, progress: Progress) -> bool:
    log.info("read model: building generation %s", lock.partition(":")[0])
    server = run_id()
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
    if not switch_generation(lock, {"epoch": epoch, "run_id": server}):
        return False
    log.info("read model: built from %d books", done)
    return True


def walk(statement: str) -> Iterator[list[dict[str, Any]]]:
    """Give the rows of a statement that reads on after an ISBN, a batch at a time."""
    isbn = ""
    while True:
        with reading() as cursor:
            cursor.execute(statement, {"isbn": isbn, "batch": BATCH})
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        isbn = rows[-1]["isbn"]


def run_id() -> str:
    """Give the name that the Redis server took at its start: what it holds after another start may be old."""
    text: bytes = ask("INFO", "server")
    lines = text.decode().splitlines()
    return next(line.partition(":")[2] for line in lines if line.startswith("run_id:"))


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
