"""Write side of the catalogue: changes it, and answers with an ISBN and a version.

A command writes its rows and the event that tells of them in one transaction. After the commit it applies the event to
the read model before it answers, so that its client reads what it wrote; if it cannot, the projector does.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from mysql.connector import errorcode
from mysql.connector.errors import IntegrityError

from backend.catalogue import make_book, title_key
from backend.config import settings
from backend.connections import Statement
from backend.database import writing
from backend.errors import AlreadyExists, InvalidField, NotFound, PreconditionFailed
from backend.outbox import note_applied, record_event
from backend.projection import Event, apply_own_event
from backend.queries import ONE_BOOK

FIND_NAMES = """
  SELECT 'genres' AS kind, name, id FROM genres WHERE name = %s
  UNION ALL SELECT 'formats', name, id FROM formats WHERE name = %s
  UNION ALL SELECT 'authors', name, id FROM authors WHERE name IN ({})
"""
FIND_NAME = {
    "genres": "SELECT id FROM genres WHERE name = %s",
    "formats": "SELECT id FROM formats WHERE name = %s",
    "authors": "SELECT id FROM authors WHERE name = %s",
}
ADD_NAME = {
    "genres": "INSERT IGNORE INTO genres (name, name_key) VALUES (%s, %s)",
    "formats": "INSERT IGNORE INTO formats (name, name_key) VALUES (%s, %s)",
    "authors": "INSERT IGNORE INTO authors (name, name_key) VALUES (%s, %s)",
}
ADD_BOOK = """
  INSERT INTO books (title, title_key, year, price, stock, genre_id, format_id, version, isbn)
  VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s)
"""
CHANGE_BOOK = """
  UPDATE books SET title = %s, title_key = %s, year = %s, price = %s, stock = %s,
    genre_id = COALESCE(%s, genre_id), format_id = COALESCE(%s, format_id), version = %s
  WHERE isbn = %s
"""
SET_VERSION = "UPDATE books SET version = %s WHERE isbn = %s"
ADD_AUTHORS = "INSERT INTO book_authors (isbn, position, author_id) VALUES {}"
REMOVE_AUTHORS = "DELETE FROM book_authors WHERE isbn = %s"
DELETE_BOOK = "DELETE FROM books WHERE isbn = %s"
LAST_VERSION = "SELECT version FROM deleted_books WHERE isbn = %s"
KEEP_VERSION = """
  INSERT INTO deleted_books (isbn, version) VALUES (%s, %s)
  ON DUPLICATE KEY UPDATE version = VALUES(version), deleted_at = NOW()
"""
# Before ONE_BOOK, not in one with it: that statement's snapshot would be from before its wait for the lock.
LOCK_BOOK = "SELECT version FROM books WHERE isbn = %s FOR UPDATE"
# Gives the answer that was kept, NULL when there is none yet.
# ON DUPLICATE KEY takes the row's exclusive lock at once: of ten at once nine wait here, and none deadlocks.
CLAIM_KEY = """
  INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (%s, %s, %s)
  ON DUPLICATE KEY UPDATE created_at = created_at RETURNING request_digest, answer
"""
KEEP_ANSWER = "UPDATE idempotency_keys SET answer = %s WHERE user_id = %s AND idempotency_key = %s"

Ids = dict[tuple[str, str], int]  # by kind and name
Matches = Callable[[int], bool]
Change = tuple[int | None, Event | None]  # the id of its row in the outbox, and the event to apply


def add_book(book: dict[str, Any], user_id: str, key: str | None = None) -> tuple[dict[str, Any], bool]:
    """Add a book; give `{isbn, version}` and whether this is a replay of the first answer to the idempotency `key`.

    Raises AlreadyExists, or InvalidField when the key came with another body before.
    """
    digest = hashlib.sha256(json.dumps(book, sort_keys=True, default=str).encode()).digest()
    claim = [] if key is None else [(CLAIM_KEY, (user_id, key, digest))]
    with writing() as cursor:
        *claimed, found = cursor.execute_all(*claim, _find_names(book))
        first = _first_answer(claimed[0][0], digest) if claimed else None
        if first is None:
            version = _insert_book(cursor, book, _complete_ids(cursor, book, found))
            answer = {"isbn": book["isbn"], "version": version}
            rows: list[Statement] = [] if version == 1 else [(SET_VERSION, (version, book["isbn"]))]
            rows += [] if key is None else [(KEEP_ANSWER, (json.dumps(answer), user_id, key))]
            change = _write(cursor, rows, Event(book["isbn"], version, make_book(book, version)))
        else:  # the command that gave the first answer may have ended before it applied its event
            answer = first
            change = _present_change(cursor, book["isbn"])
    _apply(change)
    return answer, first is not None


def change_book(isbn: str, changes: dict[str, Any], matches: Matches) -> dict[str, Any]:
    """Set the fields in `changes`; give `{isbn, version}`. A change of nothing keeps the version.

    `matches` says of a version whether the caller's precondition holds. Raises NotFound, PreconditionFailed.
    """
    with writing() as cursor:
        locked, present, found = cursor.execute_all((LOCK_BOOK, (isbn,)), (ONE_BOOK, (isbn,)), _find_names(changes))
        version = _check_locked(locked, matches)
        book = {**present[0], "authors": json.loads(present[0]["authors"])}
        changed = {field: value for field, value in changes.items() if book[field] != value}
        if not changed:
            return {"isbn": isbn, "version": version}
        book, version = {**book, **changed}, version + 1
        ids = _complete_ids(cursor, changes, found)
        rows: list[Statement] = [(CHANGE_BOOK, (*_columns(book, ids), version, isbn))]
        if "authors" in changed:
            rows += [(REMOVE_AUTHORS, (isbn,)), _add_authors(book, ids)]
        change = _write(cursor, rows, Event(isbn, version, make_book(book, version)))
    _apply(change)
    return {"isbn": isbn, "version": version}


def delete_book(isbn: str, matches: Matches) -> None:
    """Delete a book and keep its last version. Raises NotFound, PreconditionFailed."""
    with writing() as cursor:
        (locked,) = cursor.execute_all((LOCK_BOOK, (isbn,)))
        version = _check_locked(locked, matches)
        rows: list[Statement] = [(DELETE_BOOK, (isbn,)), (KEEP_VERSION, (isbn, version))]
        change = _write(cursor, rows, Event(isbn, version, None))
    _apply(change)


def _write(cursor: Any, rows: Sequence[Statement], event: Event) -> Change:
    *_, (recorded,) = cursor.execute_all(*rows, record_event(event))
    return recorded["id"], event


def _present_change(cursor: Any, isbn: str) -> Change:
    cursor.execute(ONE_BOOK, (isbn,))
    row = cursor.fetchone()
    return None, None if row is None else Event(isbn, row["version"], make_book(row, row["version"]))


def _apply(change: Change) -> None:
    row, event = change
    # Without readers of the read model nobody need wait for it: the projector keeps it up.
    if event is not None and settings().read_model == "redis" and apply_own_event(event) and row is not None:
        note_applied(row)


def _first_answer(claimed: dict[str, Any], digest: bytes) -> dict[str, Any] | None:
    if claimed["answer"] is None:
        return None
    if bytes(claimed["request_digest"]) != digest:
        raise InvalidField("Idempotency-Key", "this key was used with another body; use a new one")
    answer: dict[str, Any] = json.loads(claimed["answer"])
    return answer


def _insert_book(cursor: Any, book: dict[str, Any], ids: Ids) -> int:
    isbn = book["isbn"]
    try:
        # The last version is asked only now: with the lock on the new row nobody else can create or delete this ISBN.
        *_, deleted = cursor.execute_all(
            (ADD_BOOK, (*_columns(book, ids), isbn)), _add_authors(book, ids), (LAST_VERSION, (isbn,))
        )
    except IntegrityError as error:
        if error.errno != errorcode.ER_DUP_ENTRY:
            raise
        raise AlreadyExists("There is a book with this ISBN.", "isbn") from None
    return int(deleted[0]["version"]) + 1 if deleted else 1


def _check_locked(locked: list[dict[str, Any]], matches: Matches) -> int:
    if not locked:
        raise NotFound("There is no book with this ISBN.")
    version: int = locked[0]["version"]
    if not matches(version):
        raise PreconditionFailed("The book has another version than If-Match names.")
    return version


def _columns(book: dict[str, Any], ids: Ids) -> tuple[Any, ...]:
    return (
        book["title"],
        title_key(book["title"]),
        book["year"],
        book["price"],
        book["stock"],
        ids.get(("genres", book["genre"])),  # None keeps the one that the row has
        ids.get(("formats", book["format"])),
    )


def _add_authors(book: dict[str, Any], ids: Ids) -> Statement:
    names = book["authors"]
    rows = [(book["isbn"], position, ids["authors", name]) for position, name in enumerate(names, start=1)]
    return ADD_AUTHORS.format(", ".join(["(%s, %s, %s)"] * len(rows))), [value for row in rows for value in row]


def _find_names(fields: dict[str, Any]) -> Statement:
    authors = fields.get("authors") or [None]
    return FIND_NAMES.format(", ".join(["%s"] * len(authors))), (fields.get("genre"), fields.get("format"), *authors)


def _complete_ids(cursor: Any, fields: dict[str, Any], found: list[dict[str, Any]]) -> Ids:
    ids = {(row["kind"], row["name"]): int(row["id"]) for row in found}
    wanted = {("authors", name) for name in fields.get("authors", ())}
    wanted |= {(kind, fields[field]) for kind, field in (("genres", "genre"), ("formats", "format")) if field in fields}
    # In one order, so that two commands that add the same names cannot deadlock.
    for kind, name in sorted(wanted - ids.keys()):
        _, (row,) = cursor.execute_all((ADD_NAME[kind], (name, name.casefold())), (FIND_NAME[kind], (name,)))
        ids[kind, name] = int(row["id"])
    return ids
