"""Follows each book through the ledger: every state it may be in after what was answered to its writes.

One user alone writes to an ISBN, one write after the other, so the order of the ledger is that of the writes.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from analysis.records.results_folder import ACKNOWLEDGED, UNKNOWN, Outcome, Sent

Book = dict[str, Any]
Write = tuple[Sent, Outcome | None]


@dataclass(frozen=True)
class State:
    """What may be there: a book's fields, or None without a book, and the version, None if no answer told it."""

    fields: Book | None
    version: int | None


@dataclass(frozen=True)
class Violation:
    """A broken guarantee: `kind` is "lost", "differing" or "doubled"; `where` is one of BOOK_SOURCES, or "answers"."""

    kind: str
    isbn: str
    where: str
    words: str


class BookHistory:
    """The history of one ISBN: the states it may be in, and what was noticed in the answers already."""

    def __init__(self, isbn: str) -> None:
        """Begin without a book; a version from before this load may be there."""
        self.isbn = isbn
        self.states = [State(None, None)]
        self.acknowledged = self.unknown = 0
        self.violations: list[Violation] = []
        self._done: dict[tuple[str, str | None], bool] = {}  # what has an Idempotency-Key, and whether it is done

    def enter(self, sent: Sent, outcome: Outcome | None) -> None:
        """Take in a write and its outcome."""
        what = outcome.outcome if outcome else UNKNOWN
        key = (sent.key, sent.digest) if sent.key else None
        replayed = key is not None and self._done.get(key, False)
        if what == ACKNOWLEDGED:
            self.acknowledged += 1
            if not replayed:
                self._acknowledge(sent, outcome.version if outcome else None)
        elif what == UNKNOWN:
            self.unknown += 1
            if not replayed:
                self.states = unique([*self.states, *(s for state in self.states if (s := apply(sent, state)))])
        if key is not None and what == ACKNOWLEDGED:
            self._done[key] = True

    def _acknowledge(self, sent: Sent, version: int | None) -> None:
        reached = [after for state in self.states if (after := apply(sent, state))]
        if sent.key:  # the answer to a repeated write may be that of an earlier, unanswered write
            reached += [state for state in self.states if state.fields is not None and fits(sent.fields, state.fields)]
        if version is not None:
            self._check_version(sent, version, [state.version for state in reached])
            reached = [state for state in reached if state.version in (None, version)] or reached
            reached = [State(state.fields, version) for state in reached]
        if not reached:  # told once: from here on the answer is believed
            self._accuse(sent)
            fields = None if sent.method == "DELETE" else sent.fields
            reached = [State(fields, version)]
        self.states = unique(reached)

    def _accuse(self, sent: Sent) -> None:
        """Note that a write was acknowledged which fits no state: an earlier acknowledged write is lost or doubled.

        Without an earlier one there is none that could be.
        """
        if self.acknowledged == 1:
            return
        known = [state.version for state in self.states if state.fields is not None and state.version is not None]
        kind, words = "lost", f"{sent.method} was acknowledged, though the book was "
        if sent.method == "POST":
            words += "there"
        elif not known or sent.if_match is None:
            words += "not there"
        else:
            kind = "doubled" if sent.if_match > max(known) else "lost"
            words = f"{sent.method} was acknowledged for version {sent.if_match} (expected: {say_versions(known)})"
        self.violations.append(Violation(kind, self.isbn, "answers", words))

    def _check_version(self, sent: Sent, version: int, expected: list[int | None]) -> None:
        known = [each for each in expected if each is not None]
        if not known or len(known) < len(expected) or min(known) <= version <= max(known):
            return
        words = f"{sent.method} was answered with version {version} (expected: {say_versions(known)})"
        self.violations.append(Violation("doubled" if version > max(known) else "lost", self.isbn, "answers", words))


def apply(sent: Sent, state: State) -> State | None:
    """The state after a write took effect; None where the write does not fit."""
    if sent.method == "POST":
        return State(sent.fields, _next(state.version)) if state.fields is None else None
    if state.fields is None or (sent.if_match is not None and state.version not in (None, sent.if_match)):
        return None
    if sent.method == "DELETE":
        return State(None, state.version)
    changes = sent.fields or {}
    if fits(changes, state.fields):  # a change that changes nothing keeps the version
        return State(state.fields, state.version)
    return State({**state.fields, **changes}, _next(state.version))


def _next(version: int | None) -> int | None:
    return None if version is None else version + 1


def unique(states: list[State]) -> list[State]:
    """Each state once; without it, every unanswered write would double them."""
    return [state for place, state in enumerate(states) if state not in states[:place]]


def fits(wanted: Book | None, there: Book) -> bool:
    """Whether a book has the fields that were sent."""
    return not find_differences(wanted or {}, there)


def find_differences(wanted: Book, there: Book) -> list[str]:
    """The names of the fields of `wanted` that a book has otherwise."""
    return sorted(name for name, value in wanted.items() if not _equal(name, value, there.get(name)))


def _equal(name: str, one: Any, other: Any) -> bool:
    if name == "price":
        try:
            return Decimal(str(one)) == Decimal(str(other))
        except InvalidOperation:
            return False
    if name == "isbn":
        return plain_isbn(str(one)) == plain_isbn(str(other))
    return bool(one == other)


def plain_isbn(isbn: str) -> str:
    """An ISBN without its hyphens."""
    return isbn.replace("-", "")


def say_versions(versions: list[int]) -> str:
    """`3`, or `3 to 5`."""
    low, high = min(versions), max(versions)
    return f"{low}" if low == high else f"{low} to {high}"


def follow_books(writes: list[Write]) -> dict[str, BookHistory]:
    """The history of each ISBN after all its writes, in the order of the ISBNs."""
    histories: dict[str, BookHistory] = {}
    for sent, outcome in writes:
        isbn = plain_isbn(sent.isbn)
        histories.setdefault(isbn, BookHistory(isbn)).enter(sent, outcome)
    return dict(sorted(histories.items()))
