"""The actions of a load that write: each user adds, changes and deletes a few books of its own, over and over."""

import random
import uuid
from collections.abc import Callable
from typing import Any

from analysis.records.results_folder import ACKNOWLEDGED, REFUSED
from load.client.catalogue import OWN_TITLE, Book
from load.recording.ledger import outcome_of
from load.users.reads import check_book
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
ABSENT = {"POST", "DELETE"}  # a book may be absent if one of these writes is of unknown outcome: not done, or done
OTHERWISE = (404, 409, 412)  # refusals that say that the book is not as the user knows it


def choose(user: LibraryUser, state: str) -> OwnBook:
    """Return one of the user's own books in that state; else a book in the other known state, else a new book.

    Before that, ask what became of one write of unknown outcome: one, because nobody thinks between these requests. The
    new book keeps the mix as planned while the outcomes of all books are unknown, as in an outage of MariaDB.
    """
    if unknown := [own for own in user.own_books if own.state == "unknown"]:
        find_outcome(user, random.choice(unknown))
    known = [own for own in user.own_books if own.state != "unknown"]
    if fitting := [own for own in known if own.state == state] or known:
        return random.choice(fitting)
    (isbn,) = user.load.isbns.reserve(1)
    user.own_books.append(OwnBook(isbn))
    return user.own_books[-1]


def find_outcome(user: LibraryUser, own: OwnBook) -> None:
    """Ask MariaDB what became of a write of unknown outcome; listed under a name that is not in the planned mix.

    After an answer that is wrong the state of the book stays unknown, but for a 404 that nothing explains: that is told
    once, and the book is added anew.
    """

    def check(answer: Answer) -> None:
        if answer.status_code == 404:
            body_of(answer, 404)
            own.state = "free"
            expect(bool(own.doubts & ABSENT), "404 for a book that was there, and that no write can have deleted")
            return
        version = check_book(answer, own.isbn, user.load.snapshot)
        expect(version >= own.version, "a version that this book had before")
        own.state, own.version, own.stock = "shelved", version, body_of(answer, 200)["stock"]

    headers = {**user.bearer(), "Cache-Control": "no-cache"}
    send(user, "GET", f"{user.books}/{own.isbn}", "no-cache /api/books/{isbn}", check, headers=headers)


def write(user: LibraryUser, own: OwnBook, method: str, check: Callable[[Answer], Any], **parts: Any) -> bool:
    """Send one write and tell whether `check` found its answer right.

    Otherwise the state of the book is unknown, but for two cases: after a deletion that was acknowledged, however wrong
    its answer is otherwise, it is "free", and after a refusal that says nothing of the book, as a 429, it is as before.
    An answer that an earlier write of unknown outcome explains is no failure, but it tells nothing of the book.
    """
    name, url = ("/api/books", user.books) if method == "POST" else ("/api/books/{isbn}", f"{user.books}/{own.isbn}")
    known, before = own.state, own.doubts
    own.state = "unknown"
    own.doubts = before | {method}  # until an answer tells the outcome

    def check_in_doubt(answer: Answer) -> Any:
        outcome = outcome_of(answer.status_code)
        if outcome == ACKNOWLEDGED:
            own.doubts = frozenset()
            own.state = "free" if method == "DELETE" else "unknown"
        elif outcome == REFUSED:
            own.doubts = before
            own.state = "unknown" if answer.status_code in OTHERWISE else known
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
    expect(type(body["version"]) is int, "a version that is no whole number")
    expect(answer.headers.get("ETag") == f'"{body["version"]}"', "an ETag that is not the version")
    version: int = body["version"]
    return version


def add_book(user: LibraryUser) -> None:
    """Add one of the user's own books; delete a book when all are there."""
    own = choose(user, "free")
    (add if own.state == "free" else delete)(user, own)


def change_book(user: LibraryUser) -> None:
    """Change price and stock of one of the user's own books; add a book when none is there."""
    own = choose(user, "shelved")
    (change if own.state == "shelved" else add)(user, own)


def delete_book(user: LibraryUser) -> None:
    """Delete one of the user's own books; add a book when none is there."""
    own = choose(user, "shelved")
    (delete if own.state == "shelved" else add)(user, own)


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
