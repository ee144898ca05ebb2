"""Draws ISBNs for the books that a load adds, so that no two users of it have the same, in whatever process."""

import secrets
from collections.abc import Iterator
from itertools import islice

from load.shared_memory import Counter

STARTS = 90_000  # 979-10000 to 979-99999
BLOCKS = Counter(secrets.randbelow(STARTS))  # a random number, for loads that share no memory
SET_ASIDE = Counter()


class OwnIsbns:
    """The ISBNs that this process hands to its users, 10,000 behind each start."""

    def __init__(self, taken: set[str]) -> None:
        """Pass over the starts that are taken: the first eight digits of ISBNs in the catalogue."""
        self._taken = taken
        self._block: Iterator[str] = iter(())

    def set_aside(self, count: int) -> list[str]:
        """Return `count` ISBNs that nobody else gets; they are counted before they are returned."""
        SET_ASIDE.take(count)
        isbns = list(islice(self._block, count))
        while len(isbns) < count:
            start = f"979{10_000 + BLOCKS.take() % STARTS}"
            if start not in self._taken:
                self._block = isbns_behind(start)  # another greenlet may have done so too: that leaves a gap
                isbns += islice(self._block, count - len(isbns))
        return isbns


def isbns_behind(start: str) -> Iterator[str]:
    """Yield the ISBNs whose first eight digits these are. Check digit: ISBN Users' Manual, 7th edition, section 5."""
    for number in range(10_000):
        digits = f"{start}{number:04}"
        check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
        yield f"{digits}{check}"
