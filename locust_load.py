"""What a load needs around it: the right target, signed-in accounts, a catalogue to read, books to tidy up."""

import logging
import math
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import WorkerRunner

from catalogue import read_catalogue, remove_books
from locust_isbns import SET_ASIDE, OwnIsbns
from locust_known import Known
from locust_shared import Counter, Places
from locust_together import begin_anew, is_whole
from register_users import Account, read_accounts
from services import Refused, check_service, service_url
from sign_in import Sessions, is_due, make_sure, read_sessions, split_accounts

LONGEST_TIDYING = 120  # seconds
EVERYWHERE = 20  # each so many flows end all sessions of an account kept for that
USERS, FLOWS = Counter(), Counter(1)  # of all processes
ENDING_ALL = Places(1)  # for the flow that ends all sessions of its account
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
        self.environment = environment
        self.flow_accounts = self.kept[: (len(self.kept) + 1) // 2]
        self.ending_all: int | None = None
        if self.is_owner:
            self.sessions, _ = make_sure(self.auth_url, self.shared, self.sessions_file)
        else:
            self.sessions = self.take_sessions()
        self.known = Known(read_catalogue(self.books_url, self.token(0)))
        self.catalogue = self.known.catalogue
        if not self.catalogue:
            raise Refused(f"the catalogue at {self.books_url} is empty; load init.sql into its database", 1)
        self.authors, self.genres, self.formats = self.known.authors, self.known.genres, self.known.formats
        self.isbns = OwnIsbns(self.known.own_starts)
        self.user_numbers = USERS
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

    @property
    def set_aside(self) -> int | None:
        """How many ISBNs all processes of this load have set aside so far: no more books of it can be there.

        An ISBN is counted before any user has it. None where nobody can know: some processes share no memory.
        """
        return SET_ASIDE.value if is_whole(self.environment) else None

    @property
    def everywhere(self) -> Account | None:
        """The account whose sessions a flow may end all at once; None when too few accounts are kept.

        Processes that share no memory cannot take turns, so each of them has an account of its own.
        """
        index = 0 if is_whole(self.environment) else getattr(self.environment.runner, "worker_index", 0)
        place = len(self.flow_accounts) + index
        return self.kept[place] if place < len(self.kept) else None

    def take_everywhere(self) -> Account | None:
        """Return the account whose sessions the flow that begins now is to end all at once; one at a time may, or none.

        Call everywhere_is_over() afterwards.
        """
        account = self.everywhere
        if next(FLOWS) % EVERYWHERE or not account or self.ending_all is not None:
            return None
        self.ending_all = ENDING_ALL.take()
        return account if self.ending_all is not None else None

    def everywhere_is_over(self) -> None:
        """Let another flow end all sessions of its account."""
        ENDING_ALL.leave(self.ending_all)
        self.ending_all = None

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
_preparing = RLock()


def load_of(environment: Environment) -> Load:
    """Return the load of this process; prepares it the first time, which raises Refused when it cannot begin.

    Users can be asked for while the load is still being prepared: they wait for the one that is.
    """
    with _preparing:
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


begin_anew(USERS.reset, FLOWS.reset, SET_ASIDE.reset)
