"""The actions of a load that write no book: looking at the catalogue, and logging in and out."""

import random
from typing import Any
from urllib.parse import urlencode

from load.client.accounts import Account
from load.client.catalogue import ALL, sort_key_of
from load.client.sign_in import bearer
from load.client.snapshot import Snapshot
from load.users.user import Answer, LibraryUser, body_of, expect, send

PAIR = {"access_token", "refresh_token", "token_type", "expires_in"}
PAGE = 20  # books on a page when no limit is asked for


def fetch_page(user: LibraryUser, name: str, query: dict[str, str]) -> None:
    """Ask for a page of books, listed under `name`, check all of it, and remember where the next page begins."""
    load = user.load
    last = user.next_page[1] if "after" in query and user.next_page else None
    chosen = next(((field, value.casefold()) for field, value in query.items() if field != "after"), ALL)

    def check(answer: Answer) -> tuple[str, tuple[str, str]] | None:
        page = body_of(answer, 200)
        items, after, total = page["items"], page["next"], page["total"]
        expect(len(page) == 3 and type(total) is int, "not the fields of a page")
        expect(len(items) <= PAGE and total >= len(items), "a page larger than asked or counted")
        expect(after is None or (isinstance(after, str) and len(items) == PAGE), "a next page after a short one")
        expect_no_fault(load.snapshot.find_fault_in_page(items, chosen, last, is_last=after is None))
        expect_no_fault(load.snapshot.find_fault_in_total(total, chosen, load.reserved_isbns))
        return (after, sort_key_of(items[-1])) if after else None

    url = f"{user.books}?{urlencode(query)}" if query else user.books
    following = send(user, "GET", url, name, check, headers=user.bearer())
    if "after" in query or not query:
        user.next_page = following


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


def session_flow(user: LibraryUser) -> None:
    """Log in, ask who that is, refresh and log out, as one flow on a session of its own."""
    load = user.load
    logout_all_account = load.take_logout_all_account()
    account = logout_all_account or random.choice(load.flow_accounts)
    try:
        pair = log_in(user, account)
        if pair and show_me(user, account, pair) and (pair := refresh(user, pair)):
            log_out(user, "/logout/all" if logout_all_account else "/logout", pair)
    finally:
        if logout_all_account:
            load.release_logout_all_account()


def log_in(user: LibraryUser, account: Account) -> dict[str, Any] | None:
    """Send POST /login and return the two tokens, None when it failed."""
    body = {"username": account.username, "password": account.password}
    answer: dict[str, Any] | None = send(user, "POST", f"{user.load.auth_url}/login", "/login", check_pair, json=body)
    return answer


def check_pair(answer: Answer) -> dict[str, Any]:
    """Return the body of an answer that must hold a new pair of tokens; raises RequestFailed."""
    pair: dict[str, Any] = body_of(answer, 200)
    expect((set(pair), pair["token_type"]) == (PAIR, "Bearer"), "not the fields of a pair of tokens")
    expect(type(pair["expires_in"]) is int and pair["expires_in"] > 0, "expires_in is no whole number of seconds")
    expect(pair["access_token"].count(".") == pair["refresh_token"].count(".") == 2, "a token that is no JWT")
    return pair


def show_me(user: LibraryUser, account: Account, pair: dict[str, Any]) -> bool:
    """Send GET /me and tell whether it named the account."""

    def check(answer: Answer) -> bool:
        me = body_of(answer, 200)
        expect(me.keys() == {"id", "username", "email"} and type(me["id"]) is int, "not the fields of a user")
        expect(me["username"] == account.username and me["email"] == account.email, "another user than logged in")
        return True

    url = f"{user.load.auth_url}/me"
    return bool(send(user, "GET", url, "/me", check, headers=bearer(pair["access_token"])))


def refresh(user: LibraryUser, pair: dict[str, Any]) -> dict[str, Any] | None:
    """Send POST /refresh and return the new pair, None when it failed."""

    def check(answer: Answer) -> dict[str, Any]:
        new = check_pair(answer)
        expect(new["refresh_token"] != pair["refresh_token"], "the refresh token of before")
        expect(new["access_token"] != pair["access_token"], "the access token of before")
        return new

    url = f"{user.load.auth_url}/refresh"
    answer: dict[str, Any] | None = send(user, "POST", url, "/refresh", check, headers=bearer(pair["refresh_token"]))
    return answer


def log_out(user: LibraryUser, path: str, pair: dict[str, Any]) -> None:
    """Send POST /logout or /logout/all."""

    def check(answer: Answer) -> None:
        expect(body_of(answer, 204) is None, "204 with a body")

    send(user, "POST", f"{user.load.auth_url}{path}", path, check, headers=bearer(pair["access_token"]))
