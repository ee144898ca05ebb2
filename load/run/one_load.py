"""One load: its users' numbers and ISBNs, its session flows, and the books that it has to remove."""

import logging

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import MasterRunner

from load.client.accounts import Account
from load.client.catalogue import remove_books
from load.process_group import all_share_memory
from load.run.catalogue_cache import BEING_REMOVED, LOADS, LONGEST_TIDYING
from load.run.isbns import SET_ASIDE, OwnIsbns
from load.run.preparation import Preparation, preparation_of
from load.shared_memory import Counter, Semaphore

EVERYWHERE = 20  # each so many flows end all sessions of an account kept for that
USERS, FLOWS = Counter(), Counter(1)  # of all processes
ENDING_ALL = Semaphore(1)  # for the flow that ends all sessions of its account
log = logging.getLogger(__name__)


class Load:
    """One load: where it goes, who takes part, what there is to read, and what it still has to remove."""

    def __init__(self, environment: Environment, preparation: Preparation) -> None:
        """Begin a load with what was prepared for it."""
        self.environment, self.preparation = environment, preparation
        self.auth_url, self.books_url = preparation.auth_url, preparation.books_url
        self.kept = preparation.kept
        self.flow_accounts = self.kept[: (len(self.kept) + 1) // 2]
        self.ending_all: int | None = None
        self.known = preparation.known
        self.catalogue = self.known.catalogue
        self.authors, self.genres, self.formats = self.known.authors, self.known.genres, self.known.formats
        self.isbns = OwnIsbns(self.known.own_starts)
        self.user_numbers = USERS
        self.to_remove: set[str] = set()
        self._has_users = not isinstance(environment.runner, MasterRunner)
        LOADS.take(int(self._has_users))
        preparation.note_load()
        self._more = preparation.catalogue.more

    def token(self, number: int) -> str:
        """Return an access token for user `number`; users share the accounts in turn."""
        return self.preparation.sessions.token(number)

    @property
    def set_aside(self) -> int | None:
        """How many ISBNs all processes have set aside so far: no more books can be there that the catalogue had not.

        An ISBN is counted before any user has it. None where nobody can know: some processes share no memory.
        """
        return SET_ASIDE.value + self._more if all_share_memory(self.environment) else None

    @property
    def everywhere(self) -> Account | None:
        """The account whose sessions a flow may end all at once; None when too few accounts are kept.

        Processes that share no memory cannot take turns, so each of them has an account of its own.
        """
        index = 0 if all_share_memory(self.environment) else getattr(self.environment.runner, "worker_index", 0)
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
        ENDING_ALL.release(self.ending_all)
        self.ending_all = None

    def end(self, *, removes: bool) -> None:
        """Note that all users are gone; the next load need not wait for tidy(), where that `removes` their books."""
        BEING_REMOVED.take(len(self.to_remove) if removes else 0)
        LOADS.take(-int(self._has_users))

    def tidy(self) -> None:
        """Remove every book of the load that may still be there, so that the catalogue is as before."""
        try:
            with gevent.Timeout(LONGEST_TIDYING, False):
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
    """Return the load of this process; begins it the first time, which raises Refused when it cannot begin.

    Users can be asked for while the load is still being prepared: they wait for the one that is.
    """
    with _preparing:
        if environment not in _loads:
            preparation = preparation_of(environment, environment.host or "")
            preparation.make_sure()
            _loads[environment] = Load(environment, preparation)
        return _loads[environment]


def end_load(environment: Environment) -> Load | None:
    """Return the load, if there is one, and forget it: the next begins anew."""
    return _loads.pop(environment, None)
