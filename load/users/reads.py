"""The actions of a load that look at the catalogue."""

import random
from typing import Any
from urllib.parse import urlencode

from load.client.catalogue import ALL, Filter, SortKey, sort_key_of
from load.client.snapshot import Snapshot
from load.run.one_load import Load
from load.users.send import Answer, body_of, expect, send
from load.users.user import LibraryUser

PAGE = 20  # books on a page when no limit is asked for


def fetch_page(user: LibraryUser, name: str, query: dict[str, str]) -> None:
    """Ask for a page of books, listed under `name`, check all of it, and remember where the next page begins."""
    last = user.next_page[1] if "after" in query and user.next_page else None
    chosen = next(((field, value.casefold()) for field, value in query.items() if field != "after"), ALL)

    def check(answer: Answer) -> tuple[str, tuple[str, str]] | None:
        page = body_of(answer, 200)
        check_page(user.load, page, PAGE, last, chosen)
        return (page["next"], sort_key_of(page["items"][-1])) if page["next"] else None

    url = f"{user.books}?{urlencode(query)}" if query else user.books
    following = send(user, "GET", url, name, check, headers=user.bearer())
    if "after" in query or not query:
        user.next_page = following


def check_page(
    load: Load, page: dict[str, Any], limit: int = PAGE, after: SortKey | None = None, chosen: Filter = ALL
) -> None:
    """Check a page of at most `limit` books behind `after` of those that are `chosen`; raises RequestFailed."""
    items, following, total = page["items"], page["next"], page["total"]
    is_formed = len(page) == 3 and type(total) is int and (following is None or type(following) is str)
    expect(is_formed, "not the fields of a page")
    expect(len(items) <= limit, "more books than the limit")
    expect_no_fault(load.snapshot.find_fault_in_page(items, chosen, after, is_last=following is None))
    expect_no_fault(load.snapshot.find_fault_in_total(total, chosen, load.reserved_isbns))
    expect(following is None or len(items) == limit, "a next page after a short one")
    expect(len(items) <= total, "other books than the total has")


def expect_no_fault(fault: str) -> None:
    """Raise RequestFailed with the words of a fault, unless they are empty."""
    expect(not fault, fault)


def list_books(user: LibraryUser) -> None:
    """Look at the first page of the catalogue."""
    fetch_page(user, "/api/books", {})


def page_on(user: LibraryUser) -> None:
    """Look at the page that follows the last page looked at, or at the first page."""
    if user.next_page:
        fetch_page(user, "/api/books?after", {"after": user.next_page[0]})
    else:
        list_books(user)


def by_author(user: LibraryUser) -> None:
    """Look for the books of an author."""
    fetch_page(user, "/api/books?author", {"author": random.choice(user.load.snapshot.authors)})


def by_genre(user: LibraryUser) -> None:
    """Look for the books of a genre."""
    fetch_page(user, "/api/books?genre", {"genre": random.choice(user.load.snapshot.genres)})


def by_format(user: LibraryUser) -> None:
    """Look for the books in a format."""
    fetch_page(user, "/api/books?format", {"format": random.choice(user.load.snapshot.formats)})


def check_book(answer: Answer, isbn: str, snapshot: Snapshot) -> int:
    """Return the version of the book in an answer; raises RequestFailed for another book, or other fields."""
    book = body_of(answer, 200)
    expect_no_fault(snapshot.find_fault(book))
    expect(book["isbn"] == isbn, "another book than the one asked for")
    expect(answer.headers.get("ETag") == f'"{book["version"]}"', "an ETag that is not the version")
    return int(book["version"])


def one_book(user: LibraryUser) -> None:
    """Look at one book."""
    snapshot = user.load.snapshot
    isbn = random.choice(snapshot.isbns)
    url, name = f"{user.books}/{isbn}", "/api/books/{isbn}"
    version = send(user, "GET", url, name, lambda answer: check_book(answer, isbn, snapshot), headers=user.bearer())
    if version:
        user.seen = isbn, version


def revalidate(user: LibraryUser) -> None:
    """Ask whether the book last looked at has changed since; look at a book when there is none."""
    if not user.seen:
        return one_book(user)
    isbn, before = user.seen

    def check(answer: Answer) -> int:
        if answer.status_code == 200:
            version = check_book(answer, isbn, user.load.snapshot)
            expect(version > before, "200 for a book that has not changed")
            return version
        expect(body_of(answer, 304) is None, "304 with a body")
        expect(answer.headers.get("ETag") == f'"{before}"', "304 with another ETag")
        return before

    headers = {**user.bearer(), "If-None-Match": f'"{before}"'}
    version = send(user, "GET", f"{user.books}/{isbn}", "/api/books/{isbn} 304", check, headers=headers)
    user.seen = (isbn, version) if version else None
    return None
