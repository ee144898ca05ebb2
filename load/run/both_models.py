"""Asks for books on the two roads that lead to them, the read model and MariaDB, until both show the same."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import requests

from analysis.records.formats import BOOK_SOURCES, ReadBack, Shown
from load.client.progress import work_through
from load.client.services import ask, open_http
from load.client.sign_in import bearer

ASKED_AT_A_TIME = 8
LONGEST_ASKING_S = 120.0
LONGEST_LAG_S = 10.0  # the read model is waited for that long
HEADERS: dict[str, dict[str, str]] = {"read_model": {}, "database": {"Cache-Control": "no-cache"}}
Books = dict[str, dict[str, Shown]]  # what each road shows, by ISBN


class Service(NamedTuple):
    """The books service, and a token for it."""

    url: str
    token: str


def look_at(service: Service, isbns: Iterable[str], until: float) -> Books:
    """Return what both roads show of each book; those that do not answer in time are left out."""
    http = open_http()

    def look(isbn: str) -> tuple[str, dict[str, Shown]] | None:
        try:
            return isbn, {road: show(http, service, isbn, HEADERS[road]) for road in BOOK_SOURCES}
        except (requests.RequestException, ValueError):
            return None

    books: Books = {}
    for found in work_through(sorted(isbns), look, "", ASKED_AT_A_TIME):
        if found:
            books[found[0]] = found[1]
        if time.monotonic() > until:
            break
    return books


def show(http: requests.Session, service: Service, isbn: str, headers: dict[str, str]) -> Shown:
    """Return what one road shows of a book; raises RequestException, or ValueError for an answer that says nothing."""
    answer = ask(http, "GET", f"{service.url}/api/books/{isbn}", headers={**bearer(service.token), **headers})
    if answer.status_code not in (200, 404):
        raise ValueError(answer.status_code)
    return Shown(answer.status_code, answer.json() if answer.status_code == 200 else None)


def read_back(service: Service, isbns: set[str]) -> ReadBack:
    """Read books on both roads, again where the two differ, until they agree or the longest lag has passed."""
    began, at = time.monotonic(), time.time()
    until = began + LONGEST_ASKING_S
    books = look_at(service, isbns, until)
    lag_s: float | None = 0.0
    while differing := [isbn for isbn, shown in books.items() if shown["read_model"] != shown["database"]]:
        lag_s = time.monotonic() - began
        if lag_s > LONGEST_LAG_S:
            lag_s = None
            break
        time.sleep(0.1)
        books |= look_at(service, differing, until)
    return ReadBack(at=at, lag_s=lag_s, complete=books.keys() == isbns, isbns=dict(sorted(books.items())))
