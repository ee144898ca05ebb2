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

from backend.catalogue.names import Ids, NamesMissing, find_ids, find_names, using_names, with_names
from backend.config import settings
from backend.errors import AlreadyExists, InvalidField, NotFound, PreconditionFailed
from backend.read_model.book import ONE_BOOK, make_book, title_key
from backend.read_model.outbox import note_applied, record_event
from backend.read_model.projection import Event, apply_own_event
from backend.stores.mariadb import Statement
from backend.stores.pool import begin_anew_after_deadlock, writing

# Gives version 1, or 0 when the ISBN is taken: a transaction for which it is must be rolled back.
# ON DUPLICATE KEY takes the row's exclusive lock at once: of several that wait for a deletion hardly any deadlock.
ADD_BOOK = """
  INSERT INTO books (title, title_key, year, price, stock, genre_id, format_id, version, isbn)
  VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s)
  ON DUPLICATE KEY UPDATE version = 0 RETURNING version
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
# Gives the answer that was kept, NULL when there is none yet: the key then belongs to whoever holds the lock.
# ON DUPLICATE KEY takes the row's exclusive lock at once: of ten at once nine wait here, and do not deadlock.
CLAIM_KEY = """
  INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (%s, %s, %s)
  ON DUPLICATE KEY UPDATE request_digest = IF(answer IS NULL, VALUES(request_digest), request_digest)
  RETURNING request_digest, answer
"""
KEEP_ANSWER = "UPDATE idempotency_keys SET answer = %s WHERE user_id = %s AND idempotency_key = %s"

Matches = Callable[[int], bool]
Change = tuple[int | None, Event | None]  # the id of its row in the outbox, and the event to apply
UNCHANGED: Change = (None, None)


def add_book(book: dict[str, Any], user_id: str, key: str | None = None) -> tuple[dict[str, Any], bool]:
    """Add a book; give `{isbn, version}` and whether this is a replay of the first answer to the idempotency `key`.

    Raises AlreadyExists, or InvalidField when the key came with another body before.
    """
    change, answer, is_replay = with_names(lambda: _add(book, user_id, key))
    _apply(change)
    return answer, is_replay


@begin_anew_after_deadlock
def _add(book: dict[str, Any], user_id: str, key: str | None) -> tuple[Change, dict[str, Any], bool] | NamesMissing:
    digest = hashlib.sha256(json.dumps(book, sort_keys=True, default=str).encode()).digest()
    claim = [] if key is None else [(CLAIM_KEY, (user_id, key, digest))]
    with writing() as cursor, using_names():
        *claimed, found = cursor.execute_all(*claim, find_names(book))
        if first := _first_answer(claimed[0][0], digest) if claimed else None:
            # The command that gave the first answer may have ended before it applied its event.
            return _present_change(cursor, book["isbn"]), first, True
        ids = find_ids(book, found)
        if isinstance(ids, NamesMissing):  # the key stays, without an answer: taken back, others would deadlock over it
            return ids
        version = _insert_book(cursor, book, ids)
        answer = {"isbn": book["isbn"], "version": version}
        rows: list[Statement] = [] if version == 1 else [(SET_VERSION, (version, book["isbn"]))]
        rows += [] if key is None else [(KEEP_ANSWER, (json.dumps(answer), user_id, key))]
        return _write(cursor, rows, Event(book["isbn"], version, make_book(book, version))), answer, False


def change_book(isbn: str, changes: dict[str, Any], matches: Matches) -> dict[str, Any]:
    """Set the fields in `changes`; give `{isbn, version}`. A change of nothing keeps the version.

    `matches` says of a version whether the caller's precondition holds. Raises NotFound, PreconditionFailed.
    """
    change, version = with_names(lambda: _change(isbn, changes, matches))
    _apply(change)
    return {"isbn": isbn, "version": version}


@begin_anew_after_deadlock
def _change(isbn: str, changes: dict[str, Any], matches: Matches) -> tuple[Change, int] | NamesMissing:
    with writing() as cursor, using_names():
        locked, present, found = cursor.execute_all((LOCK_BOOK, (isbn,)), (ONE_BOOK, (isbn,)), find_names(changes))
        version = _check_locked(locked, matches)
        book = {**present[0], "authors": json.loads(present[0]["authors"])}
        changed = {field: value for field, value in changes.items() if book[field] != value}
        if not changed:
            return UNCHANGED, version
        ids = find_ids(changes, found)
        if isinstance(ids, NamesMissing):
            return ids
        book, version = {**book, **changed}, version + 1
        rows: list[Statement] = [(CHANGE_BOOK, (*_columns(book, ids), version, isbn))]
        if "authors" in changed:
            rows += [(REMOVE_AUTHORS, (isbn,)), _add_authors(book, ids)]
        return _write(cursor, rows, Event(isbn, version, make_book(book, version))), version


def delete_book(isbn: str, matches: Matches) -> None:
    """Delete a book and keep its last version. Raises NotFound, PreconditionFailed."""
    _apply(_delete(isbn, matches))


@begin_anew_after_deadlock
def _delete(isbn: str, matches: Matches) -> Change:
    with writing() as cursor:
        (locked,) = cursor.execute_all((LOCK_BOOK, (isbn,)))
        version = _check_locked(locked, matches)
        rows: list[Statement] = [(DELETE_BOOK, (isbn,)), (KEEP_VERSION, (isbn, version))]
        return _write(cursor, rows, Event(isbn, version, None))


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
    taken = AlreadyExists("There is a book with this ISBN.", "isbn")
    try:
        # The last version is asked only now: with the lock on the new row nobody else can create or delete this ISBN.
        (added,), _, deleted = cursor.execute_all(
            (ADD_BOOK, (*_columns(book, ids), isbn)), _add_authors(book, ids), (LAST_VERSION, (isbn,))
        )
    except IntegrityError as error:
        if error.errno != errorcode.ER_DUP_ENTRY:
            raise
        raise taken from None  # its authors were already there
    if added["version"] == 0:
        raise taken
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
