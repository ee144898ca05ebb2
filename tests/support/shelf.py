"""Books and ISBNs for the tests: made fresh, valid, and outside the first catalogue."""

import secrets
from typing import Any


def compute_check_13(digits: str) -> str:
    """Return the check digit of twelve digits (ISO 2108, ISBN-13)."""
    return str(-sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)


def compute_check_10(digits: str) -> str:
    """Return the check digit of nine digits (ISO 2108, ISBN-10); X stands for ten."""
    rest = -sum(int(digit) * (10 - place) for place, digit in enumerate(digits)) % 11
    return "X" if rest == 10 else str(rest)


def make_isbn() -> str:
    """Return a valid ISBN-13 that starts with 979-8, by chance one that nobody used."""
    digits = f"9798{secrets.randbelow(10**8):08d}"
    return digits + compute_check_13(digits)


def make_isbn_10(check: str) -> str:
    """Return a valid ISBN-10 with that check digit."""
    while True:
        digits = f"{secrets.randbelow(10**9):09d}"
        if compute_check_10(digits) == check:
            return digits + check


def convert_isbn_10(isbn: str) -> str:
    """Return the ISBN-13 of an ISBN-10."""
    digits = "978" + isbn[:9]
    return digits + compute_check_13(digits)


def make_book(**fields: Any) -> dict[str, Any]:
    """Return a full body for POST /api/books with these fields and a fresh ISBN."""
    book = {
        "isbn": make_isbn(),
        "title": f"A Test of Shelves {secrets.token_hex(4)}",
        "authors": ["Ana Prueba", "Ben Test"],
        "genre": "Test genre",
        "format": "Test format",
        "year": 1999,
        "price": "12.50",
        "stock": 7,
    }
    return {**book, **fields}
