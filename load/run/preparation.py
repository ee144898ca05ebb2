"""Prepares what loads need, sessions and the catalogue, beside Locust's page, and keeps it from start to start."""

import logging
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, WorkerRunner

from load.client.accounts import Account, read_accounts
from load.client.addresses import service_url
from load.client.catalogue import SignedOut
from load.client.http_client import check_service
from load.client.progress import work_through
from load.client.refusal import Refused
from load.client.sign_in import split_accounts
from load.client.snapshot import Known
from load.run.catalogue_cache import KeptCatalogue
from load.run.shared_sessions import SharedSessions

FRESH_S = 10.0  # a start need not look again at what was found right so many seconds ago
TELL_EVERY_S = 2.0
log = logging.getLogger(__name__)


class Preparation:
    """What every load against one pair of services needs; `words` say how far it is."""

    known: Known
    sessions: SharedSessions

    def __init__(self, environment: Environment, auth_url: str, books_url: str) -> None:
        """Begin with nothing prepared."""
        self.auth_url, self.books_url = auth_url, books_url
        self.words = ""
        self.kept: list[Account] = []  # the accounts that the load logs in and out itself
        self.catalogue = KeptCatalogue(books_url, lambda: self.sessions.token(0))
        self._environment = environment
        self._accounts: list[Account] = []
        self._problem: Refused | None = None
        self._work: gevent.Greenlet | None = None
        self._working = RLock()
        self._found_right_at = float("-inf")
        self._told_at = time.monotonic()

    def make_sure(self, label: str = "") -> None:
        """Make sure that a load can begin: do what is missing, and renew what has changed; raises Refused.

        With a label the sign-in is shown on the terminal. A process that is not the owner takes the owner's sessions.
        """
        with self._working:
            if time.monotonic() - self._found_right_at < FRESH_S:
                return
            self.words, self._told_at = "the services are asked", time.monotonic()
            check_both(self.auth_url, self.books_url)
            self._prepare_sessions(label)
            self.words = "the catalogue is looked at"
            try:
                self.known = self.catalogue.renew(self._tell_books)
            except SignedOut:  # so all may be: Redis was emptied, say
                self.sessions.begin(label, self._tell_accounts)
                self.known = self.catalogue.renew(self._tell_books)
            self._found_right_at = time.monotonic()

    def is_sure_within(self, seconds: float | None) -> bool:
        """Have make_sure() done in the background, and tell whether it was within so many seconds; raises Refused."""
        if self._work is None or self._work.ready():
            self._work = gevent.spawn(self._try)
        self._work.join(seconds)
        if self._work.ready() and self._problem:
            raise self._problem
        return bool(self._work.ready())

    def note_load(self) -> None:
        """Note that a load begins now: before the next it is to be looked again."""
        self._found_right_at = float("-inf")
        self.catalogue.note_load()

    def settle(self) -> None:
        """Once the books of a load are removed, get ready for the next."""
        try:
            self.catalogue.settle(self._tell_books)
        except Refused as problem:
            log.warning("the catalogue is looked at again when the next test starts: %s", problem)

    def end(self) -> None:
        """End what goes on; what was signed in so far is kept."""
        if self._work:
            self._work.kill()
        if self._accounts:
            self.sessions.end()

    def _try(self) -> None:
        self._problem = Refused("the preparation broke off", 1)
        try:
            self.make_sure()
        except Refused as problem:
            self._problem = problem
        else:
            self._problem = None

    def _prepare_sessions(self, label: str) -> None:
        """Sign the accounts in, once for the same file of accounts; what would soon run out is refreshed."""
        options: Any = self._environment.parsed_options
        accounts = read_accounts(Path(options.users_file))
        if accounts == self._accounts:
            self.sessions.freshen()
            return
        shared, kept = split_accounts(accounts)
        is_owner = not isinstance(self._environment.runner, WorkerRunner)
        sessions = SharedSessions(
            self.auth_url, shared, Path(options.sessions_file), is_owner, lambda: has_users(self._environment)
        )
        sessions.begin(label, self._tell_accounts)
        if self._accounts:
            self.sessions.end()
        self.sessions, self.kept, self._accounts = sessions, kept, accounts

    def _tell_accounts(self, done: int, total: int) -> None:
        self._tell(f"{done:,} of {total:,} accounts are signed in")

    def _tell_books(self, done: int, total: int) -> None:
        self._tell(f"{done:,} of {total:,} books are read")

    def _tell(self, words: str) -> None:
        self.words = words
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            self._told_at = time.monotonic()
            log.info("preparing the load: %s", words)


def check_both(auth_url: str, books_url: str) -> None:
    """Raise Refused unless each address answers as its service, for the first that does not; both are asked at once."""

    def check(service: str) -> tuple[str, Refused | None]:
        try:
            check_service(urls[service], service)
        except Refused as problem:
            return service, problem
        return service, None

    urls = {"auth": auth_url, "books": books_url}
    problems = dict(work_through(list(urls), check, "", len(urls)))
    if problem := problems["auth"] or problems["books"]:
        raise problem


def has_users(environment: Environment) -> bool:
    """Tell whether a load is going on, or ending."""
    runner: Any = environment.runner
    return runner.state not in (STATE_INIT, STATE_STOPPED)


_preparations: dict[Environment, Preparation] = {}


def preparation_of(environment: Environment, host: str) -> Preparation:
    """Return the preparation for Locust's host, which is kept until another host is asked for; raises Refused."""
    auth_url, books_url = service_url("auth", host), service_url("books", host)
    kept = _preparations.get(environment)
    if kept and (kept.auth_url, kept.books_url) == (auth_url, books_url):
        return kept
    if kept:
        kept.end()
    _preparations[environment] = preparation = Preparation(environment, auth_url, books_url)
    return preparation


def end_preparations() -> None:
    """End what goes on beside a load, before the process ends."""
    for preparation in _preparations.values():
        preparation.end()
