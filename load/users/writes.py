"""The actions of a load that write: each user adds, changes and deletes a few books of its own, over and over."""

import random
import uuid
from collections.abc import Callable
from typing import Any

from analysis.records.results_folder import ACKNOWLEDGED, UNKNOWN
from load.client.catalogue import OWN_TITLE, Book
from load.recording.ledger import outcome_of
from load.users.send import Answer, body_of, expect, send
from load.users.user import LibraryUser, OwnBook

# By method and status of an answer: the earlier writes of unknown outcome that explain it, if they were done late.
LATE = {
    ("POST", 409): {"POST"},
    ("PATCH", 404): {"DELETE"},
    ("PATCH", 412): {"POST", "PATCH"},
    ("DELETE", 404): {"DELETE"},
    ("DELETE", 412): {"POST", "PATCH"},
}


def pick(user: LibraryUser, state: str) -> OwnBook | None:
    """Return one of the user's own books in that state, after asking for the outcomes that are unknown."""
    for own in user.own_books:
        if own.state == "unknown":
            find_outcome(user, own)
    fitting = [own for own in user.own_books if own.state == state]
    return random.choice(fitting) if fitting else None


def find_outcome(user: LibraryUser, own: OwnBook) -> None:
    """Ask MariaDB what became of a write of unknown outcome; listed under a name that is not in the planned mix."""

    def check(answer: Answer) -> None:
        if answer.status_code == 404:
            own.state = "free"
            return
        book = body_of(answer, 200)
        own.state, own.version, own.stock = "shelved", book["version"], book["stock"]

    headers = {**user.bearer(), "Cache-Control": "no-cache"}
    send(user, "GET", f"{user.books}/{own.isbn}", "no-cache /api/books/{isbn}", check, headers=headers)


def write(user: LibraryUser, own: OwnBook, method: str, check: Callable[[Answer], Any], **parts: Any) -> bool:
    """Send one write and tell whether `check` found its answer right; otherwise the state of the book is unknown.

    An answer that an earlier write of unknown outcome explains is no failure, but it tells nothing of the book.
    """
    name, url = ("/api/books", user.books) if method == "POST" else ("/api/books/{isbn}", f"{user.books}/{own.isbn}")
    own.state, before = "unknown", own.doubts
    own.doubts = before | {method}  # until an answer tells the outcome

    def check_in_doubt(answer: Answer) -> Any:
        outcome = outcome_of(answer.status_code)
        if outcome != UNKNOWN:
            own.doubts = frozenset() if outcome == ACKNOWLEDGED else before
        if before & LATE.get((method, answer.status_code), set()):
            body_of(answer, answer.status_code)
            return None
        return check(answer)

    headers = {**user.bearer(), **parts.pop("headers", {})}
    version = send(user, method, url, name, check_in_doubt, headers=headers, **parts)
    own.version = version or own.version
    return bool(version)


def check_version(answer: Answer, status: int, isbn: str) -> int:
    """Return the version in the answer to a POST or PATCH; raises RequestFailed."""
    body = body_of(answer, status)
    expect(body.keys() == {"isbn", "version"} and body["isbn"] == isbn, "not the isbn and version of this book")
    expect(answer.headers.get("ETag") == f'"{body["version"]}"', "an ETag that is not the version")
    return int(body["version"])


def add_book(user: LibraryUser) -> None:
    """Add one of the user's own books; delete a book when all are there."""
    own = pick(user, "free")
    if own:
        add(user, own)
    elif own := pick(user, "shelved"):
        delete(user, own)


def change_book(user: LibraryUser) -> None:
    """Change price and stock of one of the user's own books; add a book when none is there."""
    own = pick(user, "shelved")
    if own:
        change(user, own)
    elif own := pick(user, "free"):
        add(user, own)


def delete_book(user: LibraryUser) -> None:
    """Delete one of the user's own books; add a book when none is there."""
    own = pick(user, "shelved")
    if own:
        delete(user, own)
    elif own := pick(user, "free"):
        add(user, own)


def new_book(user: LibraryUser, isbn: str) -> Book:
    """Return a new book whose authors, genre and format are those of a book of the catalogue."""
    like = random.choice(user.load.snapshot.books)
    return {
        "isbn": isbn,
        "title": f"{OWN_TITLE}{like['title']}"[:255],
        "authors": like["authors"],
        "genre": like["genre"],
        "format": like["format"],
        "year": like["year"],
        "price": f"{random.randint(100, 9999) / 100:.2f}",
        "stock": random.randint(0, 999),
    }


def add(user: LibraryUser, own: OwnBook) -> None:
    """Send POST /api/books."""
    book, before = new_book(user, own.isbn), own.version

    def check(answer: Answer) -> int:
        version = check_version(answer, 201, own.isbn)
        expect(version > before, "a version that this book had before")
        expect((answer.headers.get("Location") or "").endswith(f"/api/books/{own.isbn}"), "not the book's Location")
        return version

    user.load.to_remove.add(own.isbn)
    if write(user, own, "POST", check, json=book, headers={"Idempotency-Key": str(uuid.uuid4())}):
        own.state, own.stock = "shelved", book["stock"]


def change(user: LibraryUser, own: OwnBook) -> None:
    """Send PATCH /api/books/{isbn} for the version that the user knows."""
    before = own.version
    # Never the same stock as before, because a change that changes nothing keeps the version.
    stock = (own.stock + random.randint(1, 500)) % 1000
    body = {"price": f"{random.randint(100, 9999) / 100:.2f}", "stock": stock}

    def check(answer: Answer) -> int:
        version = check_version(answer, 200, own.isbn)
        expect(version == before + 1, "a version that did not rise by one")
        return version

    if write(user, own, "PATCH", check, json=body, headers={"If-Match": f'"{before}"'}):
        own.state, own.stock = "shelved", stock


def delete(user: LibraryUser, own: OwnBook) -> None:
    """Send DELETE /api/books/{isbn} for the version that the user knows: done late, it deletes no changed book."""
    before = own.version

    def check(answer: Answer) -> int:
        expect(body_of(answer, 204) is None, "204 with a body")
        return before

    if write(user, own, "DELETE", check, headers={"If-Match": f'"{before}"'}):
        own.state = "free"
        user.load.to_remove.discard(own.isbn)
