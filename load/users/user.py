"""The abstract user of every load, and how a request is sent and its answer checked."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from locust import FastHttpUser, between
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_WAITING

from analysis.records.failures import SHED, UNANSWERED
from load.client.http_client import bearer
from load.client.locust_client import keep_no_cookies, say_break
from load.recording.recording import recording_of
from load.recording.request_failed import RequestFailed
from load.run.one_load import load_of

Answer = Any  # Locust's response
Book = dict[str, Any]

OWN_BOOKS = 3  # so many ISBNs a user adds, changes and deletes over and over


@dataclass
class OwnBook:
    """What a user knows of one of its own books. `state` is "free" (not there), "shelved" (there) or "unknown".

    `doubts` are the methods of the writes of unknown outcome since the last acknowledged write.
    """

    isbn: str
    state: str = "free"
    version: int = 0
    stock: int = 0
    doubts: frozenset[str] = frozenset()


class LibraryUser(FastHttpUser):
    """A user of the library: signed in, thinks for 1 to 3 seconds between requests, and writes to a few own books."""

    abstract = True
    tasks: Any  # a table of actions and weights
    host = "http://127.0.0.1"
    think_time = between(1, 3)
    network_timeout = 10.0
    connection_timeout = 10.0

    def __init__(self, environment: Environment) -> None:
        """Take a number, which chooses the account, and reserve some ISBNs that no other user has."""
        super().__init__(environment)
        keep_no_cookies(self)
        self.load = load_of(environment)
        self.recording = recording_of(environment)
        self.thinks_until = 0.0
        self.is_over = False
        self.number = next(self.load.user_numbers)
        self.books = f"{self.load.books_url}/api/books"
        self.own_books = [OwnBook(isbn) for isbn in self.load.isbns.reserve(OWN_BOOKS)]
        self.next_page: tuple[str, tuple[str, str]] | None = None
        self.seen: tuple[str, int] | None = None

    def wait_time(self) -> float:
        """Return for how many seconds to think before the next action, and record them."""
        seconds: float = self.think_time()
        if self.recording:
            self.thinks_until = self.recording.seconds.think(seconds)
        return seconds

    def stop(self, force: bool = False) -> bool:
        """Stop as Locust does; a user that wakes up at that moment sends nothing more: its request would be cut off."""
        self.is_over = self._state == LOCUST_STATE_WAITING
        return bool(super().stop(force))

    def on_stop(self) -> None:
        """End the think time in which the user is stopped."""
        if self.recording:
            self.recording.seconds.end_think(self.thinks_until)

    def aside(self) -> AbstractContextManager[None]:
        """Record the time of a `with` block in which the user waits for something else than a request of the load."""
        return self.recording.seconds.aside() if self.recording else nullcontext()

    def note_write(self, method: str, url: str, parts: dict[str, Any]) -> dict[str, int]:
        """Note a write that is about to be sent in the ledger; the returned context leads its outcome there too."""
        if not self.recording or method == "GET" or not url.startswith(self.books):
            return {}
        number = self.recording.ledger.note_sent(method, url, parts)
        return {"ledger": number} if number else {}

    def bearer(self) -> dict[str, str]:
        """Return the header with this user's access token of the moment."""
        return bearer(self.load.token(self.number))


def send(user: LibraryUser, method: str, url: str, name: str, check: Callable[[Answer], Any], **parts: Any) -> Any:
    """Send one request, listed under `name`, and return what `check` returns of its answer.

    When `check` raises RequestFailed, or no answer comes, the request has failed: return None.
    """
    if user.is_over:
        raise StopUser
    context = user.note_write(method, url, parts)
    with user.client.request(method, url, name=name, catch_response=True, context=context, **parts) as answer:
        try:
            if broken := answer.request_meta["exception"]:
                raise RequestFailed(say_break(broken), UNANSWERED)
            result = check(answer)
        except RequestFailed as problem:
            answer.failure(problem)
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            answer.failure(RequestFailed(f"{answer.status_code} with a malformed answer: {type(problem).__name__}"))
            return None
        answer.success()
        return result


def expect(holds: bool, words: str) -> None:
    """Raise RequestFailed with these words unless it holds."""
    if not holds:
        raise RequestFailed(words)


def body_of(answer: Answer, status: int) -> Any:
    """Return the JSON of an answer, None when it is empty; raises RequestFailed when it has another status."""
    if answer.status_code != status:
        raise explain_status(answer, status)
    return json.loads(answer.content) if answer.content else None


def explain_status(answer: Answer, status: int) -> RequestFailed:
    """Return what to raise for an answer that should have had `status`; 429 or 503 with Retry-After is a refusal."""
    if answer.status_code in (429, 503):
        if (answer.headers.get("Retry-After") or "").isdigit():
            return RequestFailed(str(answer.status_code), SHED)
        return RequestFailed(f"{answer.status_code} without Retry-After")
    found = re.search(rb'"detail": ?"([^"]{1,100})', answer.content or b"")
    detail = found[1].decode("ascii", "replace") if found else "no detail"
    # Without ISBNs and the like, so that one kind of failure is one line in the list of failures.
    return RequestFailed(f"{answer.status_code} instead of {status}: {re.sub('[0-9]{5,}', '#', detail)}")
