"""The outbox in MariaDB: changes on their way to the read model, written in the transaction of each command.

A process deletes the rows of the events that it has applied itself, a batch at a time. A row that stays for
longer is a leftover of a crash or an outage: any projector may apply and delete it.
"""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from backend.answer import to_json
from backend.read_model.projection import Event
from backend.stores.mariadb import Statement
from backend.stores.pool import reading, writing

BATCH = 100
LEFT_AFTER_S = 0.6
MOST_MEASURED = 500

RECORD = "INSERT INTO outbox (isbn, version, book) VALUES (%s, %s, %s) RETURNING id"
# An event may be older than the tombstone of its book gets: of a book that was deleted since, it is a deletion.
LEFTOVERS = """
  SELECT o.id, o.isbn, o.version, IF(d.version >= o.version, NULL, o.book) AS book
  FROM outbox o LEFT JOIN deleted_books d ON d.isbn = o.isbn
  WHERE o.created_at < NOW(6) - INTERVAL %s SECOND ORDER BY o.id LIMIT %s
"""
OLDEST = """
  SELECT isbn, version, book IS NULL AS is_deleted,
    TIMESTAMPDIFF(MICROSECOND, created_at, NOW(6)) / 1000000 AS age, (SELECT COUNT(*) FROM outbox) AS total
  FROM outbox ORDER BY id LIMIT %s
"""

_applied: deque[int] = deque()  # the rows whose events this process has applied


def record_event(event: Event) -> Statement:
    """Give the statement that puts an event into the outbox, for the transaction of its command; its row has the id."""
    return RECORD, (event.isbn, event.version, None if event.book is None else to_json(event.book))


def note_applied(row: int) -> None:
    """Note that this process has applied the event of a row that is committed."""
    _applied.append(row)


def delete_applied() -> None:
    """Delete the rows noted. Raises Unavailable; those that were not deleted are leftovers then."""
    while _applied:
        delete_rows([_applied.popleft() for _ in range(min(BATCH, len(_applied)))])


def read_leftovers() -> Iterator[dict[int, Event]]:
    """Give events that no process has applied, by the ids of their rows, oldest first, a batch at a time.

    Each batch must be deleted before the next is asked for. Raises Unavailable.
    """
    while True:
        with reading() as cursor:
            cursor.execute(LEFTOVERS, (LEFT_AFTER_S, BATCH))
            rows = cursor.fetchall()
        if rows:
            yield {row["id"]: _event_of(row) for row in rows}
        if len(rows) < BATCH:
            return


def _event_of(row: dict[str, Any]) -> Event:
    return Event(row["isbn"], row["version"], row["book"] and json.loads(row["book"]))


def delete_rows(ids: list[int]) -> None:
    """Delete rows whose events are applied. Raises Unavailable."""
    with writing() as cursor:
        cursor.execute("DELETE FROM outbox WHERE id IN (" + ", ".join(["%s"] * len(ids)) + ")", ids)  # noqa: S608


def read_oldest() -> tuple[list[tuple[Event, float]], int]:
    """Give the oldest events, without the state of their books, each with its age in seconds, and how many follow.

    Raises Unavailable.
    """
    with reading() as cursor:
        cursor.execute(OLDEST, (MOST_MEASURED,))
        rows = cursor.fetchall()
    oldest = [
        (Event(row["isbn"], row["version"], None if row["is_deleted"] else {}), float(row["age"])) for row in rows
    ]
    return oldest, rows[0]["total"] - len(rows) if rows else 0
