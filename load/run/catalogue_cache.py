"""Keeps what a load knows of the catalogue from start to start, as long as the catalogue is what it was."""

from collections.abc import Callable, Iterator

from gevent.lock import RLock

from load.client.catalogue import Book, Witness, look_at_catalogue, read_catalogue
from load.client.refusal import Refused
from load.client.snapshot import Known
from load.run.isbns import SET_ASIDE
from load.shared_memory import Counter, wait_for

LONGEST_TIDYING = 120  # seconds
LOADS = Counter()  # processes that have users; like the next, of all that share memory
BEING_REMOVED = Counter()  # the books of loads that have ended
Tell = Callable[[int, int], None]  # books read, books in all


class KeptCatalogue:
    """The catalogue of one books service: read once, and anew when the witness asked for says that it has changed.

    A load changes only books of its own, and removes them when it ends: after that the number of books must be that of
    before. Between two loads nothing may have changed at all.
    """

    def __init__(self, books_url: str, token: Callable[[], str]) -> None:
        """Begin without any; `token` returns an access token of the moment."""
        self.more = 0  # books of loads that MariaDB had when last asked, beyond those that were read
        self._books_url, self._token = books_url, token
        self._known: Known | None = None
        self._read_at = Witness(0, "")  # before the reading began
        self._settled = ""  # the version since which no load has changed anything, "" where nobody knows
        self._begun = 0  # loads
        self._working = RLock()

    def renew(self, tell: Tell) -> Known:
        """Return what is known, read anew unless that is still right; raises Refused, SignedOut."""
        with self._working:
            begun, left = self._begun, BEING_REMOVED.value  # before the books are counted: there are only fewer then
            now = look_at_catalogue(self._books_url, self._token())
            if self._known is None or not self._is_same(now, left):
                self._known, self._read_at = self._read(now, tell), now
            self.more = now.books - self._read_at.books
            self._settled = "" if left or LOADS.value or self._begun != begun else now.version
            return self._known

    def note_load(self) -> None:
        """Note that a load begins."""
        self._begun += 1
        self._settled = ""

    def settle(self, tell: Tell) -> None:
        """Once all users are gone and their books removed, make sure that all is as before, or read it anew.

        Raises Refused. Nothing is done when another load begins meanwhile.
        """
        begun = self._begun
        wait_for(lambda: not (LOADS.value or BEING_REMOVED.value) or self._begun != begun, LONGEST_TIDYING)
        if self._begun == begun:
            self.renew(tell)

    def _is_same(self, now: Witness, left: int) -> bool:
        """Tell whether only books of loads were added and removed since the catalogue was read.

        Another process of the load that begins here may have begun already, and added some.
        """
        before, others = self._read_at, LOADS.value
        most = before.books + left + (SET_ASIDE.value if others else 0)
        unchanged = others or self._settled in ("", now.version)
        return bool(unchanged) and now.generation == before.generation and before.books <= now.books <= most

    def _read(self, now: Witness, tell: Tell) -> Known:
        known = Known(count_books(read_catalogue(self._books_url, self._token), now.books, tell))
        if not known.catalogue:
            raise Refused(f"the catalogue at {self._books_url} is empty; load init.sql into its database", 1)
        return known


def count_books(books: Iterator[Book], total: int, tell: Tell) -> Iterator[Book]:
    """Pass books on, and tell after each hundred how many there were."""
    for number, book in enumerate(books, 1):
        if number % 100 == 0:
            tell(number, max(number, total))
        yield book
