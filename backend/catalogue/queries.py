"""Read side of the catalogue: changes nothing. Answers from the read model, or from MariaDB where that is asked for."""

import base64
import binascii
import hashlib
from typing import Any

from backend import metrics
from backend.answer import Answer, to_json
from backend.caller import Caller
from backend.config import settings
from backend.errors import NotFound
from backend.read_model import lookup
from backend.read_model.book import BOOK, ONE_BOOK, indexes_for, make_book
from backend.stores.live_sessions import look_up
from backend.stores.pool import reading

COUNT = "SELECT COUNT(*) AS total FROM books b"
# The page is chosen on indexes alone; only its books are then read.
PAGE_OF_KEYS = "SELECT b.isbn FROM books b"
ORDER = " ORDER BY b.title_key, b.isbn"
# By the whole of a title key: by its first 1,024 bytes, as MariaDB sorts else, the next page could leave out books.
SORTED = "SET STATEMENT max_sort_length = 3040 FOR "
FILTERS = {
    "author": "b.isbn IN (SELECT ba.isbn FROM book_authors ba JOIN authors a ON a.id = ba.author_id"
    " WHERE a.name_key = %(author)s)",
    "genre": "b.genre_id IN (SELECT id FROM genres WHERE name_key = %(genre)s)",
    "format": "b.format_id IN (SELECT id FROM formats WHERE name_key = %(format)s)",
}
AFTER = "b.title_key >= %(title_key)s AND (b.title_key > %(title_key)s OR b.isbn > %(isbn)s)"
UNKNOWN_BOOK = "There is no book with this ISBN."
LONGEST_CURSOR = 4096  # characters
LIVE = "mariadb"  # the catalogue version of an answer from MariaDB, which is always the newest

Place = tuple[str, str]  # title key and ISBN: where a book stands in the order


def get_book(caller: Caller, isbn: str, *, fresh: bool = False) -> Answer:
    """Give one book by its 13 digits; from MariaDB when `fresh`.

    Raises NotFound, NotAuthenticated when the caller's session has ended, Unavailable without a store.
    """
    answer = None if fresh else find_book(caller, isbn)
    return answer or _get_live_book(caller, isbn, missed=not fresh)


def find_book(caller: Caller, isbn: str) -> Answer | None:
    """Give one book from the read model; None where no read model stands. Raises as get_book()."""
    found = lookup.find_book(caller, isbn) if settings().read_model == "redis" else None
    if found is None:
        return None
    if found.book is None:
        raise NotFound(UNKNOWN_BOOK)
    version = found.book.rpartition(b":")[2].rstrip(b"}")  # the last member of a book
    return Answer(found.book, version.decode(), found.catalogue_version)


def list_books(
    caller: Caller, limit: int, after: Place | None = None, *, fresh: bool = False, **names: str | None
) -> Answer:
    """Give a page of at most `limit` books ordered by title without regard to case, then ISBN; as get_book() `fresh`.

    `names` filters by `author`, `genre` and `format`, exact without regard to case; `after` is what read_cursor() gives
    for the `next` of the page before. The page is `{items, next, total}`, total over all pages. Raises as get_book().
    """
    answer = None if fresh else find_page(caller, limit, after, **names)
    return answer or _list_live_books(caller, limit, after, _keys(names), missed=not fresh)


def find_page(caller: Caller, limit: int, after: Place | None = None, **names: str | None) -> Answer | None:
    """Give a page as list_books() does, from the read model; None where no read model stands."""
    if settings().read_model == "sql":
        return None
    keys = _keys(names)
    found = lookup.find_page(caller, limit, after, indexes_for(keys["author"], keys["genre"], keys["format"]))
    return _page(found.books, found.last, found.total, found.catalogue_version) if found else None


def _keys(names: dict[str, str | None]) -> dict[str, str | None]:
    return {field: None if name is None else name.casefold() for field, name in names.items()}


def _get_live_book(caller: Caller, isbn: str, *, missed: bool) -> Answer:
    _see_before_sql(caller, missed=missed)
    with reading() as cursor:
        cursor.execute(ONE_BOOK, (isbn,))
        row = cursor.fetchone()
    if row is None:
        raise NotFound(UNKNOWN_BOOK)
    return Answer(_json(row), str(row["version"]), LIVE)


def _list_live_books(
    caller: Caller, limit: int, place: Place | None, keys: dict[str, str | None], *, missed: bool
) -> Answer:
    _see_before_sql(caller, missed=missed)
    filters: dict[str, Any] = {field: key for field, key in keys.items() if key is not None}
    conditions = [FILTERS[field] for field in filters]
    count = _where(COUNT, conditions)
    values = {**filters, "limit": limit + 1}
    if place is not None:
        values["title_key"], values["isbn"] = place
        conditions = [*conditions, AFTER]
    page = _where(PAGE_OF_KEYS, conditions) + ORDER + " LIMIT %(limit)s"
    statement = SORTED + BOOK + ", (" + count + ") AS total FROM (" + page + ") page JOIN books b ON b.isbn = page.isbn"
    with reading() as cursor:
        cursor.execute(statement, values)
        rows = sorted(cursor.fetchall(), key=_place_of)
        if not rows and place is not None:
            cursor.execute(count, filters)
            total = cursor.fetchone()["total"]
        else:
            total = rows[0]["total"] if rows else 0
    last = _place_of(rows[limit - 1]) if len(rows) > limit else None
    return _page(b",".join(_json(row) for row in rows[:limit]), last, total, LIVE)


def _see_before_sql(caller: Caller, *, missed: bool) -> None:
    if not caller.seen:
        look_up(caller)
    if missed and settings().read_model == "redis":
        metrics.READ_MODEL_MISSES.inc()


def _where(statement: str, conditions: list[str]) -> str:
    return statement + (" WHERE " + " AND ".join(conditions) if conditions else "")


def _json(row: dict[str, Any]) -> bytes:
    return to_json(make_book(row, row["version"])).encode()


def _place_of(row: dict[str, Any]) -> Place:
    return row["title_key"], row["isbn"]


def _page(books: bytes, last: Place | None, total: int, catalogue_version: str) -> Answer:
    following = b'"%s"' % _write_cursor(*last) if last else b"null"
    text = b'{"items":[%s],"next":%s,"total":%d}' % (books, following, total)
    return Answer(text, hashlib.sha256(text).hexdigest()[:32], catalogue_version)


def _write_cursor(title_key: str, isbn: str) -> bytes:
    return base64.urlsafe_b64encode(f"{isbn}{title_key}".encode()).rstrip(b"=")


def read_cursor(text: str) -> Place:
    """Give the place that the `next` of a page names. Raises ValueError for any other text."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    isbn, title_key = plain[:13], plain[13:]
    if len(text) > LONGEST_CURSOR or not (isbn.isascii() and isbn.isdigit() and len(isbn) == 13 and title_key):
        raise ValueError("it must be the `next` of the page before")
    return title_key, isbn
