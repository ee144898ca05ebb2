"""Clients that change, delete and create again the same ten books while others read them, and what they find."""

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.support.catalogue_watch import Watch
from tests.support.clients import Client
from tests.support.derived_books import carries, derive_fields, list_filters
from tests.support.shelf import make_isbn

WRITERS, READERS = 16, 4


class Race:
    """The clients, the ten ISBNs they write to, and what they know of them."""

    def __init__(self, url: str, token: str, seed: int) -> None:
        self.url, self.token, self.seed = url, token, seed
        self.isbns = [make_isbn() for _ in range(10)]
        self.mark = secrets.token_hex(4)
        self.watch = Watch(self.isbns, self.mark)
        self.commits: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.numbers = iter(range(1, 10**9))
        self.lock = threading.Lock()
        self.end = 0.0

    def run(self, seconds: float) -> None:
        """Let all clients work for that long; raises what one of them raised."""
        self.end = time.monotonic() + seconds
        work = [self.write] * WRITERS + [self.read_one, self.read_lists] * (READERS // 2)
        with ThreadPoolExecutor(len(work)) as threads:
            running = [threads.submit(self.repeat, step, place) for place, step in enumerate(work)]
        for each in running:
            each.result()

    def repeat(self, step: Callable[[Client, random.Random], None], place: int) -> None:
        """Repeat one client's step until the end, with a seed of its own."""
        chance = random.Random(f"{self.seed} {place}")
        with Client(self.url, self.token) as client:
            while time.monotonic() < self.end:
                step(client, chance)

    def write(self, client: Client, chance: random.Random) -> None:
        """Change, delete or create again one of the books, whichever others do to it meanwhile."""
        isbn = chance.choice(self.isbns)
        version, gone = self.watch.floors()[isbn]
        with self.lock:
            number = next(self.numbers)
        if gone:
            body = {"isbn": isbn, **derive_fields(number, self.mark)}
            self.note(client.post("/api/books", json=body), isbn, number)
        elif chance.random() < 0.7:
            self.note(client.patch(f"/api/books/{isbn}", json=derive_fields(number, self.mark)), isbn, number)
        else:
            self.watch.announce_delete(isbn, version)
            answer = client.delete(f"/api/books/{isbn}", headers={"If-Match": f'"{version}"'})
            self.count(answer, 204, 404, 412)
            if answer.status_code == 204:
                self.watch.confirm(isbn, (version, 1))

    def note(self, answer: requests.Response, isbn: str, number: int) -> None:
        """Note what a POST or PATCH has answered."""
        self.count(answer, 200, 201, 404, 409)
        if answer.ok:
            with self.lock:
                self.commits[isbn] += 1
            self.watch.confirm(isbn, (answer.json()["version"], 0), number)

    def count(self, answer: requests.Response, *expected: int) -> None:
        """Count an answer to a command; 503 is one that was rolled back, and not one of unknown outcome."""
        rolled_back = answer.status_code == 503 and "unknown" not in answer.text
        assert rolled_back or answer.status_code in expected, answer.text
        with self.lock:
            self.counts[f"{answer.request.method} {answer.status_code}"] += 1

    def read_one(self, client: Client, chance: random.Random) -> None:
        """Read one of the books and check what it shows."""
        isbn = chance.choice(self.isbns)
        floor, catalogue = self.watch.floors()[isbn], self.watch.catalogue()
        answer = client.get(f"/api/books/{isbn}")
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == 200:
            self.watch.see_version(answer, catalogue)
            self.watch.see_book(answer.json(), floor)
            if answer.headers["ETag"] != f'"{answer.json()["version"]}"':
                self.watch.report(f"ETag {answer.headers['ETag']} on {answer.json()}")
        else:
            self.watch.see_no_book(isbn, floor)

    def read_lists(self, client: Client, chance: random.Random) -> None:
        """Read all the books in one list, then some of them by other filters, and check what they show."""
        everything = {"author": f"All {self.mark}"}
        shown = self.read_list(client, everything, chance.choice([100, 100, 4]))
        if shown is not None:
            floors, found = shown
            for isbn in set(self.isbns) - found:
                self.watch.see_no_book(isbn, floors[isbn])
        self.read_list(client, chance.choice(list_filters(chance.randrange(60), self.mark)), 100)

    def read_list(
        self, client: Client, filters: dict[str, str], limit: int
    ) -> tuple[dict[str, tuple[int, int]], set[str]] | None:
        """Read one page and check it; return the floors of before and the ISBNs on it if it is the whole list."""
        floors, catalogue = self.watch.floors(), self.watch.catalogue()
        answer = client.get("/api/books", params={**filters, "limit": str(limit)})
        if answer.status_code != 200:
            self.watch.report(f"a list of {filters}: {answer.text}")
            return None
        self.watch.see_version(answer, catalogue)
        items, total = answer.json()["items"], answer.json()["total"]
        for book in items:
            self.watch.see_book(book, floors[book["isbn"]])
            if not carries(book, filters):
                self.watch.report(f"a list of {filters} holds {book}")
        if items != sorted(items, key=lambda book: (book["title"].casefold(), book["isbn"])):
            self.watch.report(f"a list out of order: {[book['title'] for book in items]}")
        if len(items) != min(total, limit) or (answer.json()["next"] is None) is not (total <= limit):
            self.watch.report(f"total {total}, {len(items)} items, limit {limit}, next {answer.json()['next']}")
        return (floors, {book["isbn"] for book in items}) if total <= limit else None
