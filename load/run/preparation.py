"""Prepares what loads need, sessions and the catalogue, and keeps it ready from load to load."""

import logging
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, WorkerRunner

from load.client.accounts import Account, read_accounts, split_accounts
from load.client.addresses import service_url
from load.client.catalogue import SignedOut
from load.client.http_client import check_service
from load.client.progress import work_through
from load.client.refusal import Refused
from load.client.snapshot import Snapshot
from load.machines.share import own_share
from load.run.catalogue_cache import CatalogueCache
from load.run.shared_sessions import SharedSessions

RECHECK_AFTER_S = 10.0  # a start within so many seconds of a check need not check again
TELL_EVERY_S = 2.0
log = logging.getLogger(__name__)


class Preparation:
    """What every load against one pair of services needs; `words` say how far it is."""

    snapshot: Snapshot
    sessions: SharedSessions

    def __init__(self, environment: Environment, auth_url: str, books_url: str) -> None:
        """Begin with nothing prepared."""
        self.auth_url, self.books_url = auth_url, books_url
        self.words = ""
        self.reserved: list[Account] = []  # the accounts that the load logs in and out itself
        self.catalogue_cache = CatalogueCache(books_url, lambda: self.sessions.token(0))
        self._environment = environment
        self._accounts: list[Account] = []
        self._problem: Refused | None = None
        self._work: gevent.Greenlet | None = None
        self._working = RLock()
        self._checked_at = float("-inf")
        self._told_at = time.monotonic()

    def ensure_ready(self, label: str = "") -> None:
        """Make sure that a load can begin: do what is missing, and renew what has changed; raises Refused.

        With a label the sign-in is shown on the terminal. A worker process takes over its master's sessions.
        """
        with self._working:
            if time.monotonic() - self._checked_at < RECHECK_AFTER_S:
                return
            self.words, self._told_at = "the services are asked", time.monotonic()
            check_both(self.auth_url, self.books_url)
            self._prepare_sessions(label)
            self.words = "the catalogue is looked at"
            try:
                self.snapshot = self.catalogue_cache.renew(self._tell_books)
            except SignedOut:  # maybe all sessions have ended, for example because Redis was emptied
                self.sessions.begin(label, self._tell_accounts)
                self.snapshot = self.catalogue_cache.renew(self._tell_books)
            self._checked_at = time.monotonic()

    def is_ready_within(self, seconds: float | None) -> bool:
        """Call ensure_ready() in the background, and tell whether that took no more seconds; raises Refused."""
        if self._work is None or self._work.ready():
            self._work = gevent.spawn(self._try)
        self._work.join(seconds)
        if self._work.ready() and self._problem:
            raise self._problem
        return bool(self._work.ready())

    def note_load(self) -> None:
        """Note that a load begins now, so that the next start checks everything again."""
        self._checked_at = float("-inf")
        self.catalogue_cache.note_load()

    def get_ready_again(self) -> None:
        """Get ready for the next load once the books of the last are removed."""
        try:
            self.catalogue_cache.renew_after_load(self._tell_books)
        except Refused as problem:
            log.warning("the catalogue is looked at again when the next test starts: %s", problem)

    def end(self) -> None:
        """End the work in the background; the sessions begun so far are kept."""
        if self._work:
            self._work.kill()
        if self._accounts:
            self.sessions.end()

    def _try(self) -> None:
        self._problem = Refused("the preparation broke off", 1)
        try:
            self.ensure_ready()
        except Refused as problem:
            self._problem = problem
        else:
            self._problem = None

    def _prepare_sessions(self, label: str) -> None:
        """Sign the accounts in, unless that was done for the same accounts: then refresh tokens that expire soon."""
        options: Any = self._environment.parsed_options
        accounts = read_accounts(Path(options.users_file))
        if accounts == self._accounts:
            self.sessions.freshen()
            return
        shared, reserved = split_accounts(accounts)
        shared = shared[: options.shared_accounts]
        if share := own_share():
            shared, reserved = share.of(shared), share.of(reserved)
        is_owner = not isinstance(self._environment.runner, WorkerRunner)
        sessions = SharedSessions(
            self.auth_url, shared, Path(options.sessions_file), is_owner, lambda: has_users(self._environment)
        )
        sessions.begin(label, self._tell_accounts)
        if self._accounts:
            self.sessions.end()
        self.sessions, self.reserved, self._accounts = sessions, reserved, accounts

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
    """Raise Refused for the first address that does not answer as its service; both are asked at the same time."""

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
    """Tell whether a load is running or ending."""
    runner: Any = environment.runner
    return runner.state not in (STATE_INIT, STATE_STOPPED)


_preparations: dict[Environment, Preparation] = {}


def preparation_of(environment: Environment, host: str) -> Preparation:
    """Return the preparation for Locust's host, kept until the host changes; raises Refused."""
    auth_url, books_url = service_url("auth", host), service_url("books", host)
    kept = _preparations.get(environment)
    if kept and (kept.auth_url, kept.books_url) == (auth_url, books_url):
        return kept
    if kept:
        kept.end()
    _preparations[environment] = preparation = Preparation(environment, auth_url, books_url)
    return preparation


def end_preparations() -> None:
    """End the work in the background, before the process ends."""
    for preparation in _preparations.values():
        preparation.end()
