"""The abstract user of every load, and how a request is sent and its answer checked."""

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from locust import FastHttpUser, between
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.env import Environment
from locust.exception import CatchResponseError

import locust_hooks  # noqa: F401  wherever the user is, its load is prepared
import locust_options  # noqa: F401  and the scenario files' options exist
from locust_load import load_of
from sign_in import bearer

Answer = Any  # Locust's response
Book = dict[str, Any]

OWN_BOOKS = 3  # a user adds, changes and deletes that many ISBNs over and over


@dataclass
class Copy:
    """What a user believes of one of its own books; `state` is "free", "shelved" or "unknown"."""

    isbn: str
    state: str = "free"
    version: int = 0
    stock: int = 0


class Wrong(CatchResponseError):
    """An answer that is not what the contract says; the list of failures shows its words alone."""

    def __repr__(self) -> str:
        return str(self)


class LibraryUser(FastHttpUser):
    """A reader of the library: signed in, thinks for 1 to 3 seconds, and looks after a few books of its own."""

    abstract = True
    tasks: Any  # a table of actions and weights
    host = "http://127.0.0.1"
    wait_time = between(1, 3)
    network_timeout = 10.0
    connection_timeout = 10.0

    def __init__(self, environment: Environment) -> None:
        """Take a number, the account that goes with it, and some ISBNs that nobody else has."""
        super().__init__(environment)
        self.load = load_of(environment)
        self.number = next(self.load.user_numbers)
        self.books = f"{self.load.books_url}/api/books"
        self.own = [Copy(isbn) for isbn in itertools.islice(self.load.isbns, OWN_BOOKS)]
        self.next_page: tuple[str, tuple[str, str]] | None = None
        self.seen: tuple[str, int] | None = None

    def bearer(self) -> dict[str, str]:
        """Return the header with this user's access token of the moment."""
        return bearer(self.load.token(self.number))


def send(user: LibraryUser, method: str, url: str, name: str, check: Callable[[Answer], Any], **parts: Any) -> Any:
    """Send one request under `name` and return what `check` returns; None, and a failure, when it objects."""
    with user.client.request(method, url, name=name, catch_response=True, **parts) as answer:
        try:
            broken = answer.request_meta["exception"]
            expect(not broken or isinstance(broken, LocustBadStatusCode), f"no answer: {type(broken).__name__}")
            result = check(answer)
        except Wrong as problem:
            answer.failure(problem)
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            answer.failure(Wrong(f"{answer.status_code} with a malformed answer: {type(problem).__name__}"))
            return None
        answer.success()
        return result


def expect(holds: bool, words: str) -> None:
    """Raise Wrong with these words unless it holds."""
    if not holds:
        raise Wrong(words)


def body_of(answer: Answer, status: int) -> Any:
    """Return the JSON of an answer, None when it is empty; raises Wrong when it has another status."""
    if answer.status_code != status:
        raise Wrong(say_why(answer, status))
    return json.loads(answer.content) if answer.content else None


def say_why(answer: Answer, status: int) -> str:
    """Return words for an answer without the status; shed requests begin with "shed: ", as nothing else does."""
    if answer.status_code in (429, 503):
        wait = answer.headers.get("Retry-After") or ""
        return f"shed: {answer.status_code}" if wait.isdigit() else f"{answer.status_code} without Retry-After"
    found = re.search(rb'"detail": ?"([^"]{1,100})', answer.content or b"")
    detail = found[1].decode("ascii", "replace") if found else "no detail"
    # Without ISBNs and the like: one line in the list of failures for one kind of failure.
    return f"{answer.status_code} instead of {status}: {re.sub('[0-9]{5,}', '#', detail)}"
