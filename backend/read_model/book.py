"""What a book of the catalogue looks like: its JSON, its key in the order of titles, and the indexes that list it."""

import json
from typing import Any

# The whole of a book, read from MariaDB.
BOOK = """
  SELECT b.isbn, b.title, b.title_key, b.year, b.price, b.stock, b.version,
    (SELECT name FROM genres WHERE id = b.genre_id) AS genre,
    (SELECT name FROM formats WHERE id = b.format_id) AS format,
    COALESCE((SELECT JSON_ARRAYAGG(a.name ORDER BY ba.position)
       FROM book_authors ba JOIN authors a ON a.id = ba.author_id WHERE ba.isbn = b.isbn), '[]') AS authors
"""
ONE_BOOK = BOOK + "FROM books b WHERE b.isbn = %s"
LONGEST_KEY = 760  # of the column title_key; only a title of 254 characters that all fold into three is longer


def make_book(fields: dict[str, Any], version: int) -> dict[str, Any]:
    """Give a book in the shape of the API from its fields; the price is a decimal, `authors` a list or its JSON."""
    authors = fields["authors"]
    return {
        "isbn": fields["isbn"],
        "title": fields["title"],
        "authors": json.loads(authors) if isinstance(authors, str) else authors,
        "genre": fields["genre"],
        "format": fields["format"],
        "year": fields["year"],
        "price": str(fields["price"]),
        "stock": fields["stock"],
        "version": version,
    }


def title_key(title: str) -> str:
    """Give the key by which titles are ordered: the title without regard to case."""
    return title.casefold()[:LONGEST_KEY]


def indexes_of(book: dict[str, Any]) -> list[str]:
    """Name the indexes that list a book: `all`, and one for each filter that finds it."""
    genre, book_format = book["genre"].casefold(), book["format"].casefold()
    authors = {name.casefold() for name in book["authors"]}
    return ["all", *indexes_for(None, genre, book_format), *indexes_for(None, genre, None),
            *indexes_for(None, None, book_format), *(f"author:{name}" for name in sorted(authors))]  # fmt: skip


def indexes_for(author: str | None, genre: str | None, book_format: str | None) -> list[str]:
    """Name the indexes whose common books are those with the case-folded names given; without any name, `all`.

    Genre and format together have an index of their own: each alone may hold a large part of the catalogue.
    """
    names = [] if author is None else [f"author:{author}"]
    if genre is not None and book_format is not None:
        names.append(f"genre+format:{len(genre)}:{genre}{book_format}")
    elif genre is not None:
        names.append(f"genre:{genre}")
    elif book_format is not None:
        names.append(f"format:{book_format}")
    return names or ["all"]
