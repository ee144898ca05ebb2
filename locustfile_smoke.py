"""Walks over every route and every error path of both services, and knows the answer of each step."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import gevent
from gevent.lock import BoundedSemaphore
from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from locust_user import Answer, LibraryUser, Wrong, body_of, expect, send
from locust_writes import new_book
from sign_in import bearer
from smoke_checks import Walk
from smoke_steps import STEPS, Step

# The walk asks for the contract, not for capacity: few passwords are hashed at once, so that none is shed.
HASHING = BoundedSemaphore(2)
HASHED = {"/login": (200, 401), "/register": (201,)}
PROBLEM = {"type", "title", "status", "detail"}


@dataclass
class Walks:
    """What the walks of this process came to: how many began, and the places of the steps that somebody got past."""

    begun: int = 0
    passed: set[int] = field(default_factory=set)


WALKS = Walks()


def walk_once(user: "SmokeUser") -> None:
    """Make one walk, step after step without a pause; what only the first may do is done by the first."""
    first, once = not user.walks, not WALKS.begun
    user.walks += 1
    WALKS.begun += 1
    walk = begin(user)
    for place, step in enumerate(STEPS):
        if (step.when == "first" and not first) or (step.when == "once" and not once):
            continue
        if not all(take(user, walk, step) for _ in range(step.times)):
            return
        WALKS.passed.add(place)
    user.load.to_remove.discard(walk["isbn"])


class SmokeUser(LibraryUser):
    """Makes the walk over and over, with an account of its own."""

    tasks = [walk_once]  # noqa: RUF012  Locust's way

    def __init__(self, environment: Environment) -> None:
        """Choose the account that the first walk registers."""
        super().__init__(environment)
        name = f"smoke_{secrets.token_hex(8)}"
        self.account = {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(18)}
        self.walks = 0


def begin(user: SmokeUser) -> Walk:
    """Return what the steps of a walk begin with."""
    book = new_book(user, user.own[0].isbn)
    user.load.to_remove.add(book["isbn"])
    return {
        "account": user.account,
        "stranger": f"nobody_{secrets.token_hex(8)}",
        "key": str(uuid.uuid4()),
        # Not the author that is asked for: other users' books must not change that page.
        "book": {**book, "authors": user.load.authors[:1]},
        "filter": {"author": user.load.authors[-1]},
        "isbn": book["isbn"],
        "absent": user.own[1].isbn,
        "seen": user.load.catalogue[0]["isbn"],
    }


def take(user: SmokeUser, walk: Walk, step: Step) -> bool:
    """Send one step's request and tell whether its answer was as it must be."""
    sent = {name: value(walk) if callable(value) else value for name, value in step.sent.items()}
    path = step.path.format(isbn=sent.pop("isbn", walk["isbn"]))
    query = sent.pop("query", {})
    url = getattr(user.load, f"{step.service}_url") + path + (f"?{urlencode(query)}" if query else "")
    token = sent.pop("token", walk.get("pair", {}).get("access_token"))
    body = {name: sent.pop(name) for name in ("json", "data") if name in sent}
    identity = uuid.uuid4().hex
    headers = {**(bearer(token) if token else {}), **sent, "X-Request-ID": identity}

    def check(answer: Answer) -> bool:
        check_form(answer, step.status, identity)
        if step.check:
            step.check(walk, answer)
        return True

    with hashing_place(user) if step.status in HASHED.get(step.path, ()) else nullcontext():
        return bool(send(user, step.method, url, f"{step.path} {step.status}", check, headers=headers, **body))


@contextmanager
def hashing_place(user: SmokeUser) -> Iterator[None]:
    """Wait for one of the few places of those whose passwords are being hashed, and hold it for a `with` block."""
    with user.aside():
        HASHING.acquire()
    try:
        yield
    finally:
        HASHING.release()


def check_form(answer: Answer, status: int, identity: str) -> None:
    """Raise Wrong unless the answer has the status, and the form that every answer with it has."""
    if answer.status_code != status:
        body_of(answer, status)
    expect(answer.headers.get("X-Request-ID") == identity, "X-Request-ID not echoed")
    expect(answer.headers.get("X-Content-Type-Options") == "nosniff", "no X-Content-Type-Options: nosniff")
    if status in (204, 304):
        expect(not answer.content, f"{status} with a body")
    if status >= 400:
        problem = body_of(answer, status)
        expect(answer.headers.get("Content-Type") == "application/problem+json", "an error that is no problem+json")
        expect(set(problem) >= PROBLEM and problem["status"] == status, "not the fields of a problem document")
    if status == 401:
        expect(answer.headers.get("WWW-Authenticate") == "Bearer", "401 without WWW-Authenticate: Bearer")
    if status == 405:
        expect(bool(answer.headers.get("Allow")), "405 without Allow")
    if status == 422:
        expect(all(set(one) == {"field", "message"} for one in problem["errors"]), "422 without the fields at fault")
    if status == 429:
        expect((answer.headers.get("Retry-After") or "").isdigit(), "429 without Retry-After")


def judge(environment: Environment, **_: Any) -> None:
    """Record a failure when users were here and there is a step that none of them got past: that is no pass."""
    missing = [step for place, step in enumerate(STEPS) if place not in WALKS.passed]
    if WALKS.begun and missing:
        # "no answer", for a wrong one has failed by itself: this only says that the question was not asked to its end.
        first = f"{missing[0].method} {missing[0].path} {missing[0].status}"
        environment.events.request.fire(  # type: ignore[no-untyped-call]  # Locust's
            request_type="WALK",
            name="whole",
            response_time=0,
            response_length=0,
            exception=Wrong(
                f"no answer: none of {WALKS.begun} walks got past {len(missing)} of the {len(STEPS)} steps: {first} ..."
            ),
            context={},
        )
        if not isinstance(environment.runner, WorkerRunner):
            gevent.sleep(1.5)  # the failures are written to their file once a second
    WALKS.begun = 0
    WALKS.passed.clear()


events.test_stop.add_listener(judge)  # type: ignore[no-untyped-call]  # Locust's
