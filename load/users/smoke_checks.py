"""Checks what the answers of the smoke walk say besides their status, and keeps what later steps need of them."""

import base64
import json
from collections.abc import Callable
from typing import Any

from load.users.reads import check_book
from load.users.send import Answer, body_of, expect
from load.users.session_flow import check_pair
from load.users.writes import check_version

TOKENS = ("access_token", "refresh_token")
CLAIMS = {"sub": str, "username": str, "sid": str, "jti": str, "iat": int, "exp": int}  # of a live token's status
Walk = dict[str, Any]  # what the steps so far have kept for later steps


def keep_pair(walk: Walk, answer: Answer) -> None:
    """Keep the tokens of a log-in or refresh, which must be new, and the tokens before."""
    walk["before"], walk["pair"] = walk.get("pair", {}), check_pair(answer)
    expect(all(walk["pair"][name] != walk["before"].get(name) for name in TOKENS), "a token that was given before")


def names_account(walk: Walk, answer: Answer) -> None:
    """Check that the answer names the walk's account, by the id of the answer before, if there was one."""
    me = body_of(answer, answer.status_code)
    expect(set(me) == {"id", "username", "email"} and type(me["id"]) is int, "not the fields of a user")
    expect(all(me[name] == walk["account"][name] for name in ("username", "email")), "another user than asked for")
    expect(walk.setdefault("id", me["id"]) == me["id"], "another id than before")


def is_active(walk: Walk, answer: Answer) -> None:
    """Check that the status of a live token tells its claims, and that they are those of the walk's account."""
    status, token = body_of(answer, 200), walk["pair"]["access_token"]
    types = {name: type(value) for name, value in status.items()}
    expect(types == {"active": bool, **CLAIMS} and status["active"], "not the status of a live token")
    owner = status["sub"], status["username"]
    expect(owner == (str(walk["id"]), walk["account"]["username"]), "the status of another user's token")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    expect(all(status[name] == claims[name] for name in CLAIMS), "other claims than those of the token")


def is_ended(_: Walk, answer: Answer) -> None:
    """Check the status of a token whose session is over."""
    status = body_of(answer, 200)
    types = {name: type(value) for name, value in status.items()}
    is_told = types == {"active": bool, "reason": str} and bool(status["reason"])
    expect(is_told and not status["active"], "not the status of an ended token")


def is_ready(_: Walk, answer: Answer) -> None:
    """Check that both stores are up; the books service also tells of its read model, which may be rebuilding."""
    states = body_of(answer, 200)
    told = {"database": "ok", "redis": "ok"}
    allowed = (told, told | {"read_model": "ok"}, told | {"read_model": "rebuilding"})
    expect(states in allowed, "not the readiness of both stores")


def is_shown(**changed: Any) -> Callable[[Walk, Answer], None]:
    """Check that the walk's own book is shown as the last write left it: with these fields changed since the first."""

    def check(walk: Walk, answer: Answer) -> None:
        version = check_book(answer, walk["isbn"], walk["load"].snapshot)
        expect(version == walk["version"], "another version than that of the last write")
        expect({**walk["book"], **changed}.items() <= body_of(answer, 200).items(), "other fields than those written")

    return check


def is_written(walk: Walk, answer: Answer, rise: int = 1) -> None:
    """Check the answer to a POST or PATCH, and its version: for a new book higher than before, else by `rise`."""
    version = check_version(answer, answer.status_code, walk["isbn"])
    if answer.status_code == 201:
        expect(version > walk.get("deleted_at", 0), "a version that this book had before")
        expect(answer.headers["Location"].endswith(f"/api/books/{walk['isbn']}"), "not the book's Location")
    else:
        expect(version == walk["version"] + rise, "a version that did not rise as it should")
    walk["version"] = version


def is_unchanged(walk: Walk, answer: Answer) -> None:
    """Check the answer to a PATCH that changed nothing."""
    is_written(walk, answer, 0)


def keep_seen(walk: Walk, answer: Answer) -> None:
    """Check a book of the catalogue and keep its ETag."""
    check_book(answer, walk["seen"], walk["load"].snapshot)
    walk["seen_etag"] = answer.headers["ETag"]


def is_unmodified(etag: str) -> Callable[[Walk, Answer], None]:
    """Check that a 304 has the ETag that the walk has kept under this name."""
    return lambda walk, answer: expect(answer.headers.get("ETag") == walk[etag], "304 with another ETag")


def is_replayed(walk: Walk, answer: Answer) -> None:
    """Check that a repeated POST got the first answer."""
    expect(answer.headers.get("Idempotent-Replayed") == "true", "not marked as replayed")
    expect(check_version(answer, 201, walk["isbn"]) == walk["version"], "another answer than the first")


def is_deleted(walk: Walk, answer: Answer) -> None:
    """Keep the version at which the book was deleted."""
    expect(body_of(answer, 204) is None, "204 with a body")
    walk["deleted_at"] = walk["version"]


def is_health(service: str) -> Callable[[Walk, Answer], None]:
    """Check that the answer names the service."""

    def check(_: Walk, answer: Answer) -> None:
        health = body_of(answer, 200)
        expect(set(health) == {"status", "service", "version"}, "not the fields of /health")
        expect((health["status"], health["service"]) == ("ok", service), "not the health of this service")

    return check


def contains(text: str) -> Callable[[Walk, Answer], None]:
    """Check that an answer contains these characters."""
    return lambda _, answer: expect(text.encode() in answer.content, f"no {text} in the answer")
