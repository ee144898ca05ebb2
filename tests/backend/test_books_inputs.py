"""The fields of a book, at and beyond each limit, for POST and PATCH alike."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients import Client, Json, check_fields
from tests.support.read_models import read_both_ways
from tests.support.shelf import make_book

AddBook = Callable[..., Json]
REQUIRED = ["isbn", "title", "authors", "genre", "format", "year", "price", "stock"]

GOOD: list[tuple[str, Any]] = [
    ("title", "x" * 255),
    ("title", "😀" * 255),
    ("authors", ["é" * 255]),
    ("authors", [f"Author {number}" for number in range(20)]),
    ("genre", "Ñ" * 50),
    ("format", "x" * 50),
    ("year", 1605),
    ("price", "99999999.99"),
    ("price", "0.01"),
    ("stock", 0),
    ("stock", 1_000_000),
]
OTHER_TYPES: list[Any] = [None, {}, {"a": 1}, [[]]]
BAD: list[tuple[str, Any]] = [
    ("title", "x" * 256),
    ("title", "é" * 256),
    ("authors", ["x" * 256]),
    ("authors", ["Good", "x" * 256]),
    ("authors", "One Name"),
    ("authors", ["Good", None]),
    ("authors", ["Good", 5]),
    ("authors", {"0": "Good"}),
    ("genre", "x" * 51),
    ("format", "é" * 51),
    *((name, value) for name in ("title", "genre", "format") for value in (5, 1.5, True, ["x"])),
    *(("year", value) for value in ("x", "", 1999.5, True, -1, 10**6, 10**30, [1999])),
    *(("stock", value) for value in ("x", "", 1.5, True, -1, 10**30, [1])),
    *(("price", value) for value in (100000000, "100000000.00", 99999999.999, "12.345", 12.345, "0.001")),
    *(("price", value) for value in (-1, "-0.01", "", "x", "12,50", "€12", "NaN", "Infinity", "-Infinity", True, [1])),
    *((name, value) for name in REQUIRED[1:] for value in OTHER_TYPES),
]


@pytest.mark.parametrize(("field", "value"), GOOD, ids=lambda value: repr(value)[:25])
def test_a_value_at_the_limit_is_kept_as_sent(books: Client, add_book: AddBook, field: str, value: Any) -> None:
    for isbn in (add_book(**{field: value})["isbn"], add_book()["isbn"]):
        path = f"/api/books/{isbn}"
        assert books.patch(path, json={field: value}).status_code == 200
        assert read_both_ways(books, path).json()[field] == value


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(12, "12.00"), (12.5, "12.50"), ("12", "12.00"), ("12.5", "12.50"), (99999999.99, "99999999.99"), (0.1, "0.10")],
)
def test_a_price_is_a_number_or_a_string_in_and_two_decimals_out(
    books: Client, add_book: AddBook, sent: Any, kept: str
) -> None:
    path = f"/api/books/{add_book(price=sent)['isbn']}"
    assert read_both_ways(books, path).json()["price"] == kept


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda value: repr(value)[:25])
def test_a_bad_value_is_refused_by_name(books: Client, add_book: AddBook, field: str, value: Any) -> None:
    check_fields(books.post("/api/books", json=make_book(**{field: value})), field)
    book = add_book()
    check_fields(books.patch(f"/api/books/{book['isbn']}", json={field: value}), field)
    kept = read_both_ways(books, f"/api/books/{book['isbn']}").json()
    assert kept == {**book, "version": 1}


@pytest.mark.parametrize("field", REQUIRED)
def test_every_field_is_required_for_a_new_book(books: Client, field: str) -> None:
    book = make_book()
    del book[field]
    check_fields(books.post("/api/books", json=book), field)


def test_all_bad_fields_of_a_book_are_named_at_once(books: Client) -> None:
    check_fields(books.post("/api/books", json={}), *REQUIRED)
    check_fields(books.post("/api/books", json=make_book(year="x", price="y", stock="z")), "year", "price", "stock")


def spoil_check_digit(isbn: str) -> str:
    """Return the ISBN with another last digit."""
    return isbn[:-1] + ("1" if isbn[-1] == "0" else "0")


ISBN, ISBN_10, ISBN_10_X = "9780306406157", "0306406152", "080442957X"


@pytest.mark.parametrize(
    "isbn",
    [
        "",
        "x",
        ISBN[:-1],
        ISBN + "0",
        spoil_check_digit(ISBN),
        spoil_check_digit(ISBN_10),
        spoil_check_digit(ISBN_10_X),
        "X" + ISBN_10[1:],
        ISBN_10[:-1],
        ISBN[:-1] + "X",
        ISBN + "\n",
        ISBN.replace("9", "٩"),
        "-" * 13,
        "9" * 5000,
        None,
        9780306406157,
        True,
        [ISBN],
    ],
    ids=lambda value: repr(value)[:25],
)
def test_what_is_no_isbn_makes_no_book(books: Client, isbn: Any) -> None:
    check_fields(books.post("/api/books", json=make_book(isbn=isbn)), "isbn")
