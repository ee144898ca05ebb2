"""Answers of real services that say another thing than a smoke walk knows to be so, and how the step must fail."""

import json
import threading
from collections.abc import Callable
from typing import Any

import requests

from tests.support.answering_front import Answer, Asked, Fate
from tests.support.clients import Json
from tests.support.smoke_loads import is_of_a_walk

Change = Callable[[Asked, Answer], Answer | None]  # None: the answer stays as it is
Failure = tuple[str, str, str]  # the method, the name that ends with the status that is asked for, and the words


def say(change: Callable[[Json], Json | None]) -> Change:
    """Return the change of an answer by that of its JSON; None leaves the answer as it is."""

    def alter(_: Asked, answer: Answer) -> Answer | None:
        body = change(json.loads(answer.body))
        return None if body is None else answer._replace(body=json.dumps(body).encode())

    return alter


def head(**headers: str) -> Change:
    """Return the change of an answer to other headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _, answer: answer._replace(headers={**answer.headers, **named})


def of_live(**claims: Any) -> Change:
    """Return the change of a live token's status to other claims."""
    return say(lambda status: {**status, **claims} if status["active"] else None)


def of_two(change: Callable[[Json], Json]) -> Change:
    """Return the change of the page of two books."""
    return say(lambda page: change(page) if page["next"] and len(page["items"]) == 2 else None)


def give_again(asked: Asked, answer: Answer) -> Answer:
    """Answer a refresh with the refresh token that was sent."""
    sent = asked.headers["Authorization"].removeprefix("Bearer ")
    return answer._replace(body=json.dumps({**json.loads(answer.body), "refresh_token": sent}).encode())


def show_next_version(_: Asked, answer: Answer) -> Answer:
    """Show a book as if it had been changed once more."""
    book = json.loads(answer.body)
    book["version"] += 1
    etag = {"ETag": f'"{book["version"]}"'}
    return answer._replace(body=json.dumps(book).encode(), headers={**answer.headers, **etag})


def show_deleted(_: Asked, answer: Answer) -> Answer:
    """Find a book that was deleted."""
    return answer._replace(status=200, body=b"{}")


def refuse_as_a_proxy(_: Asked, answer: Answer) -> Answer:
    """Refuse with a page for people."""
    headers = {**answer.headers, "Content-Type": "text/html", "Retry-After": "0"}
    return Answer(503, headers, b"<h1>Service Unavailable</h1>")


def skip_a_book(books_url: str) -> Change:
    """Return the change of the page of two books after which the next page begins behind the third."""

    def alter(asked: Asked, answer: Answer) -> Answer | None:
        page = json.loads(answer.body)
        if not (page["next"] and len(page["items"]) == 2):
            return None
        token = {"Authorization": asked.headers["Authorization"]}
        longer = requests.get(f"{books_url}/api/books?limit=3", headers=token, timeout=10).json()
        return answer._replace(body=json.dumps({**page, "next": longer["next"]}).encode())

    return alter


def list_auth_changes() -> dict[Failure, Change]:
    """Return the changes of the auth service's answers, each with how the step must fail that gets it."""
    return {
        ("GET", "/health 200", "503 that is no problem+json"): refuse_as_a_proxy,
        ("GET", "/metrics 200", "200 that is not text/plain"): head(Content_Type="application/json"),
        ("GET", "/docs 200", "200 that is not text/html"): head(Content_Type="application/json"),
        ("POST", "/register 422", "422 without the fields at fault"): say(lambda told: {**told, "errors": []}),
        ("GET", "/me 200", "200 that is not application/json"): head(Content_Type="text/html"),
        ("GET", "/me 200", "not the fields of a user"): say(lambda me: {**me, "id": str(me["id"])}),
        ("GET", "/me 200", "another id than before"): say(lambda me: {**me, "id": me["id"] + 1}),
        ("GET", "/token/status 200", "not the status of a live token"): of_live(sub=1),
        ("GET", "/token/status 200", "the status of another user's token"): of_live(sub="0"),
        ("GET", "/token/status 200", "other claims than those of the token"): of_live(sid="0" * 32),
        ("GET", "/token/status 200", "not the status of an ended token"): say(
            lambda status: None if status["active"] else {**status, "sub": "1"}
        ),
        ("POST", "/refresh 200", "a token that was given before"): give_again,
    }


def list_books_changes(books_url: str) -> dict[Failure, Change]:
    """Return the changes of the books service's answers, each with how the step must fail that gets it."""
    return {
        ("GET", "/api/books 200", "a next page after a short one"): of_two(
            lambda page: {**page, "items": page["items"][:1]}
        ),
        ("GET", "/api/books 200", "200 with books out of order"): of_two(
            lambda page: {**page, "items": page["items"][::-1]}
        ),
        ("GET", "/api/books 200", "200 with books missing from the page"): skip_a_book(books_url),
        ("GET", "/api/books 200", "other books than the total has"): say(
            lambda page: None if page["next"] else {**page, "total": page["total"] + 1}
        ),
        ("GET", "/api/books 200", "200 with a total of more books than there can be"): of_two(
            lambda page: {**page, "total": page["total"] + 10_000}
        ),
        ("GET", "/api/books 304", "304 with another ETag"): head(ETag='"another"'),
        ("GET", "/api/books/{isbn} 304", "304 with another ETag"): head(ETag='"another"'),
        ("POST", "/api/books 201", "a version that is no whole number"): say(
            lambda told: {**told, "version": str(told["version"])}
        ),
        ("GET", "/api/books/{isbn} 200", "another version than that of the last write"): when_fresh(show_next_version),
        ("GET", "/api/books/{isbn} 200", "other fields than those written"): when_fresh(
            say(lambda book: {**book, "stock": 7} if book["stock"] == 8 else None)
        ),
        ("GET", "/api/books/{isbn} 404", "200 instead of 404: no detail"): when_fresh(show_deleted),
    }


def when_fresh(change: Change) -> Change:
    """Return the change of those answers alone that come from MariaDB."""
    return lambda asked, answer: change(asked, answer) if "Cache-Control" in asked.headers else None


def tell_each_once(unmet: dict[Failure, Change]) -> Fate:
    """Return a fate that makes each change once, and then takes it out of `unmet`."""
    turn = threading.Lock()

    def decide(asked: Asked, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if not is_of_a_walk(asked):
            return answer
        with turn:
            for failure, change in unmet.items():
                is_its = failure[:2] == (asked.method, f"{asked.path} {answer.status}")
                if is_its and (changed := change(asked, answer)):
                    del unmet[failure]
                    return changed
        return answer

    return decide
