"""Compares what writers were told with what MariaDB holds: nothing acknowledged lost or doubled, no half change."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.faults.records import WRITES, Record, of_kinds
from tests.support.derived_books import is_whole
from tests.support.ledger import Effect, Ledger, State, change, create, delete
from tests.support.stacks import Stack, connect_to_mariadb

BOOKS = """
  SELECT b.isbn, b.version, b.stock, b.title, b.year, b.price,
    (SELECT name FROM genres WHERE id = b.genre_id), (SELECT name FROM formats WHERE id = b.format_id),
    (SELECT JSON_ARRAYAGG(a.name ORDER BY ba.position)
       FROM book_authors ba JOIN authors a ON a.id = ba.author_id WHERE ba.isbn = b.isbn)
  FROM books b WHERE b.title LIKE %s
"""
DELETED = "SELECT isbn, version FROM deleted_books WHERE isbn NOT IN (SELECT isbn FROM books)"


class Account(NamedTuple):
    """What came of the writes of one load."""

    acknowledged: int
    unknown: int
    faults: list[str]


def settle(records: Iterable[Record], stack: Stack, mark: str) -> Account:
    """Replay the writes of each ISBN, which had one writer, and compare the end with MariaDB."""
    by_isbn: dict[str, list[Record]] = defaultdict(list)
    for record in of_kinds(records, *WRITES):
        by_isbn[record.isbn].append(record)
    states, faults = read_states(stack, mark)
    acknowledged = unknown = 0
    for isbn, written in by_isbn.items():
        ledger = Ledger()
        try:
            for record in written:
                book_in(ledger, record)
            ledger.settle(states.get(isbn, State(0, None)))
        except pytest.fail.Exception as fault:
            faults.append(f"{isbn}: {fault}")
        acknowledged += ledger.acknowledged
        unknown += ledger.unknown
    return Account(acknowledged, unknown, faults)


def book_in(ledger: Ledger, record: Record) -> None:
    """Book one answer; a 503 that does not call the outcome unknown promises that nothing was changed."""
    effect = find_effect(record)
    if record.status in (200, 201):
        ledger.acknowledge(effect, record.version)
    elif record.status == 204:
        ledger.acknowledge(effect, None)
    elif record.status in (404, 409):
        ledger.refuse(effect)
    elif record.status == 0 or (record.status == 503 and "unknown" in record.note):
        ledger.doubt(effect)


def find_effect(record: Record) -> Effect:
    """Return what the command does when it takes effect."""
    if record.kind == "add":
        return create(record.number, repeated=record.attempt > 0)
    return change(record.number) if record.kind == "change" else delete


def read_states(stack: Stack, mark: str) -> tuple[dict[str, State], list[str]]:
    """Return the state of every ISBN with a book of that mark or with a deleted one, and which books are torn."""
    states, torn = {}, []
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute(DELETED)
        for row in cursor.fetchall():
            isbn, version = (str(each) for each in row)
            states[isbn] = State(int(version), None)
        cursor.execute(BOOKS, [f"% Race {mark} %"])
        for row in cursor.fetchall():
            *fields, authors = row
            isbn, version, stock, title, year, price, genre, format_ = (str(each) for each in fields)
            states[isbn] = State(int(version), int(stock))
            book = {"isbn": isbn, "version": int(version), "stock": int(stock), "title": title, "year": int(year)}
            book |= {"price": price, "genre": genre, "format": format_, "authors": json.loads(str(authors or "[]"))}
            if not is_whole(book, mark):
                torn.append(f"{isbn}: half a change: {book}")
    return states, torn
