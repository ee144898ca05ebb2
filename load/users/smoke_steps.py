"""The fixed steps of the smoke walk: every route of both services, and every error that a client can provoke."""

from collections.abc import Callable
from typing import Any, NamedTuple

from load.users.send import Answer
from load.users.smoke_checks import (
    Walk,
    contains,
    is_active,
    is_deleted,
    is_ended,
    is_health,
    is_ready,
    is_replayed,
    is_shown,
    is_unchanged,
    is_unmodified,
    is_written,
    keep_pair,
    keep_seen,
    names_account,
)
from load.users.smoke_pages import SHORT, goes_on, is_filtered, is_short

# What a step sends: "json" or "data", "query", "token", "isbn" (in the path); all else is a header. A value may be a
# function that takes it from the walk.
Sent = dict[str, Any]
JSON = "application/json"
LIMIT = 16 * 1024  # bytes of the largest body


class Step(NamedTuple):
    """One request of the walk, the status of its right answer, and a check of what else the answer must say."""

    service: str
    method: str
    path: str
    status: int
    sent: Sent = {}  # noqa: RUF012  never changed
    check: Callable[[Walk, Answer], None] | None = None
    when: str = "always"  # or "first" (until a walk with the account was finished) or "once" (of the whole load)
    times: int = 1


def from_walk(name: str) -> Callable[[Walk], Any]:
    """Return a function that takes an entry from the walk."""
    return lambda walk: walk[name]


def token(name: str, pair: str = "pair") -> Callable[[Walk], str]:
    """Return a function that takes a token from the walk: of the session now, or "before" the last refresh."""
    return lambda walk: str(walk[pair][name])


def forged(name: str) -> Callable[[Walk], str]:
    """Return a function that takes a token of the session now, and changes a character of its signature.

    It is one in the middle, because the last character may be another for the same signature.
    """

    def forge(walk: Walk) -> str:
        unsigned, _, signature = token(name)(walk).rpartition(".")
        middle = len(signature) // 2
        other = "B" if signature[middle : middle + 1] == "A" else "A"
        return f"{unsigned}.{signature[:middle]}{other}{signature[middle + 1 :]}"

    return forge


def account(*names: str) -> Callable[[Walk], Sent]:
    """Return a function that takes some fields of the walk's account."""
    return lambda walk: {name: walk["account"][name] for name in names}


def wrong_password(walk: Walk) -> Sent:
    """Return the log-in of the walk's account with a password that begins as the right one does."""
    return {"username": walk["account"]["username"], "password": f"{walk['account']['password']}-wrong"}


def book(**others: Any) -> Callable[[Walk], Sent]:
    """Return a function that takes the walk's book with some fields replaced."""
    return lambda walk: {**walk["book"], **others}


def version(walk: Walk) -> str:
    """Return the version of the walk's book as an entity tag."""
    return f'"{walk["version"]}"'


def pages_of(service: str) -> list[Step]:
    """Return the steps over the pages that both services have."""
    return [
        Step(service, "GET", "/health", 200, {}, is_health(service)),
        Step(service, "GET", "/ready", 200, {}, is_ready),
        Step(service, "GET", "/metrics", 200, {"token": from_walk("metrics_token")}, contains("service_info{")),
        Step(service, "GET", "/openapi.json", 200, {}, contains('"3.1.')),
        Step(service, "GET", "/docs", 200, {}, contains("swagger")),
        Step(service, "POST", "/health", 405),
        Step(service, "GET", "/no/such/path", 404),
    ]


OTHER_STOCK = 8  # another than that of the walk's book
NOBODY: Sent = {"token": None}
MALFORMED: Sent = {"data": "{", "Content-Type": JSON}
TOO_LARGE: Sent = {"data": " " * (LIMIT + 1), "Content-Type": JSON}
NOT_JSON: Sent = {"data": "title=x", "Content-Type": "application/x-www-form-urlencoded"}
STRANGER: Sent = {"json": lambda walk: {"username": walk["stranger"], "password": "not-a-password"}}
BY_NAME: Sent = {"json": account("username", "password")}
BY_EMAIL: Sent = {"json": account("email", "password")}
REFRESH: Sent = {"token": token("refresh_token")}
FORGED: Sent = {"token": forged("access_token")}
FORGED_REFRESH: Sent = {"token": forged("refresh_token")}
REPLAY: Sent = {"token": token("refresh_token", "before")}
BY_AUTHOR: Sent = {"query": from_walk("filter")}
SAME_PAGE: Sent = {**BY_AUTHOR, "If-None-Match": from_walk("page_etag")}
SEEN: Sent = {"isbn": from_walk("seen")}
SAME_BOOK: Sent = {**SEEN, "If-None-Match": from_walk("seen_etag")}
WITH_KEY: Sent = {"json": from_walk("book"), "Idempotency-Key": from_walk("key")}
STOCK: Sent = {"json": {"stock": OTHER_STOCK}}
FRESH: Sent = {"Cache-Control": "no-cache"}  # from MariaDB: the read model may show a write a moment later
BOOKS, BOOK = "/api/books", "/api/books/{isbn}"
WRONG_ISBN = "9790000000000"

STEPS = [
    *pages_of("auth"),
    *pages_of("books"),
    # an account
    Step("auth", "POST", "/register", 400, MALFORMED),
    Step("auth", "POST", "/register", 413, TOO_LARGE),
    Step("auth", "POST", "/register", 415, NOT_JSON),
    Step("auth", "POST", "/register", 422, {"json": account("username", "email")}),
    Step("auth", "POST", "/register", 201, {"json": from_walk("account")}, names_account, "first"),
    Step("auth", "POST", "/register", 409, {"json": from_walk("account")}),
    Step("auth", "PUT", "/register", 405),
    # log-ins that fail
    Step("auth", "POST", "/login", 400, MALFORMED),
    Step("auth", "POST", "/login", 413, TOO_LARGE),
    Step("auth", "POST", "/login", 415, NOT_JSON),
    Step("auth", "POST", "/login", 422, {"json": account("username")}),
    Step("auth", "POST", "/login", 401, STRANGER),
    Step("auth", "POST", "/login", 401, STRANGER, None, "once", 9),
    Step("auth", "POST", "/login", 429, STRANGER, None, "once"),
    # once for each account: the tenth failure would lock it
    Step("auth", "POST", "/login", 401, {"json": wrong_password}, None, "first"),
    Step("auth", "GET", "/login", 405),
    # a session, refreshed and ended
    Step("auth", "GET", "/me", 401, NOBODY),
    Step("auth", "POST", "/login", 200, BY_NAME, keep_pair),
    Step("auth", "GET", "/me", 200, {}, names_account),
    Step("auth", "GET", "/me", 401, REFRESH),
    Step("auth", "GET", "/me", 401, FORGED),
    Step("auth", "DELETE", "/me", 405),
    Step("auth", "GET", "/token/status", 200, {}, is_active),
    Step("auth", "GET", "/token/status", 401, NOBODY),
    Step("auth", "GET", "/token/status", 401, REFRESH),
    Step("auth", "GET", "/token/status", 401, FORGED),
    Step("auth", "POST", "/token/status", 405),
    Step("auth", "POST", "/refresh", 401),
    Step("auth", "POST", "/refresh", 401, FORGED_REFRESH),
    Step("auth", "GET", "/refresh", 405),
    Step("auth", "POST", "/refresh", 200, REFRESH, keep_pair),
    Step("auth", "POST", "/logout", 401, NOBODY),
    Step("auth", "POST", "/logout", 401, FORGED),
    Step("auth", "GET", "/logout", 405),
    Step("auth", "POST", "/logout", 204),
    Step("auth", "POST", "/logout", 401),
    Step("auth", "GET", "/token/status", 200, {}, is_ended),
    Step("books", "GET", BOOKS, 401),
    # a refresh token used twice ends the session
    Step("auth", "POST", "/login", 200, BY_NAME, keep_pair, "first"),
    Step("auth", "POST", "/refresh", 200, REFRESH, keep_pair, "first"),
    Step("auth", "POST", "/refresh", 401, REPLAY, None, "first"),
    Step("auth", "GET", "/me", 401, {}, None, "first"),
    # the catalogue
    Step("auth", "POST", "/login", 200, BY_EMAIL, keep_pair),
    Step("books", "GET", BOOKS, 200, {"query": {"limit": str(SHORT)}}, is_short),
    Step("books", "GET", BOOKS, 200, {"query": lambda walk: {"after": walk["after"]}}, goes_on),
    Step("books", "GET", BOOKS, 200, BY_AUTHOR, is_filtered),
    Step("books", "GET", BOOKS, 304, SAME_PAGE, is_unmodified("page_etag")),
    Step("books", "GET", BOOKS, 401, NOBODY),
    Step("books", "GET", BOOKS, 401, REFRESH),
    Step("books", "GET", BOOKS, 401, FORGED),
    Step("books", "GET", BOOKS, 422, {"query": {"limit": "101"}}),
    Step("books", "GET", BOOKS, 422, {"query": {"after": "no-page"}}),
    Step("books", "PUT", BOOKS, 405),
    Step("books", "GET", BOOK, 200, SEEN, keep_seen),
    Step("books", "GET", BOOK, 304, SAME_BOOK, is_unmodified("seen_etag")),
    Step("books", "GET", BOOK, 401, NOBODY),
    Step("books", "GET", BOOK, 404, {"isbn": from_walk("absent")}),
    Step("books", "GET", BOOK, 422, {"isbn": WRONG_ISBN}),
    Step("books", "PUT", BOOK, 405),
    # a book of one's own
    Step("books", "POST", BOOKS, 400, MALFORMED),
    Step("books", "POST", BOOKS, 401, {"json": from_walk("book"), **NOBODY}),
    Step("books", "POST", BOOKS, 413, TOO_LARGE),
    Step("books", "POST", BOOKS, 415, NOT_JSON),
    Step("books", "POST", BOOKS, 422, {"json": book(year="soon")}),
    Step("books", "POST", BOOKS, 201, WITH_KEY, is_written),
    Step("books", "POST", BOOKS, 201, WITH_KEY, is_replayed),
    Step("books", "POST", BOOKS, 422, {"json": book(stock=OTHER_STOCK), "Idempotency-Key": from_walk("key")}),
    Step("books", "POST", BOOKS, 409, {"json": from_walk("book")}),
    Step("books", "GET", BOOK, 200, FRESH, is_shown()),
    Step("books", "PATCH", BOOK, 400, MALFORMED),
    Step("books", "PATCH", BOOK, 401, {**STOCK, **NOBODY}),
    Step("books", "PATCH", BOOK, 404, {**STOCK, "isbn": from_walk("absent")}),
    Step("books", "PATCH", BOOK, 412, {**STOCK, "If-Match": '"0"'}),
    Step("books", "PATCH", BOOK, 413, TOO_LARGE),
    Step("books", "PATCH", BOOK, 415, NOT_JSON),
    Step("books", "PATCH", BOOK, 422, {"json": {"isbn": WRONG_ISBN}}),
    Step("books", "PATCH", BOOK, 200, {**STOCK, "If-Match": version}, is_written),
    Step("books", "GET", BOOK, 200, FRESH, is_shown(stock=OTHER_STOCK)),
    Step("books", "PATCH", BOOK, 200, STOCK, is_unchanged),
    Step("books", "DELETE", BOOK, 401, NOBODY),
    Step("books", "DELETE", BOOK, 401, FORGED),
    Step("books", "DELETE", BOOK, 412, {"If-Match": '"0"'}),
    Step("books", "DELETE", BOOK, 422, {"isbn": WRONG_ISBN}),
    Step("books", "DELETE", BOOK, 204, {"If-Match": version}, is_deleted),
    Step("books", "DELETE", BOOK, 404),
    Step("books", "POST", BOOKS, 201, {"json": from_walk("book")}, is_written),
    Step("books", "GET", BOOK, 200, FRESH, is_shown()),
    Step("books", "DELETE", BOOK, 204, {}, is_deleted),
    Step("books", "GET", BOOK, 404, FRESH),
    # all sessions
    Step("auth", "POST", "/logout/all", 401, NOBODY),
    Step("auth", "GET", "/logout/all", 405),
    Step("auth", "POST", "/logout/all", 204),
    Step("auth", "GET", "/me", 401),
]
