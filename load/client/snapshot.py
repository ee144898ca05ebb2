"""The catalogue as it was before a load, and how the books and pages that the load is shown are held against it.

The load must be alone with the catalogue: a book that somebody else changes meanwhile is taken for a wrong answer.
"""

import itertools
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable

from load.client.catalogue import (
    BOOK_TYPES,
    Book,
    Filter,
    SortKey,
    filters_of,
    find_fault_in_form,
    has_whole_numbers,
    is_own,
    sort_key_of,
)

MOST_BOOKS = 20_000  # of a larger catalogue a sample is kept, so that a process of the load stays small
SAMPLE = 5_000
MISPLACED = "200 with a book that the filter should have left out"
DISORDER = "200 with books out of order"


class Snapshot:
    """The books that no load owns, as they were before the load; of the books of loads only the number is kept.

    Of a catalogue of more than `most` such books only a random sample is kept. `books` are the books that are
    kept, in order; `isbns`, `authors`, `genres`, `formats` are those of all books that no load owns;
    `own_prefixes` are the first eight digits of the ISBNs that loads have used.
    """

    def __init__(self, books: Iterable[Book], most: int = MOST_BOOKS, sample: int = SAMPLE) -> None:
        """Take the books of the catalogue, which may come one by one: no more of them are held in memory than kept."""
        self.isbns: list[str] = []
        self.own_prefixes: set[str] = set()
        self._totals: Counter[Filter] = Counter()
        self._own_totals: Counter[Filter] = Counter()
        names: defaultdict[str, set[str]] = defaultdict(set)
        kept: list[Book] = []
        for book in books:
            if find_fault_in_form(book):
                continue  # a service that shows such a book answers wrongly, even where MariaDB has it so
            if is_own(book):
                self.own_prefixes.add(book["isbn"][:8])
                self._own_totals.update(filters_of(book))
            else:
                self._count(book, names)
                keep(kept, book, len(self.isbns), most, sample)
        self.authors, self.genres, self.formats = (sorted(names[one]) for one in ("author", "genre", "format"))
        self.books = sorted(kept, key=sort_key_of)
        self.is_whole = len(self.isbns) <= most
        self._by_isbn = {book["isbn"]: book for book in self.books}
        self._lists: defaultdict[Filter, list[Book]] = defaultdict(list)
        for book in self.books:
            for each in filters_of(book):
                self._lists[each].append(book)

    def _count(self, book: Book, names: defaultdict[str, set[str]]) -> None:
        """Count a book that no load owns, kept or not, and add its ISBN, authors, genre and format."""
        self.isbns.append(book["isbn"])
        self._totals.update(filters_of(book))
        names["author"].update(book["authors"])
        names["genre"].add(book["genre"])
        names["format"].add(book["format"])

    def find_fault(self, book: Book) -> str:
        """Return in words what is wrong with a book, "" when nothing is; of a book that is not kept, with its form."""
        truth = self._by_isbn.get(book["isbn"])
        if book == truth and has_whole_numbers(book):
            return ""
        if flaw := find_fault_in_form(book):
            return flaw
        if truth is None:
            return "200 with a book that MariaDB has not" if self.is_whole and not is_own(book) else ""
        other = [name for name in BOOK_TYPES if book[name] != truth[name]]
        return f"200 with another {other[0]} than MariaDB has" if other else ""

    def find_fault_in_page(self, items: list[Book], chosen: Filter, after: SortKey | None, *, is_last: bool) -> str:
        """Return in words what is wrong with the books of a page, "" when nothing is.

        `chosen` is the filter of the list, `after` the sort key of the last book of the page before. Of the books that
        are kept, the page must show exactly those that follow in the list, up to its own last book, or to the end of
        the list if it is the last page. Between them may stand books that loads own.
        """
        if not items:  # right only at the end of the list, where books of loads stood and were deleted
            rest = not after or self._books_between(chosen, after, None)
            return "200 with an empty page" if rest else ""
        shown = [book for book in items if book["isbn"] in self._by_isbn]
        if len(shown) < len(items) and (fault := self._find_fault_in_others(items, chosen, after)):
            return fault
        end = None if is_last else sort_key_of(self._by_isbn.get(items[-1]["isbn"], items[-1]))
        due = self._books_between(chosen, after, end)
        if shown == due and all(map(has_whole_numbers, shown)):
            return ""
        return self._explain(shown, due, chosen)

    def find_fault_in_total(self, total: int, chosen: Filter, reserved: int | None) -> str:
        """Return in words what is wrong with the number of books in a list, "" when nothing is.

        `reserved` is how many ISBNs this load may have used for books of its own; None when that cannot be known.
        """
        least = self._totals[chosen]
        if total < least:
            return "200 with a total of fewer books than MariaDB has"
        is_more = reserved is not None and total > least + self._own_totals[chosen] + reserved
        return "200 with a total of more books than there can be" if is_more else ""

    def _books_between(self, chosen: Filter, after: SortKey | None, end: SortKey | None) -> list[Book]:
        """Return the kept books of a list behind one sort key, and up to another."""
        books = self._lists.get(chosen, [])
        start = bisect_right(books, after, key=sort_key_of) if after else 0
        return books[start : bisect_right(books, end, key=sort_key_of) if end else None]

    def _find_fault_in_others(self, items: list[Book], chosen: Filter, after: SortKey | None) -> str:
        """Return what is wrong with the books that are not kept, and with the order of a page that has such books."""
        for book in items:
            if book["isbn"] not in self._by_isbn:
                if fault := self.find_fault(book):
                    return fault
                if chosen not in filters_of(book):
                    return MISPLACED
        return "" if are_in_order([after, *map(sort_key_of, items)] if after else map(sort_key_of, items)) else DISORDER

    def _explain(self, shown: list[Book], due: list[Book], chosen: Filter) -> str:
        """Return in words how the kept books on a page differ from those that are due, "" when they do not."""
        for book in shown:
            if fault := self.find_fault(book):
                return fault
        has, must = {book["isbn"] for book in shown}, {book["isbn"] for book in due}
        if len(has) < len(shown):
            return "200 with a book twice on the page"
        if not are_in_order(map(sort_key_of, shown)):
            return DISORDER
        if must - has:
            return "200 with books missing from the page"
        if any(chosen not in filters_of(book) for book in shown):
            return MISPLACED
        return "200 with books of another page" if has - must else ""


def keep(kept: list[Book], book: Book, count: int, most: int, sample: int) -> None:
    """Keep book number `count`: each up to `most`, then each with the same chance (Vitter 1985, algorithm R)."""
    if count <= most:
        kept.append(book)
        return
    if count == most + 1:
        kept[:] = random.sample(kept, sample)
    if (index := random.randrange(count)) < sample:
        kept[index] = book


def are_in_order(keys: Iterable[SortKey]) -> bool:
    """Tell whether each sort key is greater than the one before."""
    return all(one < two for one, two in itertools.pairwise(keys))
