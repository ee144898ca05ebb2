"""What a load needs around it: the right target, signed-in accounts, a catalogue to read, books to tidy up."""

import itertools
import logging
import math
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from catalogue import is_own, read_catalogue, remove_books
from register_users import read_accounts
from services import Refused, check_service, service_url
from sign_in import Sessions, is_due, make_sure, read_sessions, split_accounts

LONGEST_TIDYING = 120  # seconds
EVERYWHERE = 20  # each so many flows end all sessions of an account kept for that
log = logging.getLogger(__name__)


class Load:
    """One load: where it goes, who takes part, what there is to read, and what it still has to remove."""

    def __init__(self, environment: Environment) -> None:
        """Make sure that the load can begin; in a worker process this takes what the master has prepared.

        Raises Refused when a service is not there, an account cannot sign in, or a file is wrong.
        """
        self.auth_url, self.books_url = find_services(environment.host or "")
        options: Any = environment.parsed_options
        self.sessions_file = Path(options.sessions_file)
        self.shared, self.kept = split_accounts(read_accounts(Path(options.users_file)))
        self.is_owner = not isinstance(environment.runner, WorkerRunner)
        half = (len(self.kept) + 1) // 2
        mine = half + getattr(environment.runner, "worker_index", 0)
        self.flow_accounts = self.kept[:half]
        self.everywhere = self.kept[mine] if mine < len(self.kept) else None
        self.everywhere_is_free = True
        if self.is_owner:
            self.sessions, _ = make_sure(self.auth_url, self.shared, self.sessions_file)
        else:
            self.sessions = self.take_sessions()
        self.catalogue = read_catalogue(self.books_url, self.token(0))
        self.isbns = draw_isbns({book["isbn"][:8] for book in self.catalogue if is_own(book)})
        self.catalogue = [book for book in self.catalogue if not is_own(book)]
        if not self.catalogue:
            raise Refused(f"the catalogue at {self.books_url} is empty; load init.sql into its database", 1)
        self.authors = sorted({author for book in self.catalogue for author in book["authors"]})
        self.genres = sorted({book["genre"] for book in self.catalogue})
        self.formats = sorted({book["format"] for book in self.catalogue})
        self.user_numbers = itertools.count()
        self.flow_numbers = itertools.count(1)
        self.to_remove: set[str] = set()
        self.keeper = gevent.spawn(self.keep_sessions)

    def take_sessions(self) -> Sessions:
        """Return the sessions that the owner has put in the file; raises Refused."""
        sessions = read_sessions(self.sessions_file).get(self.auth_url, {})
        if missing := [one.username for one in self.shared if one.username not in sessions]:
            raise Refused(f"{self.sessions_file} has no session of {missing[0]}; run: python sign_in.py", 1)
        return sessions

    def token(self, number: int) -> str:
        """Return an access token for user `number`; users share the accounts in turn."""
        return self.sessions[self.shared[number % len(self.shared)].username]["access_token"]

    def keep_sessions(self) -> None:
        """Go on refreshing what comes due (owner), or taking up what the owner refreshed (other processes)."""
        shortest = min(self.sessions[one.username]["lifetime"] for one in self.shared)
        pause = min(5.0, shortest / 20)
        # All tokens come due together: take so many a time that half of the third that is left is enough.
        batch = math.ceil(len(self.shared) * pause * 6 / shortest)
        seen = 0
        while True:
            gevent.sleep(pause)
            try:
                if self.is_owner:
                    due = [one for one in self.shared if is_due(self.sessions[one.username])][:batch]
                    if due:
                        self.sessions |= make_sure(self.auth_url, due, self.sessions_file, label="")[0]
                elif self.sessions_file.stat().st_mtime_ns != seen:
                    seen = self.sessions_file.stat().st_mtime_ns
                    self.sessions = self.take_sessions()
            except (Refused, OSError) as problem:
                log.warning("the sessions cannot be carried on, trying again: %s", problem)

    def flow_is_everywhere(self) -> bool:
        """Tell whether the flow that begins now is to end all sessions of its account; one at a time may."""
        if not self.everywhere or not self.everywhere_is_free or next(self.flow_numbers) % EVERYWHERE:
            return False
        self.everywhere_is_free = False
        return True

    def leave(self) -> None:
        """End what goes on beside the load; its books stay where they are, to be read back and removed."""
        self.keeper.kill()

    def tidy(self) -> None:
        """Remove every book of the load that may still be there, so that the catalogue is as before."""
        with gevent.Timeout(LONGEST_TIDYING, False):
            for isbn in remove_books(self.books_url, lambda: self.token(0), self.to_remove):
                self.to_remove.discard(isbn)
        self.leave()
        if self.to_remove:
            some = ", ".join(sorted(self.to_remove)[:5])
            log.error("%d books of this load could not be removed: %s ...", len(self.to_remove), some)


_loads: dict[Environment, Load] = {}


def load_of(environment: Environment) -> Load:
    """Return the load of this process; prepares it the first time, which raises Refused when it cannot begin."""
    if environment not in _loads:
        _loads[environment] = Load(environment)
    return _loads[environment]


def end_load(environment: Environment) -> Load | None:
    """Return the load, if there is one, and forget it: the next begins anew."""
    return _loads.pop(environment, None)


def prepare_sessions(environment: Environment) -> None:
    """Sign the accounts in at the host that Locust was given, else at this machine; raises Refused."""
    auth_url, _ = find_services(environment.host or "")
    options: Any = environment.parsed_options
    shared, _ = split_accounts(read_accounts(Path(options.users_file)))
    make_sure(auth_url, shared, Path(options.sessions_file))


def find_services(host: str) -> tuple[str, str]:
    """Return the two addresses for Locust's host, once both answer as the right service; raises Refused."""
    auth_url, books_url = service_url("auth", host), service_url("books", host)
    check_service(auth_url, "auth")
    check_service(books_url, "books")
    return auth_url, books_url


def draw_isbns(taken: set[str]) -> Iterator[str]:
    """Yield ISBNs for new books, 10,000 behind each random start that is not `taken`.

    Check digit: ISBN Users' Manual, 7th edition, section 5. The starts come from the system's source, because
    the worker processes are copies of one another and would draw the same.
    """
    while True:
        start = f"979{10_000 + secrets.randbelow(90_000)}"
        if start in taken:
            continue
        for number in range(10_000):
            digits = f"{start}{number:04}"
            check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
            yield f"{digits}{check}"
