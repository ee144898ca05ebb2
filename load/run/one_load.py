"""The state of one load: its users' numbers and ISBNs, its session flows, and the books that it has to remove."""

import logging
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import MasterRunner

from load.client.accounts import Account
from load.client.catalogue import remove_books
from load.process_group import all_share_memory
from load.run.catalogue_cache import BEING_REMOVED, LOADS, LONGEST_REMOVAL_S
from load.run.isbns import RESERVED, OwnIsbns
from load.run.preparation import Preparation, preparation_of
from load.shared_memory import Counter, Semaphore, wait_for

LOGOUT_ALL_EVERY = 20  # session flows: each twentieth ends all sessions of an account that is reserved for that
LONGEST_END_S = 60.0  # for which a start waits for the end of the last load
USERS, FLOWS = Counter(), Counter(1)  # of all processes
LOGOUT_ALL = Semaphore(1)  # a second flow would meet the end of its own session
log = logging.getLogger(__name__)


class Load:
    """One load of this process: its services, its accounts, the catalogue to read, and the books still to remove."""

    def __init__(self, environment: Environment, preparation: Preparation) -> None:
        """Begin a load with what was prepared for it."""
        self.environment, self.preparation = environment, preparation
        self.auth_url, self.books_url = preparation.auth_url, preparation.books_url
        self.reserved = preparation.reserved
        self.flow_accounts = self.reserved[: (len(self.reserved) + 1) // 2]
        self.logout_all_slot: int | None = None
        self.snapshot = preparation.snapshot
        self.isbns = OwnIsbns(self.snapshot.own_prefixes)
        self.user_numbers = USERS
        self.to_remove: set[str] = set()
        self._has_users = not isinstance(environment.runner, MasterRunner)
        LOADS.take(int(self._has_users))
        preparation.note_load()
        self._more = preparation.catalogue_cache.more

    def token(self, number: int) -> str:
        """Return an access token for user `number`; users share the accounts in turn."""
        return self.preparation.sessions.token(number)

    @property
    def reserved_isbns(self) -> int | None:
        """How many ISBNs all processes have reserved so far: loads cannot have added more books than that.

        An ISBN is counted before any user has it. None where that cannot be known: some processes share no memory.
        """
        return RESERVED.value + self._more if all_share_memory(self.environment) else None

    @property
    def logout_all_account(self) -> Account | None:
        """The account whose sessions a flow may end all at once; None when too few accounts are reserved.

        Processes that share no memory cannot take turns, so each of them has an account of its own.
        """
        index = 0 if all_share_memory(self.environment) else getattr(self.environment.runner, "worker_index", 0)
        number = len(self.flow_accounts) + index
        return self.reserved[number] if number < len(self.reserved) else None

    def take_logout_all_account(self) -> Account | None:
        """Return the account whose sessions the flow that begins now is to end all at once, None for most flows.

        Call release_logout_all_account() afterwards: one flow at a time has the account.
        """
        account = self.logout_all_account
        if next(FLOWS) % LOGOUT_ALL_EVERY or not account or self.logout_all_slot is not None:
            return None
        self.logout_all_slot = LOGOUT_ALL.take()
        return account if self.logout_all_slot is not None else None

    def release_logout_all_account(self) -> None:
        """Let another flow have the account."""
        LOGOUT_ALL.release(self.logout_all_slot)
        self.logout_all_slot = None

    def end(self, *, removes: bool) -> None:
        """Note that all users are gone; `removes` says that remove_books() follows, for which no load need wait."""
        BEING_REMOVED.take(len(self.to_remove) if removes else 0)
        LOADS.take(-int(self._has_users))

    def remove_books(self) -> None:
        """Remove every book of the load that may still be there, so that the catalogue is as before."""
        try:
            with gevent.Timeout(LONGEST_REMOVAL_S, False):
                for isbn in remove_books(self.books_url, lambda: self.token(0), self.to_remove):
                    self.to_remove.discard(isbn)
                    BEING_REMOVED.take(-1)
        finally:
            BEING_REMOVED.take(-len(self.to_remove))
        if self.to_remove:
            some = ", ".join(sorted(self.to_remove)[:5])
            log.error("%d books of this load could not be removed: %s ...", len(self.to_remove), some)


_loads: dict[Environment, Load] = {}
_preparing = RLock()


def load_of(environment: Environment) -> Load:
    """Return the load of this process; the first call begins it, and raises Refused when it cannot begin.

    Locust may make users while the load is still being prepared: they wait for it here.
    """
    with _preparing:
        if environment not in _loads:
            preparation = preparation_of(environment, environment.host or "")
            preparation.ensure_ready()
            _loads[environment] = Load(environment, preparation)
        return _loads[environment]


_ending: set[Environment] = set()


def note_end(environment: Environment, **_: Any) -> None:
    """Note that the load begins to end."""
    _ending.add(environment)


def is_ending(environment: Environment) -> bool:
    """Tell whether a load has begun to end, and end_load() has not been called yet.

    Locust says "stopped" while the last files are written. A load that began then would take the old one over, whose
    end would remove the books of its users.
    """
    return environment in _ending


def await_end(environment: Environment, **_: Any) -> None:
    """Wait until the last load has ended, because keys and shapes start loads too; raises StopTest."""
    if not wait_for(lambda: not is_ending(environment), LONGEST_END_S):
        raise StopTest(f"the last load has not ended within {LONGEST_END_S:.0f} s")


def end_load(environment: Environment) -> Load | None:
    """Return the load, if there is one, and forget it: the next begins anew."""
    _ending.discard(environment)
    return _loads.pop(environment, None)
