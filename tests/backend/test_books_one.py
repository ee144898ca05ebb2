"""GET /api/books/{isbn}: the whole book, under every form of its ISBN, with its version as ETag."""

from collections.abc import Callable

import pytest

from tests.support.clients import Client, Json, check_problem
from tests.support.read_models import read_both_ways, read_version
from tests.support.shelf import convert_isbn_10, make_book, make_isbn, make_isbn_10
from tests.support.stacks import Stack, change_stock_in_mariadb

AddBook = Callable[..., Json]


def test_a_book_is_answered_as_it_was_added(books: Client, add_book: AddBook) -> None:
    book = add_book(authors=["Zoë Last", "Ana First", "Ñ"], title="Füße 📚 'quoted' \"twice\"", price=3)
    answer = read_both_ways(books, f"/api/books/{book['isbn']}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json() == {**book, "price": "3.00", "version": 1}


def test_a_book_needs_a_token(books: Client, add_book: AddBook) -> None:
    check_problem(books.get(f"/api/books/{add_book()['isbn']}", headers={"Authorization": ""}), 401)


def test_an_isbn_that_no_book_has_is_404(books: Client) -> None:
    check_problem(books.get(f"/api/books/{make_isbn()}"), 404)


@pytest.mark.parametrize(
    "isbn", ["9798000000000", "979800000000", "x", "0", "97980000000001", "9" * 500, "%00", "%FF", "'"]
)
def test_what_is_no_isbn_is_404_or_422(books: Client, isbn: str) -> None:
    answer = books.get(f"/api/books/{isbn}")
    check_problem(answer, 404 if answer.status_code == 404 else 422)


def test_an_isbn_13_is_read_with_hyphens_too(books: Client, add_book: AddBook) -> None:
    isbn = add_book()["isbn"]
    hyphens = f"{isbn[:3]}-{isbn[3]}-{isbn[4:8]}-{isbn[8:12]}-{isbn[12]}"
    for path in (f"/api/books/{isbn}", f"/api/books/{hyphens}"):
        assert read_both_ways(books, path).json()["isbn"] == isbn


@pytest.mark.parametrize("check", ["0", "5", "X"])
@pytest.mark.parametrize("hyphens", [False, True])
def test_an_isbn_10_is_kept_as_13_digits(books: Client, check: str, hyphens: bool) -> None:
    short = make_isbn_10(check)
    long = convert_isbn_10(short)
    sent = f"{short[0]}-{short[1:5]}-{short[5:9]}-{short[9]}" if hyphens else short
    if books.get(f"/api/books/{long}").status_code == 200:
        pytest.fail(f"{long} is in the catalogue already: run the test again")
    made = books.post("/api/books", json=make_book(isbn=sent))
    try:
        assert (made.status_code, made.json()) == (201, {"isbn": long, "version": 1})
        for path in (long, short, sent):
            answer = read_both_ways(books, f"/api/books/{path}")
            assert answer.json()["isbn"] == long
        check_problem(books.post("/api/books", json=make_book(isbn=long)), 409)
    finally:
        books.delete(f"/api/books/{long}")


def test_if_none_match_saves_the_book(books: Client, add_book: AddBook) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    for value in ('"1"', '"7", "1"', '"1","x"', "*"):
        answer = read_both_ways(books, path, if_none_match=value)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
    for value in ('"2"', '"11"', '"x", "y"', "nonsense", '"'):
        answer = read_both_ways(books, path, if_none_match=value)
        assert answer.status_code == 200, value


def test_the_etag_follows_the_version(books: Client, add_book: AddBook) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    books.patch(path, json={"stock": 99})
    answer = read_both_ways(books, path, if_none_match='"1"')
    assert (answer.status_code, answer.headers["ETag"], answer.json()["version"]) == (200, '"2"', 2)


def test_no_cache_reads_from_mariadb(books: Client, add_book: AddBook, stack: Stack) -> None:
    isbn = add_book()["isbn"]
    assert read_both_ways(books, f"/api/books/{isbn}").json()["stock"] == 7
    change_stock_in_mariadb(stack, isbn, 4321)
    plain = books.get(f"/api/books/{isbn}")
    assert plain.json()["stock"] == (4321 if read_version(plain) is None else 7)
    for value in ("no-cache", "No-Cache", "max-age=0, no-cache"):
        assert books.get(f"/api/books/{isbn}", headers={"Cache-Control": value}).json()["stock"] == 4321


def test_a_book_of_the_first_data_is_there(books: Client) -> None:
    first = books.get("/api/books?limit=1").json()["items"][0]
    answer = books.get(f"/api/books/{first['isbn']}")
    assert (answer.status_code, answer.json()) == (200, first)
    assert answer.headers["ETag"] == f'"{first["version"]}"'
