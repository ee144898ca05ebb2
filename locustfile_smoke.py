"""Walks over every route and every error path of both services, and knows the right answer of each step.

A step that is shed is sent again. A walk ends early after a wrong answer, or without an answer: then the next walk
has other ISBNs, and another account if no walk with the account was finished yet.
"""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import urlencode

from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

from load.client.http_client import bearer
from load.client.service_metrics import find_token
from load.client.target import Target
from load.run.hooks import install_hooks
from load.shared_memory import Semaphore, wait_for
from load.users.send import Answer, send
from load.users.smoke_checks import Walk
from load.users.smoke_outcomes import RIGHT, SHED, UNKNOWN, WRONG, Outcome, check_form, judge_answer
from load.users.smoke_steps import OTHER_STOCK, STEPS, Step
from load.users.smoke_walks import begin_walk, end_walk, note_passed, note_wrong, watch_walks
from load.users.user import OWN_BOOKS, LibraryUser, OwnBook
from load.users.writes import new_book

# The walk asks for the contract, not for capacity: few passwords are hashed at a time, so that no request is shed.
HASHING = Semaphore(2)  # of all processes
HASHED = {"/login": (200, 401), "/register": (201,)}


def walk_once(user: "SmokeUser") -> None:
    """Make one walk, step after step without a pause; some steps are made in the first walk only."""
    if user.is_unfinished:
        user.begin_afresh()
    user.is_unfinished = True
    once = begin_walk()
    try:
        user.is_unfinished = not make_steps(user, once is not None)
    finally:
        end_walk(once)
    user.is_first &= user.is_unfinished


def make_steps(user: "SmokeUser", once: bool) -> bool:
    """Make the steps of a walk, with those that are made once if `once`, and tell whether all were passed."""
    walk = new_walk(user)
    for number, step in enumerate(STEPS):
        if (step.when == "first" and not user.is_first) or (step.when == "once" and not once):
            continue
        for _ in range(step.times):
            kind = make_step(user, walk, step)
            if kind == WRONG:
                note_wrong(number)
            if kind != RIGHT:
                return False
        note_passed(number)
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
        """Take other ISBNs, and another account if need be, because a walk may have left those half done."""
        self.own_books = [OwnBook(isbn) for isbn in self.load.isbns.reserve(OWN_BOOKS)]
        if self.is_first:
            self.account = choose_account()

    def pause(self, seconds: float) -> bool:
        """Wait so many seconds and return True, or return False as soon as the load ends."""
        with self.aside():
            return not wait_for(lambda: self._state == LOCUST_STATE_STOPPING, seconds, 0.1)


def choose_account() -> dict[str, str]:
    """Return a new account that is not registered yet."""
    name = f"smoke_{secrets.token_hex(8)}"
    return {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(18)}


def new_walk(user: SmokeUser) -> Walk:
    """Return what a walk begins with, for its steps to use."""
    book = new_book(user, user.own_books[0].isbn)
    user.load.to_remove.add(book["isbn"])
    return {
        "load": user.load,
        "account": user.account,
        "stranger": f"nobody_{secrets.token_hex(8)}",
        "key": str(uuid.uuid4()),
        # Not the author of the filter, because other users' books must not change that page. And not the stock that
        # steps change it to, because a body that changes nothing would be no change.
        "book": {**book, "authors": user.load.snapshot.authors[:1], "stock": OTHER_STOCK - 1},
        "filter": {"author": user.load.snapshot.authors[-1]},
        "isbn": book["isbn"],
        "absent": user.own_books[1].isbn,
        "metrics_token": user.metrics_token,
        "seen": user.load.snapshot.books[0]["isbn"],
    }


def make_step(user: SmokeUser, walk: Walk, step: Step) -> str:
    """Make a step, again as long as it is shed, and return its outcome; "unknown" when the load ends first."""
    while (outcome := send_step(user, walk, step)).kind == SHED:
        if not user.pause(outcome.wait_s):
            return UNKNOWN
    return outcome.kind


def send_step(user: SmokeUser, walk: Walk, step: Step) -> Outcome:
    """Send the request of a step and return its outcome; "unknown" without an answer."""
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
