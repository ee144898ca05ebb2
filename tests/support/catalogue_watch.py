"""What readers may rely on while books change under them, and every fault that one of them saw."""

import threading
from collections.abc import Sequence

import requests

from tests.support.clients import Json
from tests.support.derived_books import is_whole
from tests.support.read_models import read_version

Place = tuple[int, int]  # where an ISBN is in its life: the version, and 1 once the book of that version is deleted


class Watch:
    """The least place each ISBN can be at, known from answers to anybody: a read that starts later must not be
    behind it. Deletes are sent for one version only, so that their success tells the place exactly.
    """

    def __init__(self, isbns: Sequence[str], mark: str) -> None:
        """Watch these ISBNs, none of which has a book yet; `mark` is that of the derived books."""
        self.mark = mark
        self.faults: list[str] = []
        self.reads = 0
        self.from_mariadb = 0
        self._lock = threading.Lock()
        self._floors: dict[str, Place] = dict.fromkeys(isbns, (0, 1))
        self._deletes: dict[str, set[int]] = {isbn: set() for isbn in isbns}
        self._numbers: dict[tuple[str, int], int] = {}
        self._catalogue: tuple[int, int] = (0, 0)

    def floors(self) -> dict[str, Place]:
        """Return the floors as they are now, to be taken before a read is sent."""
        with self._lock:
            return dict(self._floors)

    def catalogue(self) -> tuple[int, int]:
        """Return the least catalogue version, to be taken before a read is sent."""
        with self._lock:
            return self._catalogue

    def announce_delete(self, isbn: str, version: int) -> None:
        """Note before a delete is sent that it may delete that version."""
        with self._lock:
            self._deletes[isbn].add(version)

    def confirm(self, isbn: str, place: Place, number: int | None = None) -> None:
        """Note what a command's success tells: the ISBN has reached that place, with the book of that number."""
        with self._lock:
            if number is not None:
                self._check_number(isbn, place[0], number)
            self._floors[isbn] = max(self._floors[isbn], place)

    def see_book(self, book: Json, floor: Place) -> None:
        """Check a book that a read has shown, given the floor of before that read."""
        isbn, version = book["isbn"], book["version"]
        with self._lock:
            if (version, 0) < floor:
                self.faults.append(f"{isbn}: version {version} seen alive after {floor}")
            if not is_whole(book, self.mark):
                self.faults.append(f"{isbn}: half a change: {book}")
            self._check_number(isbn, version, book["stock"])
            self._floors[isbn] = max(self._floors[isbn], (version, 0))

    def see_no_book(self, isbn: str, floor: Place) -> None:
        """Check that an ISBN which a read has shown without a book can have none."""
        with self._lock:
            deleted = [version for version in self._deletes[isbn] if (version, 1) >= floor]
            if floor[1] == 1:
                return
            if not deleted:
                self.faults.append(f"{isbn}: not seen after {floor}, and nobody deleted it")
                return
            self._floors[isbn] = max(self._floors[isbn], (min(deleted), 1))

    def see_version(self, answer: requests.Response, floor: tuple[int, int]) -> None:
        """Check the catalogue version of an answer, given the least one of before that read."""
        version = read_version(answer)
        with self._lock:
            self.reads += 1
            if version is None:
                self.from_mariadb += 1
                return
            if version < floor:
                self.faults.append(f"catalogue version {version} after {floor}")
            self._catalogue = max(self._catalogue, version)

    def report(self, fault: str) -> None:
        """Note a fault that a reader found by itself."""
        with self._lock:
            self.faults.append(fault)

    def _check_number(self, isbn: str, version: int, number: int) -> None:
        known = self._numbers.setdefault((isbn, version), number)
        if known != number:
            self.faults.append(f"{isbn}: version {version} is {known} here and {number} there")
