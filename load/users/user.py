"""The abstract user of every load: its account, its think time and its own books."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from locust import FastHttpUser, between
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from load.client.http_client import bearer
from load.client.locust_client import keep_no_cookies
from load.recording.recording import recording_of
from load.run.arrivals import arrivals_of
from load.run.one_load import load_of

OWN_BOOKS = 3  # so many ISBNs a user adds, changes and deletes over and over; more while no outcome is known


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
        self.arrivals = arrivals_of(environment)
        self.due = 0.0
        self.number = next(self.load.user_numbers)
        self.books = f"{self.load.books_url}/api/books"
        self.own_books = [OwnBook(isbn) for isbn in self.load.isbns.reserve(OWN_BOOKS)]
        self.next_page: tuple[str, tuple[str, str]] | None = None
        self.seen: tuple[str, int] | None = None

    def on_start(self) -> None:
        """Wait for the first arrival in an open load; a user of a closed load acts at once."""
        if self.arrivals:
            self._state = LOCUST_STATE_WAITING
            self.due = self.arrivals.take()
            self._state = LOCUST_STATE_RUNNING

    def wait_time(self) -> float:
        """Return for how many seconds to think before the next action, and record them; none in an open load, in which
        the next arrival has been waited for.
        """
        if self.arrivals:
            self.due = self.arrivals.take()
            return 0.0
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

    def take_due(self) -> dict[str, float]:
        """Return the context of a request of an open load: when its action was due, 0 behind its first request."""
        if not self.arrivals:
            return {}
        due, self.due = self.due, 0.0
        return {"due": due}

    def note_write(self, method: str, url: str, parts: dict[str, Any]) -> dict[str, int]:
        """Note a write that is about to be sent in the ledger; the returned context leads its outcome there too."""
        if not self.recording or method == "GET" or not url.startswith(self.books):
            return {}
        number = self.recording.ledger.note_sent(method, url, parts)
        return {"ledger": number} if number else {}

    def note_not_sent(self, context: dict[str, Any]) -> None:
        """Record a request that the load itself could not send; what became of a write counts as unknown."""
        if self.recording:
            self.recording.seconds.count_not_sent()
            if "ledger" in context:
                self.recording.ledger.note_outcome(context["ledger"], None)

    def bearer(self) -> dict[str, str]:
        """Return the header with this user's access token of the moment."""
        return bearer(self.load.token(self.number))
