"""Read side of the catalogue: changes nothing."""

import base64
import binascii
import json
from typing import Any

from backend.database import reading
from backend.errors import InvalidField, NotFound

BOOK = """
  SELECT b.isbn, b.title, b.title_key, b.year, b.price, b.stock, b.version,
    (SELECT name FROM genres WHERE id = b.genre_id) AS genre,
    (SELECT name FROM formats WHERE id = b.format_id) AS format,
    (SELECT JSON_ARRAYAGG(a.name ORDER BY ba.position)
       FROM book_authors ba JOIN authors a ON a.id = ba.author_id WHERE ba.isbn = b.isbn) AS authors
"""
ONE_BOOK = BOOK + "FROM books b WHERE b.isbn = %(isbn)s"
COUNT = "SELECT COUNT(*) AS total FROM books b"
# The page is chosen on indexes alone; only its books are then read.
PAGE_OF_KEYS = "SELECT b.isbn FROM books b"
ORDER = " ORDER BY b.title_key, b.isbn"
FILTERS = {
    "author": "b.isbn IN (SELECT ba.isbn FROM book_authors ba JOIN authors a ON a.id = ba.author_id"
    " WHERE a.name_key = %(author)s)",
    "genre": "b.genre_id IN (SELECT id FROM genres WHERE name_key = %(genre)s)",
    "format": "b.format_id IN (SELECT id FROM formats WHERE name_key = %(format)s)",
}
AFTER = "b.title_key >= %(title_key)s AND (b.title_key > %(title_key)s OR b.isbn > %(isbn)s)"


def get_book(isbn: str) -> dict[str, Any]:
    """Give one book by its 13 digits, in the shape of the API. Raises NotFound."""
    with reading() as cursor:
        cursor.execute(ONE_BOOK, {"isbn": isbn})
        row = cursor.fetchone()
    if row is None:
        raise NotFound("There is no book with this ISBN.")
    return _book(row)


def list_books(limit: int, after: str | None = None, **names: str | None) -> dict[str, Any]:
    """Give a page of at most `limit` books ordered by title without regard to case, then ISBN.

    `names` filters by `author`, `genre` and `format`, exact without regard to case; `after` is the `next` of the
    page before. Gives `{items, next, total}`, total over all pages. Raises InvalidField for a bad `after`.
    """
    filters: dict[str, Any] = {field: name.casefold() for field, name in names.items() if name is not None}
    conditions = [FILTERS[field] for field in filters]
    count = _where(COUNT, conditions)
    values = {**filters, "limit": limit + 1}
    if after is not None:
        values["title_key"], values["isbn"] = _read_cursor(after)
        conditions = [*conditions, AFTER]
    keys = _where(PAGE_OF_KEYS, conditions) + ORDER + " LIMIT %(limit)s"
    page = BOOK + ", (" + count + ") AS total FROM (" + keys + ") page JOIN books b ON b.isbn = page.isbn"
    with reading() as cursor:
        cursor.execute(page, values)
        rows = sorted(cursor.fetchall(), key=lambda row: (row["title_key"], row["isbn"]))
        if not rows and after is not None:
            cursor.execute(count, filters)
            total = cursor.fetchone()["total"]
        else:
            total = rows[0]["total"] if rows else 0
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "items": [_book(row) for row in rows[:limit]],
        "next": _write_cursor(last["title_key"], last["isbn"]) if last else None,
        "total": total,
    }


def _where(statement: str, conditions: list[str]) -> str:
    return statement + (" WHERE " + " AND ".join(conditions) if conditions else "")


def _book(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "isbn": row["isbn"],
        "title": row["title"],
        "authors": json.loads(row["authors"]),
        "genre": row["genre"],
        "format": row["format"],
        "year": row["year"],
        "price": str(row["price"]),
        "stock": row["stock"],
        "version": row["version"],
    }


def _write_cursor(title_key: str, isbn: str) -> str:
    return base64.urlsafe_b64encode(f"{isbn}{title_key}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[str, str]:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    isbn, title_key = plain[:13], plain[13:]
    if not (isbn.isascii() and isbn.isdigit() and len(isbn) == 13 and title_key):
        raise InvalidField("after", "it must be the `next` of the page before")
    return title_key, isbn
