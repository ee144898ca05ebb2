"""The actions of a load that write: each user adds, changes and deletes a few books of its own, over and over."""

import random
import uuid
from collections.abc import Callable
from typing import Any

from analysis.records.formats import ACKNOWLEDGED, UNKNOWN
from load.client.catalogue import OWN_TITLE
from load.recording.ledger import outcome_of
from load.users.user import Answer, Book, Copy, LibraryUser, body_of, expect, send

# Which earlier write, of unknown outcome, can be the reason for such an answer to a write: it took effect late.
LATE = {
    ("POST", 409): {"POST"},
    ("PATCH", 404): {"DELETE"},
    ("PATCH", 412): {"POST", "PATCH"},
    ("DELETE", 404): {"DELETE"},
    ("DELETE", 412): {"POST", "PATCH"},
}


def pick(user: LibraryUser, state: str) -> Copy | None:
    """Return one of the user's own books in that state, after asking about those with an unknown outcome."""
    for copy in user.own:
        if copy.state == "unknown":
            settle(user, copy)
    fitting = [copy for copy in user.own if copy.state == state]
    return random.choice(fitting) if fitting else None


def settle(user: LibraryUser, copy: Copy) -> None:
    """Ask MariaDB what became of a write whose outcome is unknown; under a name that is no part of the planned mix."""

    def check(answer: Answer) -> None:
        if answer.status_code == 404:
            copy.state = "free"
            return
        book = body_of(answer, 200)
        copy.state, copy.version, copy.stock = "shelved", book["version"], book["stock"]

    headers = {**user.bearer(), "Cache-Control": "no-cache"}
    send(user, "GET", f"{user.books}/{copy.isbn}", "no-cache /api/books/{isbn}", check, headers=headers)


def write(user: LibraryUser, copy: Copy, method: str, check: Callable[[Answer], Any], **parts: Any) -> bool:
    """Send one write and tell whether its answer was what `check` wants; anything else leaves the outcome unknown.

    An answer that shows the late effect of an earlier write of unknown outcome is right, but tells nothing of the book.
    """
    name, url = ("/api/books", user.books) if method == "POST" else ("/api/books/{isbn}", f"{user.books}/{copy.isbn}")
    copy.state, before = "unknown", copy.doubts
    copy.doubts = before | {method}  # until there is an answer that tells

    def check_in_doubt(answer: Answer) -> Any:
        outcome = outcome_of(answer.status_code)
        if outcome != UNKNOWN:
            copy.doubts = frozenset() if outcome == ACKNOWLEDGED else before
        if before & LATE.get((method, answer.status_code), set()):
            body_of(answer, answer.status_code)
            return None
        return check(answer)

    headers = {**user.bearer(), **parts.pop("headers", {})}
    version = send(user, method, url, name, check_in_doubt, headers=headers, **parts)
    copy.version = version or copy.version
    return bool(version)


def check_version(answer: Answer, status: int, isbn: str) -> int:
    """Return the version in the answer to a POST or PATCH; raises RequestFailed."""
    body = body_of(answer, status)
    expect(body.keys() == {"isbn", "version"} and body["isbn"] == isbn, "not the isbn and version of this book")
    expect(answer.headers.get("ETag") == f'"{body["version"]}"', "an ETag that is not the version")
    return int(body["version"])


def add_book(user: LibraryUser) -> None:
    """Add one of the user's own books; delete one when all are there."""
    copy = pick(user, "free")
    if copy:
        add(user, copy)
    elif copy := pick(user, "shelved"):
        delete(user, copy)


def change_book(user: LibraryUser) -> None:
    """Change price and stock of one of the user's own books; add one when none is there."""
    copy = pick(user, "shelved")
    if copy:
        change(user, copy)
    elif copy := pick(user, "free"):
        add(user, copy)


def delete_book(user: LibraryUser) -> None:
    """Delete one of the user's own books; add one when none is there."""
    copy = pick(user, "shelved")
    if copy:
        delete(user, copy)
    elif copy := pick(user, "free"):
        add(user, copy)


def new_book(user: LibraryUser, isbn: str) -> Book:
    """Return a book with authors, genre and format of the catalogue, so that only the book is new."""
    like = random.choice(user.load.snapshot.catalogue)
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


def add(user: LibraryUser, copy: Copy) -> None:
    """Send POST /api/books."""
    book, before = new_book(user, copy.isbn), copy.version

    def check(answer: Answer) -> int:
        version = check_version(answer, 201, copy.isbn)
        expect(version > before, "a version that this book had before")
        expect((answer.headers.get("Location") or "").endswith(f"/api/books/{copy.isbn}"), "not the book's Location")
        return version

    user.load.to_remove.add(copy.isbn)
    if write(user, copy, "POST", check, json=book, headers={"Idempotency-Key": str(uuid.uuid4())}):
        copy.state, copy.stock = "shelved", book["stock"]


def change(user: LibraryUser, copy: Copy) -> None:
    """Send PATCH /api/books/{isbn}, for the version that the user knows."""
    before = copy.version
    # Never the stock of before: a change that changes nothing would keep the version.
    stock = (copy.stock + random.randint(1, 500)) % 1000
    body = {"price": f"{random.randint(100, 9999) / 100:.2f}", "stock": stock}

    def check(answer: Answer) -> int:
        version = check_version(answer, 200, copy.isbn)
        expect(version == before + 1, "a version that did not rise by one")
        return version

    if write(user, copy, "PATCH", check, json=body, headers={"If-Match": f'"{before}"'}):
        copy.state, copy.stock = "shelved", stock


def delete(user: LibraryUser, copy: Copy) -> None:
    """Send DELETE /api/books/{isbn}, for the version that the user knows: late, it cannot take a changed book away."""
    before = copy.version

    def check(answer: Answer) -> int:
        expect(body_of(answer, 204) is None, "204 with a body")
        return before

    if write(user, copy, "DELETE", check, headers={"If-Match": f'"{before}"'}):
        copy.state = "free"
        user.load.to_remove.discard(copy.isbn)
