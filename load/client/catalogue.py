"""The catalogue as a client sees it: the form and order of its books, reading all of them, and removing a load's."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import requests

from load.client.http_client import MALFORMED, ask, bearer, explain, open_http
from load.client.progress import work_through
from load.client.refusal import Refused

Book = dict[str, Any]
SortKey = tuple[str, str]  # what the catalogue is ordered by: the title without regard to case, then the ISBN
Filter = tuple[str, str]  # what a list of books is filtered by: a field, and its value without regard to case

REMOVALS_AT_A_TIME = 8
OWN_PREFIX = "979"  # the ISBNs of books that loads add, and how their titles begin
OWN_TITLE = "Another "
ALL: Filter = ("", "")  # no filter
BOOK_TYPES = {
    "isbn": str, "title": str, "authors": list, "genre": str, "format": str,
    "year": int, "price": str, "stock": int, "version": int,
}  # fmt: skip
PRICE = re.compile(r"\d+\.\d\d")
NO_CACHE = {"Cache-Control": "no-cache"}  # has MariaDB answer instead of the read model


class SignedOut(Refused):
    """The session whose token was sent has ended."""


class Fingerprint(NamedTuple):
    """What tells cheaply whether a catalogue has changed: how many books MariaDB has, and the read model's version.

    A version is `<generation>-<changes>`; "mariadb" where there is no read model, "" where none answered.
    """

    books: int
    version: str

    @property
    def generation(self) -> str:
        """Which read model it is; it changes when the data is loaded anew, or Redis is restarted or emptied."""
        return self.version.partition("-")[0]


def find_fault_in_form(book: Book) -> str:
    """Return in words what is wrong with the fields of a book and their types, "" when nothing is."""
    if {name: type(value) for name, value in book.items()} != BOOK_TYPES:
        return "not the fields of a book"
    if not PRICE.fullmatch(book["price"]):
        return "the price has not two decimals"
    named = book["authors"] and all(type(author) is str for author in book["authors"])
    return "" if book["version"] >= 1 and named else "a book without version or authors"


def has_whole_numbers(book: Book) -> bool:
    """Tell whether the numbers of a book are integers, because `==` takes 2001.0 for 2001, and True for 1."""
    return type(book["year"]) is type(book["stock"]) is type(book["version"]) is int


def sort_key_of(book: Book) -> SortKey:
    """Return the key by which a book is sorted into the catalogue."""
    return book["title"].casefold(), book["isbn"]


def filters_of(book: Book) -> set[Filter]:
    """Return the filters that a book passes: ALL, and those by its genre, its format and each author."""
    authors = {("author", author.casefold()) for author in book["authors"]}
    return {ALL, ("genre", book["genre"].casefold()), ("format", book["format"].casefold()), *authors}


def read_catalogue(books_url: str, token: Callable[[], str]) -> Iterator[Book]:
    """Yield every book of the catalogue as MariaDB has it; one page at a time is in memory.

    `token` gives the access token for each page. An older service, which ignores `no-cache` on lists, answers from its
    read model. Raises Refused when the catalogue cannot be read, or when a page does not begin behind the last one:
    such pages might never end.
    """
    http = open_http()
    query: dict[str, str | int] = {"limit": 100}
    last: SortKey = ("", "")
    while True:
        try:
            answer = ask(http, "GET", f"{books_url}/api/books", params=query, headers={**bearer(token()), **NO_CACHE})
            page = answer.json()
            items, following = list(page["items"]), page["next"]
            order = [last, *(sort_key_of(book) for book in items if not find_fault_in_form(book))]
        except (requests.RequestException, *MALFORMED) as problem:
            raise unreadable(books_url, problem if isinstance(problem, requests.RequestException) else answer) from None
        goes_on = following is None or (items and following != query.get("after"))
        if not goes_on or not all(one < two for one, two in itertools.pairwise(order)):
            raise Refused(f"the pages of the catalogue at {books_url} do not go on from book to book", 1)
        yield from items
        if following is None:
            return
        query["after"], last = following, order[-1]


def read_fingerprint(books_url: str, token: str) -> Fingerprint:
    """Ask MariaDB for the number of its books, and the read model for its version.

    A read model that does not answer refuses nothing here: the load will show it. Raises Refused when MariaDB does not
    count its books, SignedOut when the token is not accepted.
    """
    http = open_http()
    headers = {"MariaDB": NO_CACHE, "read model": {}}

    def look(source: str) -> tuple[str, requests.Response | requests.RequestException]:
        try:
            return source, ask(http, "GET", f"{books_url}/api/books?limit=1", headers=bearer(token) | headers[source])
        except requests.RequestException as problem:
            return source, problem

    answers = dict(work_through(list(headers), look, "", len(headers)))
    counted, versioned = answers["MariaDB"], answers["read model"]
    try:
        total = int(counted.json()["total"]) if isinstance(counted, requests.Response) else None
    except MALFORMED:
        total = None
    if total is None:
        raise unreadable(books_url, counted)
    version = versioned.headers.get("Catalogue-Version", "") if isinstance(versioned, requests.Response) else ""
    return Fingerprint(total, version)


def unreadable(books_url: str, reason: requests.Response | Exception) -> Refused:
    """Return what to raise when the catalogue could not be read because of an answer or an exception."""
    words = f"the catalogue at {books_url} cannot be read"
    if isinstance(reason, requests.Response):
        return (SignedOut if reason.status_code == 401 else Refused)(f"{words} ({explain(reason)})", 1)
    return Refused(f"{words} ({type(reason).__name__})", 1)


def is_own(book: Book) -> bool:
    """Tell whether a book may be one that a load, this or another, has added."""
    return str(book.get("isbn")).startswith(OWN_PREFIX)


def is_leftover(book: Book) -> bool:
    """Tell whether a book must be a load's, by ISBN and title: real books have ISBNs with that prefix too."""
    return is_own(book) and str(book.get("title")).startswith(OWN_TITLE)


def remove_books(books_url: str, token: Callable[[], str], isbns: Iterable[str]) -> Iterator[str]:
    """Delete books, and yield the ISBN of each that is gone; a book that could not be deleted is left out."""
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
