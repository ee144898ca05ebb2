"""The catalogue as a client sees it: what a book is and where it stands, all books, and those that loads have added."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import requests

from load.client.http_client import ask, explain, open_http
from load.client.progress import work_through
from load.client.refusal import Refused
from load.client.sign_in import bearer

Book = dict[str, Any]
Place = tuple[str, str]  # what the catalogue is ordered by
Key = tuple[str, str]  # a list of books: the field that it is filtered by, and the name without regard to case

REMOVALS_AT_A_TIME = 8
OWN_PREFIX = "979"  # the ISBNs of books that loads add, and how their titles begin
OWN_TITLE = "Another "
ALL: Key = ("", "")
BOOK_TYPES = {
    "isbn": str, "title": str, "authors": list, "genre": str, "format": str,
    "year": int, "price": str, "stock": int, "version": int,
}  # fmt: skip
PRICE = re.compile(r"\d+\.\d\d")
FRESH = {"Cache-Control": "no-cache"}  # asks MariaDB


class SignedOut(Refused):
    """The session whose token was sent has ended."""


class Witness(NamedTuple):
    """What can be asked of a catalogue in one trip: how many books MariaDB has, and the version of the read model.

    A version is `<generation>-<changes>`, "mariadb" where no read model stands.
    """

    books: int
    version: str

    @property
    def generation(self) -> str:
        """Which read model it is: another after the data was loaded anew, or Redis was started or emptied."""
        return self.version.partition("-")[0]


def find_flaw(book: Book) -> str:
    """Return in words what makes a book none by its form: its fields and their types; "" when it has that form."""
    if {name: type(value) for name, value in book.items()} != BOOK_TYPES:
        return "not the fields of a book"
    if not PRICE.fullmatch(book["price"]):
        return "the price has not two decimals"
    named = book["authors"] and all(type(author) is str for author in book["authors"])
    return "" if book["version"] >= 1 and named else "a book without version or authors"


def has_whole_numbers(book: Book) -> bool:
    """Tell whether the numbers of a book are integers: for `==` 2001 is also 2001.0, and 1 is True."""
    return type(book["year"]) is type(book["stock"]) is type(book["version"]) is int


def place_of(book: Book) -> Place:
    """Return what the catalogue is ordered by: the title without regard to case, then the ISBN."""
    return book["title"].casefold(), book["isbn"]


def keys_of(book: Book) -> set[Key]:
    """Return the lists in which a book stands: that of all books, and those of its genre, format and authors."""
    authors = {("author", author.casefold()) for author in book["authors"]}
    return {ALL, ("genre", book["genre"].casefold()), ("format", book["format"].casefold()), *authors}


def read_catalogue(books_url: str, token: Callable[[], str]) -> Iterator[Book]:
    """Yield every book of the catalogue as MariaDB has it, a page in memory at a time; each is asked for with the token
    of the moment.

    A service that knows no `no-cache` on lists answers from its read model. Raises Refused when the catalogue cannot be
    read, or its pages do not go on from book to book: they would never end.
    """
    http = open_http()
    query: dict[str, str | int] = {"limit": 100}
    last: Place = ("", "")
    while True:
        try:
            answer = ask(http, "GET", f"{books_url}/api/books", params=query, headers={**bearer(token()), **FRESH})
            page = answer.json()
            items, following = list(page["items"]), page["next"]
            places = [last, *(place_of(book) for book in items if not find_flaw(book))]
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise unreadable(books_url, problem if isinstance(problem, requests.RequestException) else answer) from None
        goes_on = following is None or (items and following != query.get("after"))
        if not goes_on or not all(one < two for one, two in itertools.pairwise(places)):
            raise Refused(f"the pages of the catalogue at {books_url} do not go on from book to book", 1)
        yield from items
        if following is None:
            return
        query["after"], last = following, places[-1]


def look_at_catalogue(books_url: str, token: str) -> Witness:
    """Ask how many books MariaDB has, and which read model answers: "" where none does, which is for the load to find.

    Raises Refused when MariaDB's count cannot be had, SignedOut when the token is no good.
    """
    http = open_http()
    ways = {"books": FRESH, "version": {}}

    def look(way: str) -> tuple[str, requests.Response | requests.RequestException]:
        try:
            return way, ask(http, "GET", f"{books_url}/api/books?limit=1", headers={**bearer(token), **ways[way]})
        except requests.RequestException as problem:
            return way, problem

    found = dict(work_through(list(ways), look, "", len(ways)))
    fresh, plain = found["books"], found["version"]
    try:
        total = int(fresh.json()["total"]) if isinstance(fresh, requests.Response) else None
    except (ValueError, KeyError, TypeError):
        total = None
    if total is None:
        raise unreadable(books_url, fresh)
    return Witness(total, plain.headers.get("Catalogue-Version", "") if isinstance(plain, requests.Response) else "")


def unreadable(books_url: str, reason: requests.Response | Exception) -> Refused:
    """Return what to raise when such an answer, or problem, kept the catalogue from being read."""
    words = f"the catalogue at {books_url} cannot be read"
    if isinstance(reason, requests.Response):
        return (SignedOut if reason.status_code == 401 else Refused)(f"{words} ({explain(reason)})", 1)
    return Refused(f"{words} ({type(reason).__name__})", 1)


def is_own(book: Book) -> bool:
    """Tell whether a book may be one that a load, this or another, has added."""
    return str(book.get("isbn")).startswith(OWN_PREFIX)


def is_leftover(book: Book) -> bool:
    """Tell whether a book can only be a load's: real books have ISBNs with that prefix too."""
    return is_own(book) and str(book.get("title")).startswith(OWN_TITLE)


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
