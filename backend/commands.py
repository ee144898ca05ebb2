"""Write side of the catalogue: changes it, and answers with an ISBN and a version.

A command writes its rows and the event that tells of them in one transaction. After the commit it applies the event to
the read model before it answers, so that its client reads what it wrote; if it cannot, the projector does.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from mysql.connector.errors import IntegrityError

from backend.catalogue import make_book, title_key
from backend.config import settings
from backend.database import writing
from backend.errors import AlreadyExists, InvalidField, NotFound, PreconditionFailed
from backend.outbox import note_applied, record_event
from backend.projection import Event, apply_own_event
from backend.queries import ONE_BOOK

# One row per name: found, or added when it is new. One statement finds all, as each is a round trip.
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
ADD_AUTHORS = "INSERT INTO book_authors (isbn, position, author_id) VALUES {}"

Ids = dict[tuple[str, str], int]  # by kind and name
Matches = Callable[[int], bool]
Change = tuple[int | None, Event | None]  # the id of its row in the outbox, and the event to apply


def add_book(book: dict[str, Any], user_id: str, key: str | None = None) -> tuple[dict[str, Any], bool]:
    """Add a book; give `{isbn, version}` and whether this is a replay of the first answer to the idempotency `key`.

    Raises AlreadyExists, or InvalidField when the key came with another body before.
    """
    with writing() as cursor:
        first = None if key is None else _claim_key(cursor, user_id, key, book)
        if first is None:
            version = _insert_book(cursor, book)
            change = _record(cursor, book["isbn"], version, book)
        else:  # the command that gave the first answer may have ended before it applied its event
            version = first["version"]
            change = _present_change(cursor, book["isbn"])
        answer = {"isbn": book["isbn"], "version": version}
        if key is not None and first is None:
            _keep_answer(cursor, user_id, key, answer)
    _apply(change)
    return answer, first is not None


def change_book(isbn: str, changes: dict[str, Any], matches: Matches) -> dict[str, Any]:
    """Set the fields in `changes`; give `{isbn, version}`. A change of nothing keeps the version.

    `matches` says of a version whether the caller's precondition holds. Raises NotFound, PreconditionFailed.
    """
    with writing() as cursor:
        present = _lock_book(cursor, isbn, matches)
        changed = {field: value for field, value in changes.items() if present[field] != value}
        if not changed:
            return {"isbn": isbn, "version": present["version"]}
        book = {**present, **changed}
        version = present["version"] + 1
        ids = _find_or_add_names(cursor, book)
        cursor.execute(
            "UPDATE books SET title = %s, title_key = %s, year = %s, price = %s, stock = %s, genre_id = %s,"
            " format_id = %s, version = %s WHERE isbn = %s",
            (*_columns(book, ids), version, isbn),
        )
        if "authors" in changed:
            cursor.execute("DELETE FROM book_authors WHERE isbn = %s", (isbn,))
            _insert_authors(cursor, book, ids)
        change = _record(cursor, isbn, version, book)
    _apply(change)
    return {"isbn": isbn, "version": version}


def delete_book(isbn: str, matches: Matches) -> None:
    """Delete a book and keep its last version. Raises NotFound, PreconditionFailed."""
    with writing() as cursor:
        version = _lock_book(cursor, isbn, matches)["version"]
        cursor.execute("DELETE FROM books WHERE isbn = %s", (isbn,))
        cursor.execute(
            "INSERT INTO deleted_books (isbn, version) VALUES (%s, %s)"
            " ON DUPLICATE KEY UPDATE version = %s, deleted_at = NOW()",
            (isbn, version, version),
        )
        change = _record(cursor, isbn, version, None)
    _apply(change)


def _record(cursor: Any, isbn: str, version: int, fields: dict[str, Any] | None) -> Change:
    event = Event(isbn, version, None if fields is None else make_book(fields, version))
    return record_event(cursor, event), event


def _present_change(cursor: Any, isbn: str) -> Change:
    cursor.execute(ONE_BOOK, {"isbn": isbn})
    row = cursor.fetchone()
    return None, None if row is None else Event(isbn, row["version"], make_book(row, row["version"]))


def _apply(change: Change) -> None:
    row, event = change
    # Without readers of the read model nobody need wait for it: the projector keeps it up.
    if event is not None and settings().read_model == "redis" and apply_own_event(event) and row is not None:
        note_applied(row)


def _keep_answer(cursor: Any, user_id: str, key: str, answer: dict[str, Any]) -> None:
    cursor.execute(
        "UPDATE idempotency_keys SET answer = %s WHERE user_id = %s AND idempotency_key = %s",
        (json.dumps(answer), user_id, key),
    )


def _claim_key(cursor: Any, user_id: str, key: str, book: dict[str, Any]) -> dict[str, Any] | None:
    digest = hashlib.sha256(json.dumps(book, sort_keys=True, default=str).encode()).digest()
    # ON DUPLICATE KEY takes the row's exclusive lock at once: of ten at once nine wait here, and none deadlocks.
    cursor.execute(
        "INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (%s, %s, %s)"
        " ON DUPLICATE KEY UPDATE created_at = created_at",
        (user_id, key, digest),
    )
    cursor.execute(
        "SELECT request_digest, answer FROM idempotency_keys WHERE user_id = %s AND idempotency_key = %s FOR UPDATE",
        (user_id, key),
    )
    row = cursor.fetchone()
    if row["answer"] is None:
        return None
    if bytes(row["request_digest"]) != digest:
        raise InvalidField("Idempotency-Key", "this key was used with another body; use a new one")
    answer: dict[str, Any] = json.loads(row["answer"])
    return answer


def _insert_book(cursor: Any, book: dict[str, Any]) -> int:
    ids = _find_or_add_names(cursor, book)
    try:
        cursor.execute(
            "INSERT INTO books (title, title_key, year, price, stock, genre_id, format_id, version, isbn)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s)",
            (*_columns(book, ids), book["isbn"]),
        )
    except IntegrityError:
        raise AlreadyExists("There is a book with this ISBN.", "isbn") from None
    _insert_authors(cursor, book, ids)
    # Asked only now: with the lock on the new row nobody else can create or delete this ISBN.
    cursor.execute("SELECT version FROM deleted_books WHERE isbn = %s", (book["isbn"],))
    deleted = cursor.fetchone()
    if deleted is None:
        return 1
    version = int(deleted["version"]) + 1
    cursor.execute("UPDATE books SET version = %s WHERE isbn = %s", (version, book["isbn"]))
    return version


def _lock_book(cursor: Any, isbn: str, matches: Matches) -> dict[str, Any]:
    cursor.execute("SELECT version FROM books WHERE isbn = %s FOR UPDATE", (isbn,))
    locked = cursor.fetchone()
    if locked is None:
        raise NotFound("There is no book with this ISBN.")
    if not matches(locked["version"]):
        raise PreconditionFailed("The book has another version than If-Match names.")
    # A second statement: the first one's snapshot is from before its wait for the lock.
    cursor.execute(ONE_BOOK, {"isbn": isbn})
    row = cursor.fetchone()
    return {**row, "authors": json.loads(row["authors"])}


def _columns(book: dict[str, Any], ids: Ids) -> tuple[Any, ...]:
    return (
        book["title"],
        title_key(book["title"]),
        book["year"],
        book["price"],
        book["stock"],
        ids["genres", book["genre"]],
        ids["formats", book["format"]],
    )


def _insert_authors(cursor: Any, book: dict[str, Any], ids: Ids) -> None:
    names = book["authors"]
    rows = [(book["isbn"], position, ids["authors", name]) for position, name in enumerate(names, start=1)]
    cursor.execute(
        ADD_AUTHORS.format(", ".join(["(%s, %s, %s)"] * len(rows))), [value for row in rows for value in row]
    )


def _find_or_add_names(cursor: Any, book: dict[str, Any]) -> Ids:
    authors = book["authors"]
    cursor.execute(FIND_NAMES.format(", ".join(["%s"] * len(authors))), (book["genre"], book["format"], *authors))
    ids = {(row["kind"], row["name"]): int(row["id"]) for row in cursor.fetchall()}
    wanted = {("genres", book["genre"]), ("formats", book["format"]), *(("authors", name) for name in authors)}
    # In one order, so that two commands that add the same names cannot deadlock.
    for kind, name in sorted(wanted - ids.keys()):
        cursor.execute(ADD_NAME[kind], (name, name.casefold()))
        cursor.execute(FIND_NAME[kind], (name,))
        ids[kind, name] = int(cursor.fetchone()["id"])
    return ids
