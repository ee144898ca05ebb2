"""Walks over every route and every error path of both services, and knows the answer of each step.

A step that is shed is asked again. A walk that was given up, or met a wrong answer, leaves nothing that the next goes
on with: that has other ISBNs, and another account unless the first walk with it was finished.
"""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import urlencode

from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

from load.client.service_metrics import find_token
from load.client.sign_in import bearer
from load.client.target import Target
from load.run.hooks import install_hooks
from load.shared_memory import Semaphore, wait_for
from load.users.smoke_checks import Walk
from load.users.smoke_outcomes import RIGHT, SHED, UNKNOWN, WRONG, Outcome, check_form, judge_answer
from load.users.smoke_steps import OTHER_STOCK, STEPS, Step
from load.users.smoke_walks import begin_walk, end_walk, note_passed, note_wrong, watch_walks
from load.users.user import OWN_BOOKS, Answer, LibraryUser, OwnBook, send
from load.users.writes import new_book

# The walk asks for the contract, not for capacity: few passwords are hashed at a time, so that no request is shed.
HASHING = Semaphore(2)  # of all processes
HASHED = {"/login": (200, 401), "/register": (201,)}


def walk_once(user: "SmokeUser") -> None:
    """Make one walk, step after step without a pause; what only the first may do is done by the first."""
    if user.is_unfinished:
        user.begin_afresh()
    user.is_unfinished = True
    once = begin_walk()
    try:
        user.is_unfinished = not walk_to_end(user, once is not None)
    finally:
        end_walk(once)
    user.is_first &= user.is_unfinished


def walk_to_end(user: "SmokeUser", once: bool) -> bool:
    """Make the steps of a walk and tell whether the end was reached."""
    walk = begin(user)
    for place, step in enumerate(STEPS):
        if (step.when == "first" and not user.is_first) or (step.when == "once" and not once):
            continue
        for _ in range(step.times):
            kind = take(user, walk, step)
            if kind == WRONG:
                note_wrong(place)
            if kind != RIGHT:
                return False
        note_passed(place)
    user.load.to_remove.discard(walk["isbn"])
    return True


class SmokeUser(LibraryUser):
    """Makes the walk over and over, with an account of its own."""

    tasks = [walk_once]  # noqa: RUF012  Locust's way

    def __init__(self, environment: Environment) -> None:
        """Choose the account that the first walk registers."""
        super().__init__(environment)
        self.account = choose_account()
        self.metrics_token = find_token(Target(self.load.auth_url, self.load.books_url))
        self.is_first = True  # until a walk with the account was finished
        self.is_unfinished = False

    def begin_afresh(self) -> None:
        """Leave behind whatever a walk may have left half done."""
        self.own_books = [OwnBook(isbn) for isbn in self.load.isbns.reserve(OWN_BOOKS)]
        if self.is_first:
            self.account = choose_account()

    def pause(self, seconds: float) -> bool:
        """Wait, and tell whether the load goes on: False at once when it ends."""
        with self.aside():
            return not wait_for(lambda: self._state == LOCUST_STATE_STOPPING, seconds, 0.1)


def choose_account() -> dict[str, str]:
    """Return a new account that is not registered yet."""
    name = f"smoke_{secrets.token_hex(8)}"
    return {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(18)}


def begin(user: SmokeUser) -> Walk:
    """Return what the steps of a walk begin with."""
    book = new_book(user, user.own_books[0].isbn)
    user.load.to_remove.add(book["isbn"])
    return {
        "snapshot": user.load.snapshot,
        "account": user.account,
        "stranger": f"nobody_{secrets.token_hex(8)}",
        "key": str(uuid.uuid4()),
        # Not the author that is asked for: other users' books must not change that page. Nor a stock that a step sends
        # as another one: a body that changes nothing is the same body, and no change.
        "book": {**book, "authors": user.load.snapshot.authors[:1], "stock": OTHER_STOCK - 1},
        "filter": {"author": user.load.snapshot.authors[-1]},
        "isbn": book["isbn"],
        "absent": user.own_books[1].isbn,
        "metrics_token": user.metrics_token,
        "seen": user.load.snapshot.catalogue[0]["isbn"],
    }


def take(user: SmokeUser, walk: Walk, step: Step) -> str:
    """Make a step, again as long as it is shed, and return what it came to; it is unknown when the load ends first."""
    while (outcome := ask(user, walk, step)).kind == SHED:
        if not user.pause(outcome.wait_s):
            return UNKNOWN
    return outcome.kind


def ask(user: SmokeUser, walk: Walk, step: Step) -> Outcome:
    """Send one step's request and return what it came to: without an answer that is unknown."""
    sent = {name: value(walk) if callable(value) else value for name, value in step.sent.items()}
    path = step.path.format(isbn=sent.pop("isbn", walk["isbn"]))
    query = sent.pop("query", {})
    url = getattr(user.load, f"{step.service}_url") + path + (f"?{urlencode(query)}" if query else "")
    token = sent.pop("token", walk.get("pair", {}).get("access_token"))
    body = {name: sent.pop(name) for name in ("json", "data") if name in sent}
    identity = uuid.uuid4().hex
    headers = {**(bearer(token) if token else {}), **sent, "X-Request-ID": identity}
    outcomes = [Outcome(UNKNOWN)]

    def check(answer: Answer) -> bool:
        outcomes.append(judge_answer(answer, step))
        check_form(answer, step.status, identity)
        if step.check:
            step.check(walk, answer)
        outcomes.append(Outcome(UNKNOWN))  # unless the whole of it was right
        return True

    with hashing_slot(user) if step.status in HASHED.get(step.path, ()) else nullcontext():
        is_right = send(user, step.method, url, f"{step.path} {step.status}", check, headers=headers, **body)
    return Outcome(RIGHT) if is_right else outcomes[-1]


@contextmanager
def hashing_slot(user: SmokeUser) -> Iterator[None]:
    """Wait until few users have a password hashed, and be one of them for a `with` block."""
    with user.aside():
        slot = HASHING.wait()
    try:
        yield
    finally:
        HASHING.release(slot)


install_hooks()
watch_walks()
