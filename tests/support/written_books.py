"""Plays a user who writes to a few books and a service that keeps them, and leaves a ledger and a read-back of it."""

import copy
import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.recordings import START, write_lines

Book = dict[str, Any]
ISBNS = [f"979100000{number:04}" for number in range(40)]


@dataclass
class Shelf:
    """A service that does what it is told, unless a test changes what the two roads show afterwards."""

    source: random.Random = field(default_factory=lambda: random.Random(1))
    books: dict[str, Book] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, dict[str, Book]] = field(default_factory=dict)  # by road
    lag_s: float | None = 0.0
    unread: set[str] = field(default_factory=set)

    def write(self, isbn: str, method: str, outcome: str = "acknowledged", done: bool = True, **fields: Any) -> None:
        """Enter a write and its outcome; `done` says whether a write of unknown outcome took effect."""
        body = {"isbn": isbn, **self.make_fields(), **fields} if method == "POST" else fields or None
        number = sum("method" in line for line in self.ledger) + 1
        digest = hashlib.sha256(json.dumps(body).encode()).hexdigest() if body else None
        known = f'"{self.versions.get(isbn)}"' if method == "PATCH" else None
        sent = {"at": START + number, "n": number, "isbn": isbn, "method": method, "key": None, "fields": body}
        if_match = int(known.strip('"')) if known else None
        self.ledger.append({**sent, "if_match": if_match, "digest": digest})
        version = self.apply(isbn, method, body) if done and outcome != "refused" else None
        statuses = {"acknowledged": 200, "refused": 412, "unknown": None}
        end = {"at": START + number + 0.1, "n": number, "outcome": outcome, "status": statuses[outcome]}
        told = version if outcome == "acknowledged" and method != "DELETE" else None
        self.ledger.append({**end, "version": told})

    def make_fields(self) -> Book:
        """The fields of a new book."""
        price = f"{self.source.randint(100, 9999) / 100:.2f}"
        stock = self.source.randint(0, 999)
        fixed = {"title": "Another one", "authors": ["Ana", "Bo"], "genre": "Novel", "format": "Paper", "year": 1999}
        return {**fixed, "price": price, "stock": stock}

    def apply(self, isbn: str, method: str, body: Book | None) -> int | None:
        """Do what a write wants, as the services do: an ISBN that was deleted goes on from its last version."""
        if method == "DELETE":
            self.books.pop(isbn, None)
            return None
        self.versions[isbn] = self.versions.get(isbn, 0) + 1
        self.books[isbn] = {**self.books.get(isbn, {}), **(body or {}), "version": self.versions[isbn]}
        return self.versions[isbn]

    def live(self, isbn: str, steps: int, doubts: float = 0.0) -> None:
        """Add, change and delete a book at random; a share of the writes has an unknown outcome, done or not."""
        for _ in range(steps):
            doubt = self.source.random() < doubts
            outcome, done = ("unknown", self.source.random() < 0.5) if doubt else ("acknowledged", True)
            if isbn not in self.books:
                self.write(isbn, "POST", outcome, done)
            elif self.source.random() < 0.3:
                self.write(isbn, "DELETE", outcome, done)
            else:
                self.write(isbn, "PATCH", outcome, done, price="7.25", stock=1000 + len(self.ledger))

    def show(self) -> None:
        """Let both roads show what is there."""
        self.shown = {road: copy.deepcopy(self.books) for road in ("read_model", "database")}

    def leave(self, folder: Path, name: str) -> None:
        """Write the ledger and what was read back."""
        write_lines(folder / f"{name}_ledger.jsonl", self.ledger)
        isbns = sorted({line["isbn"] for line in self.ledger if "isbn" in line} - self.unread)
        roads = {
            isbn: {
                road: {"status": 200 if isbn in books else 404, "book": books.get(isbn)}
                for road, books in self.shown.items()
            }
            for isbn in isbns
        }
        found = {"at": START + 99, "lag_s": self.lag_s, "complete": not self.unread, "isbns": roads}
        (folder / f"{name}_read_back.json").write_text(json.dumps(found))
