"""Reserves ISBNs for the books that a load adds, so that no two users of its processes have the same."""

import secrets
from collections.abc import Iterator
from itertools import islice

from load.machines.share import own_share
from load.shared_memory import Counter

PREFIXES = 90_000  # 979-10000 to 979-99999, each with 10,000 ISBNs
_share = own_share()
# Begins at random because other loads share no memory with this one; the machines of one load have their own parts.
NEXT_PREFIX = Counter(
    _share.seed + _share.number * PREFIXES // _share.machines if _share else secrets.randbelow(PREFIXES)
)
RESERVED = Counter()  # ISBNs, by all processes


class OwnIsbns:
    """The ISBNs that this process gives to its users; it takes prefixes, and uses up one after the other."""

    def __init__(self, taken: set[str]) -> None:
        """Leave out the prefixes that are taken: the first eight digits of ISBNs in the catalogue."""
        self._taken = taken
        self._isbns: Iterator[str] = iter(())

    def reserve(self, count: int) -> list[str]:
        """Return `count` ISBNs that nobody else gets; they are counted before they are returned."""
        RESERVED.take(count)
        isbns = list(islice(self._isbns, count))
        while len(isbns) < count:
            prefix = f"979{10_000 + NEXT_PREFIX.take() % PREFIXES}"
            if prefix not in self._taken:
                self._isbns = isbns_with(prefix)  # another greenlet may do so meanwhile: some ISBNs are left unused
                isbns += islice(self._isbns, count - len(isbns))
        return isbns


def isbns_with(prefix: str) -> Iterator[str]:
    """Yield all ISBNs that begin with these eight digits. Check digit: ISBN Users' Manual, 7th edition, section 5."""
    for number in range(10_000):
        digits = f"{prefix}{number:04}"
        check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
        yield f"{digits}{check}"
