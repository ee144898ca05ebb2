"""Asks both sources of the books, the read model and MariaDB, until they show the same."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import requests

from analysis.records.results_folder import ReadBack, Shown
from load.client.catalogue import NO_CACHE
from load.client.http_client import ask, bearer, open_http
from load.client.progress import work_through

ASKED_AT_A_TIME = 8
LONGEST_ASKING_S = 120.0
LONGEST_LAG_S = 10.0  # for so long the read model may differ from MariaDB
SOURCE_HEADERS: dict[str, dict[str, str]] = {"read_model": {}, "database": NO_CACHE}
Books = dict[str, dict[str, Shown]]  # by ISBN, what each source shows


class BooksService(NamedTuple):
    """The books service, and a token for it."""

    url: str
    token: str


def ask_for_books(service: BooksService, isbns: Iterable[str], until: float) -> Books:
    """Return what both sources show of each book; a book without an answer in time is left out."""
    http = open_http()

    def look(isbn: str) -> tuple[str, dict[str, Shown]] | None:
        try:
            return isbn, {name: ask_for_book(http, service, isbn, each) for name, each in SOURCE_HEADERS.items()}
        except (requests.RequestException, ValueError, RecursionError):  # the last of JSON that is nested without end
            return None

    books: Books = {}
    for found in work_through(sorted(isbns), look, "", ASKED_AT_A_TIME):
        if found:
            books[found[0]] = found[1]
        if time.monotonic() > until:
            break
    return books


def ask_for_book(http: requests.Session, service: BooksService, isbn: str, headers: dict[str, str]) -> Shown:
    """Return what one source shows of a book; raises RequestException, or ValueError for another status or no JSON."""
    answer = ask(http, "GET", f"{service.url}/api/books/{isbn}", headers={**bearer(service.token), **headers})
    if answer.status_code not in (200, 404):
        raise ValueError(answer.status_code)
    return Shown(answer.status_code, answer.json() if answer.status_code == 200 else None)


def read_back(service: BooksService, isbns: set[str]) -> ReadBack:
    """Ask both sources for books, again for those that differ, until none does or one does after the longest lag."""
    began, at = time.monotonic(), time.time()
    until = began + LONGEST_ASKING_S
    books = ask_for_books(service, isbns, until)
    asked_s = 0.0  # when those that differed were asked for again
    while (differing := find_differing(books)) and asked_s <= LONGEST_LAG_S:
        time.sleep(0.1)
        asked_s = time.monotonic() - began
        books |= ask_for_books(service, differing, until)
    lag_s = None if differing else asked_s
    return ReadBack(at=at, lag_s=lag_s, complete=books.keys() == isbns, isbns=dict(sorted(books.items())))


def find_differing(books: Books) -> list[str]:
    """Return the ISBNs of which the two sources show different things."""
    return [isbn for isbn, shown in books.items() if shown["read_model"] != shown["database"]]
