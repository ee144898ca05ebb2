"""Walks over the catalogue as a client, tells the books that a load has added, and removes them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import requests

from register_users import work_through
from services import Refused, ask, explain, open_http
from sign_in import bearer

REMOVALS_AT_A_TIME = 8


def read_catalogue(books_url: str, token: str) -> list[dict[str, Any]]:
    """Return every book of the catalogue; raises Refused."""
    http = open_http()
    books: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": 100}
    while True:
        try:
            answer = ask(http, "GET", f"{books_url}/api/books", params=query, headers=bearer(token))
            page = answer.json()
            books += page["items"]
            if page["next"] is None:
                return books
            query["after"] = page["next"]
        except (requests.RequestException, ValueError, KeyError, TypeError) as problem:
            reason = type(problem).__name__ if isinstance(problem, requests.RequestException) else explain(answer)
            raise Refused(f"the catalogue at {books_url} cannot be read ({reason})", 1) from None


def is_own(book: dict[str, Any]) -> bool:
    """Tell whether a book is one that a load, this or another, has added."""
    return bool(book["isbn"].startswith("979"))


def remove_books(books_url: str, token: Callable[[], str], isbns: Iterable[str]) -> Iterator[str]:
    """Delete books and yield the ISBN of each that is gone, as they go; those that fail are passed over."""
    http = open_http()

    def remove(isbn: str) -> str | None:
        try:
            answer = ask(http, "DELETE", f"{books_url}/api/books/{isbn}", headers=bearer(token()))
        except requests.RequestException:
            return None
        return isbn if answer.status_code in (204, 404) else None

    for isbn in work_through(sorted(isbns), remove, "", REMOVALS_AT_A_TIME):
        if isbn:
            yield isbn
