"""What a load knows of the catalogue before it begins, and how a book or a page is held against that.

The load must be alone with the catalogue: a book that somebody else changes meanwhile is taken for a wrong answer.
"""

import itertools
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable

from load.client.catalogue import BOOK_TYPES, Book, Key, Place, find_flaw, has_whole_numbers, is_own, keys_of, place_of

MOST_KNOWN = 20_000  # of a larger catalogue SAMPLE books are known, so that a process of the load stays small
SAMPLE = 5_000
MISPLACED = "200 with a book that the filter should have left out"
DISORDER = "200 with books out of order"


class Known:
    """The books that no load owns, as they were before the load; those of loads only count.

    Of a catalogue of more than `most` such books only a random sample is known in its fields. `catalogue` is the list
    of books known, in order; `isbns`, `authors`, `genres`, `formats` are those of all books that no load owns;
    `own_starts` are the first eight digits of ISBNs that loads have used.
    """

    def __init__(self, books: Iterable[Book], most: int = MOST_KNOWN, sample: int = SAMPLE) -> None:
        """Take up the books of the catalogue, which may come one by one: not more of them is kept than is needed."""
        self.isbns: list[str] = []
        self.own_starts: set[str] = set()
        self._totals: Counter[Key] = Counter()
        self._own_totals: Counter[Key] = Counter()
        names: defaultdict[str, set[str]] = defaultdict(set)
        kept: list[Book] = []
        for book in books:
            if find_flaw(book):
                continue  # a service that shows it gives a wrong answer, whatever MariaDB has
            if is_own(book):
                self.own_starts.add(book["isbn"][:8])
                self._own_totals.update(keys_of(book))
            else:
                self._count(book, names)
                keep(kept, book, len(self.isbns), most, sample)
        self.authors, self.genres, self.formats = (sorted(names[one]) for one in ("author", "genre", "format"))
        self.catalogue = sorted(kept, key=place_of)
        self.is_whole = len(self.isbns) <= most
        self._books = {book["isbn"]: book for book in self.catalogue}
        self._lists: defaultdict[Key, list[Book]] = defaultdict(list)
        for book in self.catalogue:
            for key in keys_of(book):
                self._lists[key].append(book)

    def _count(self, book: Book, names: defaultdict[str, set[str]]) -> None:
        """Take up what is known of each book that no load owns, whether or not it is kept, and add its names."""
        self.isbns.append(book["isbn"])
        self._totals.update(keys_of(book))
        names["author"].update(book["authors"])
        names["genre"].add(book["genre"])
        names["format"].add(book["format"])

    def find_fault(self, book: Book) -> str:
        """Return in words what is wrong with a book shown, "" when nothing is; a book not known is held to its form."""
        truth = self._books.get(book["isbn"])
        if book == truth and has_whole_numbers(book):
            return ""
        if flaw := find_flaw(book):
            return flaw
        if truth is None:
            return "200 with a book that MariaDB has not" if self.is_whole and not is_own(book) else ""
        other = [name for name in BOOK_TYPES if book[name] != truth[name]]
        return f"200 with another {other[0]} than MariaDB has" if other else ""

    def find_fault_in_page(self, items: list[Book], key: Key, after: Place | None, *, is_last: bool) -> str:
        """Return in words what is wrong with the books of a page, "" when nothing is.

        The known ones among them must be exactly those of the list `key` from the place `after` to the place of the
        last book, or to the end if the page is the last one. Between them may stand books that loads own.
        """
        if not items:  # right only where nothing that is known follows: books of loads did, and were deleted
            rest = not after or self._books_between(key, after, None)
            return "200 with an empty page" if rest else ""
        shown = [book for book in items if book["isbn"] in self._books]
        if len(shown) < len(items) and (fault := self._find_fault_in_others(items, key, after)):
            return fault
        end = None if is_last else place_of(self._books.get(items[-1]["isbn"], items[-1]))
        due = self._books_between(key, after, end)
        if shown == due and all(map(has_whole_numbers, shown)):
            return ""
        return self._explain(shown, due, key)

    def find_fault_in_total(self, total: int, key: Key, set_aside: int | None) -> str:
        """Return in words what is wrong with the number of books in a list, "" when nothing is.

        `set_aside` is how many ISBNs this load may have used for books of its own; None when nobody knows.
        """
        least = self._totals[key]
        if total < least:
            return "200 with a total of fewer books than MariaDB has"
        is_more = set_aside is not None and total > least + self._own_totals[key] + set_aside
        return "200 with a total of more books than there can be" if is_more else ""

    def _books_between(self, key: Key, after: Place | None, end: Place | None) -> list[Book]:
        """Return the known books of a list behind one place, and up to another."""
        books = self._lists.get(key, [])
        start = bisect_right(books, after, key=place_of) if after else 0
        return books[start : bisect_right(books, end, key=place_of) if end else None]

    def _find_fault_in_others(self, items: list[Book], key: Key, after: Place | None) -> str:
        """Return what is wrong with the books that are not known, and with the order of a page that has such books."""
        for book in items:
            if book["isbn"] not in self._books:
                if fault := self.find_fault(book):
                    return fault
                if key not in keys_of(book):
                    return MISPLACED
        return "" if are_in_order([after, *map(place_of, items)] if after else map(place_of, items)) else DISORDER

    def _explain(self, shown: list[Book], due: list[Book], key: Key) -> str:
        """Return in what way the known books shown are not those that are due, "" if they are."""
        for book in shown:
            if fault := self.find_fault(book):
                return fault
        has, must = {book["isbn"] for book in shown}, {book["isbn"] for book in due}
        if len(has) < len(shown):
            return "200 with a book twice on the page"
        if not are_in_order(map(place_of, shown)):
            return DISORDER
        if must - has:
            return "200 with books missing from the page"
        if any(key not in keys_of(book) for book in shown):
            return MISPLACED
        return "200 with books of another page" if has - must else ""


def keep(kept: list[Book], book: Book, count: int, most: int, sample: int) -> None:
    """Keep book number `count`: each up to `most`, then each with the same chance (Vitter 1985, algorithm R)."""
    if count <= most:
        kept.append(book)
        return
    if count == most + 1:
        kept[:] = random.sample(kept, sample)
    if (place := random.randrange(count)) < sample:
        kept[place] = book


def are_in_order(places: Iterable[Place]) -> bool:
    """Tell whether each place comes after the one before."""
    return all(one < two for one, two in itertools.pairwise(places))
