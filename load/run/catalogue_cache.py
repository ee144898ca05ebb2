"""Keeps the snapshot of the catalogue from load to load, as long as the catalogue has not changed."""

from collections.abc import Callable, Iterator

from gevent.lock import RLock

from load.client.catalogue import Book, Fingerprint, read_catalogue, read_fingerprint
from load.client.refusal import Refused
from load.client.snapshot import Snapshot
from load.run.isbns import RESERVED
from load.shared_memory import Counter, wait_for

LONGEST_REMOVAL_S = 120
LOADS = Counter()  # the processes that have users, of those that share memory
BEING_REMOVED = Counter()  # the books that ended loads of these processes still have to remove
Tell = Callable[[int, int], None]  # books read, books in all


class CatalogueCache:
    """The snapshot of one books service's catalogue: read once, and anew when the fingerprint says that it has changed.

    A load changes only books of its own, and removes them when it ends: then the number of books must be the same as
    before the load. Between two loads nothing may have changed at all.
    """

    def __init__(self, books_url: str, token: Callable[[], str]) -> None:
        """Begin without a snapshot; `token` returns an access token of the moment."""
        self.more = 0  # books that MariaDB had at the last fingerprint, beyond those of the snapshot: all of loads
        self._books_url, self._token = books_url, token
        self._snapshot: Snapshot | None = None
        self._fingerprint = Fingerprint(0, "")  # taken just before the snapshot
        self._idle_version = ""  # the version at the last fingerprint, if no load has run since then, else ""
        self._begun = 0  # loads
        self._working = RLock()

    def renew(self, tell: Tell) -> Snapshot:
        """Return the snapshot, taken anew if the catalogue has changed; raises Refused, SignedOut."""
        with self._working:
            begun, left = self._begun, BEING_REMOVED.value  # read first, because the removal goes on meanwhile
            now = read_fingerprint(self._books_url, self._token())
            if self._snapshot is None or not self._is_same(now, left):
                self._snapshot, self._fingerprint = self._read(now, tell), now
            self.more = now.books - self._fingerprint.books
            self._idle_version = "" if left or LOADS.value or self._begun != begun else now.version
            return self._snapshot

    def note_load(self) -> None:
        """Note that a load begins."""
        self._begun += 1
        self._idle_version = ""

    def renew_after_load(self, tell: Tell) -> None:
        """Wait until all users are gone and their books removed, then renew(); raises Refused.

        Nothing is done when another load begins meanwhile.
        """
        begun = self._begun
        wait_for(lambda: not (LOADS.value or BEING_REMOVED.value) or self._begun != begun, LONGEST_REMOVAL_S)
        if self._begun == begun:
            self.renew(tell)

    def _is_same(self, now: Fingerprint, left: int) -> bool:
        """Tell whether only books of loads were added and removed since the snapshot was taken.

        Other processes may have begun the load already, and have added books of their own.
        """
        before, others = self._fingerprint, LOADS.value
        most = before.books + left + (RESERVED.value if others else 0)
        unchanged = others or self._idle_version in ("", now.version)
        return bool(unchanged) and now.generation == before.generation and before.books <= now.books <= most

    def _read(self, now: Fingerprint, tell: Tell) -> Snapshot:
        snapshot = Snapshot(count_books(read_catalogue(self._books_url, self._token), now.books, tell))
        if not snapshot.books:
            raise Refused(f"the catalogue at {self._books_url} is empty; load init.sql into its database", 1)
        return snapshot


def count_books(books: Iterator[Book], total: int, tell: Tell) -> Iterator[Book]:
    """Yield the books, and tell after each hundred how many there were."""
    for number, book in enumerate(books, 1):
        if number % 100 == 0:
            tell(number, max(number, total))
        yield book
