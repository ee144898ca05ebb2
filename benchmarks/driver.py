"""The bases of writes and log-ins, run as a pinned process of its own: the bare SQL transaction, and bcrypt alone."""

import argparse
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import bcrypt

Statement = tuple[Any, Any]  # the text and its parameters
BLOCK = 1_000_000  # numbers of new books that one measurement may use


def make_isbn(number: int) -> str:
    """Make thirteen digits from a number of nine (ISBN Users' Manual, 7th edition, section 5)."""
    digits = f"979{number:09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def record_command(isbn: str) -> list[Statement]:
    """Add the book of load.lua by the real command and return what it sends between BEGIN and COMMIT."""
    from backend.catalogue import commands  # noqa: PLC0415 - the other measurement needs no settings
    from backend.stores import mariadb  # noqa: PLC0415 - the other measurement needs no settings

    book = {
        "isbn": isbn, "title": f"Velvet Lantern of {isbn}", "authors": ["Victor Hugo"], "genre": "Fiction",
        "format": "Paperback", "year": 2012, "price": Decimal("14.99"), "stock": 66,
    }  # fmt: skip
    recorded: list[Statement] = []
    execute_all = mariadb.Cursor.execute_all

    def record(cursor: Any, *statements: Statement) -> Any:
        recorded.extend(statements)
        return execute_all(cursor, *statements)

    mariadb.Cursor.execute_all = record  # type: ignore[assignment,method-assign]
    try:
        commands.add_book(book, "1")
    finally:
        mariadb.Cursor.execute_all = execute_all  # type: ignore[method-assign]
    return recorded


def put_isbn(value: Any, recorded: str, isbn: str) -> Any:
    """Put an ISBN in the place of the recorded one, wherever it stands."""
    if isinstance(value, str):
        return value.replace(recorded, isbn)
    if isinstance(value, bytes):
        return value.replace(recorded.encode(), isbn.encode())
    if isinstance(value, dict):
        return {name: put_isbn(each, recorded, isbn) for name, each in value.items()}
    return tuple(put_isbn(each, recorded, isbn) for each in value) if isinstance(value, list | tuple) else value


def commit_books(
    statements: list[Statement], recorded: str, seconds: float, ready: threading.Barrier, first: int
) -> float:
    """Run the transaction over and over on one connection, once all threads are ready; return how often a second."""
    from backend.stores.mariadb import Connection, connection_arguments  # noqa: PLC0415

    count = 0
    with Connection(**connection_arguments()) as connection, connection.cursor(buffered=True) as cursor:
        ready.wait(timeout=30)
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            isbn = make_isbn(first + count)
            cursor.execute("START TRANSACTION")
            for operation, params in statements:
                cursor.execute(put_isbn(operation, recorded, isbn), put_isbn(params, recorded, isbn))
                if cursor.description:
                    cursor.fetchall()
            connection.commit()
            count += 1
    return count / elapsed


def time_transaction(options: argparse.Namespace) -> dict[str, Any]:
    """Commit books from several threads, as many as the command has clients, so that both share their commits alike."""
    isbn = make_isbn(options.first)
    recorded = record_command(isbn)
    about_outbox = [each for each in recorded if "outbox" in each[0].lower()]
    sent = [each for each in recorded if not options.without_outbox or each not in about_outbox]
    share = BLOCK // options.threads
    firsts = [options.first + 1 + i * share for i in range(options.threads)]
    run = partial(commit_books, sent, isbn, options.seconds, threading.Barrier(options.threads))
    before = time.process_time()
    with ThreadPoolExecutor(options.threads) as threads:
        rate = sum(threads.map(run, firsts))
    spent = {"answers": round(rate * options.seconds), "processor_s": time.process_time() - before}
    return {"per_second": rate, "statements": len(sent), "outbox": len(about_outbox), **spent}


def time_bcrypt(options: argparse.Namespace) -> dict[str, Any]:
    """Check a password over and over on this one core."""
    password = b"a password of usual length"
    stored = bcrypt.hashpw(password, bcrypt.gensalt(12))
    before, started, count = time.process_time(), time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < options.seconds:
        bcrypt.checkpw(password, stored)
        count += 1
    return {"per_second": count / elapsed, "answers": count, "processor_s": time.process_time() - before}


def main() -> int:
    """Measure one of the two and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", choices=("transaction", "bcrypt"))
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first new book")
    parser.add_argument("--without-outbox", action="store_true")
    options = parser.parse_args()
    measure = {"transaction": time_transaction, "bcrypt": time_bcrypt}[options.base]
    print(json.dumps(measure(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
