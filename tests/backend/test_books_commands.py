"""POST, PATCH and DELETE of books: what they answer, how versions rise, and If-Match."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.support.clients import Client, Json, ask_at_once, check_fields, check_problem
from tests.support.read_models import read_both_ways
from tests.support.shelf import make_book, make_isbn

AddBook = Callable[..., Json]


def read(books: Client, isbn: str) -> Json:
    """Return the book, as the read model and MariaDB both have it."""
    answer = read_both_ways(books, f"/api/books/{isbn}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_new_book_answers_isbn_version_location_and_etag(books: Client) -> None:
    book = make_book()
    answer = books.post("/api/books", json=book)
    assert (answer.status_code, answer.json()) == (201, {"isbn": book["isbn"], "version": 1})
    assert answer.headers["ETag"] == '"1"'
    path = "/api/books/" + book["isbn"]
    assert urljoin(books.url + "/api/books", answer.headers["Location"]) == books.url + path
    assert read(books, book["isbn"]) == {**book, "version": 1}
    assert books.delete(path).status_code == 204


def test_a_taken_isbn_is_409_in_every_form(books: Client, add_book: AddBook) -> None:
    book = add_book()
    isbn = book["isbn"]
    for form in (isbn, f"{isbn[:3]}-{isbn[3:12]}-{isbn[12]}"):
        check_problem(books.post("/api/books", json={**make_book(), "isbn": form}), 409)
    assert read(books, isbn) == {**book, "version": 1}


def test_ten_at_once_of_one_isbn_make_one_book(books: Client) -> None:
    book = make_book()
    statuses = [each.status_code for each in ask_at_once([partial(books.post, "/api/books", json=book)] * 10)]
    assert sorted(statuses) == [201] + [409] * 9
    assert books.delete(f"/api/books/{book['isbn']}").status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another title"},
        {"authors": ["Ben Test", "Ana Prueba"]},
        {"authors": ["Only One"]},
        {"genre": "Another test genre"},
        {"format": "Another test format"},
        {"year": 2001},
        {"price": "0.99"},
        {"stock": 0},
        {"title": "Two", "stock": 2, "authors": ["Ñ", "É", "Ana Prueba"]},
    ],
    ids=repr,
)
def test_a_patch_changes_what_it_names_and_raises_the_version(books: Client, add_book: AddBook, change: Json) -> None:
    book = add_book()
    answer = books.patch(f"/api/books/{book['isbn']}", json=change)
    assert (answer.status_code, answer.json()) == (200, {"isbn": book["isbn"], "version": 2})
    assert read(books, book["isbn"]) == {**book, **change, "version": 2}


@pytest.mark.parametrize("same", ["title", "authors", "genre", "format", "year", "price", "stock"])
def test_a_patch_that_changes_nothing_keeps_the_version(books: Client, add_book: AddBook, same: str) -> None:
    book = add_book()
    answer = books.patch(f"/api/books/{book['isbn']}", json={same: book[same]})
    assert (answer.status_code, answer.json()) == (200, {"isbn": book["isbn"], "version": 1})
    assert read(books, book["isbn"]) == {**book, "version": 1}


def test_the_same_price_in_another_form_changes_nothing(books: Client, add_book: AddBook) -> None:
    isbn = add_book(price="12.50")["isbn"]
    for price in (12.5, "12.5", "12.50"):
        assert books.patch(f"/api/books/{isbn}", json={"price": price}).json()["version"] == 1


def test_a_change_of_case_is_a_change(books: Client, add_book: AddBook) -> None:
    book = add_book(title="Title", genre="Genre of tests", authors=["Ana Prueba"])
    changes: list[Json] = [{"title": "TITLE"}, {"genre": "GENRE of tests"}, {"authors": ["ANA PRUEBA"]}]
    for number, change in enumerate(changes, 2):
        answer = books.patch(f"/api/books/{book['isbn']}", json=change)
        assert answer.json()["version"] == number
        assert read(books, book["isbn"]).items() >= change.items()


def test_a_patch_of_no_book_is_404(books: Client) -> None:
    check_problem(books.patch(f"/api/books/{make_isbn()}", json={"stock": 1}), 404)


@pytest.mark.parametrize("field", ["isbn", "version", "id", "Title", "author"])
def test_a_patch_takes_no_isbn_and_no_unknown_field(books: Client, add_book: AddBook, field: str) -> None:
    book = add_book()
    check_fields(books.patch(f"/api/books/{book['isbn']}", json={"stock": 1, field: make_isbn()}), field)
    assert read(books, book["isbn"]) == {**book, "version": 1}


def test_a_deleted_book_is_gone(books: Client, add_book: AddBook) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    answer = books.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    check_problem(read_both_ways(books, path), 404)
    check_problem(books.patch(path, json={"stock": 1}), 404)
    check_problem(books.delete(path), 404)


def test_a_book_created_again_goes_on_from_its_last_version(books: Client, add_book: AddBook) -> None:
    book = add_book()
    path = f"/api/books/{book['isbn']}"
    assert books.patch(path, json={"stock": 1}).json()["version"] == 2
    assert books.delete(path).status_code == 204
    again = books.post("/api/books", json=book)
    version = again.json()["version"]
    assert again.status_code == 201
    assert version > 2
    assert again.headers["ETag"] == f'"{version}"'
    assert read(books, book["isbn"]) == {**book, "version": version}
    assert books.delete(path).status_code == 204
    assert books.post("/api/books", json=book).json()["version"] > version


def test_if_match_lets_a_change_of_the_current_version_through(books: Client, add_book: AddBook) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    for number, value in enumerate(['"1"', '"9", "2"', "*"], 2):
        answer = books.patch(path, json={"stock": number * 10}, headers={"If-Match": value})
        assert (answer.status_code, answer.json()["version"]) == (200, number)
    assert books.delete(path, headers={"If-Match": '"4"'}).status_code == 204


@pytest.mark.parametrize("value", ['"2"', '"0"', '"x"', '"11"', '"7", "8"'])
def test_a_stale_if_match_is_412_and_changes_nothing(books: Client, add_book: AddBook, value: str) -> None:
    book = add_book()
    path = f"/api/books/{book['isbn']}"
    check_problem(books.patch(path, json={"stock": 1}, headers={"If-Match": value}), 412)
    check_problem(books.patch(path, json={"stock": book["stock"]}, headers={"If-Match": value}), 412)
    check_problem(books.delete(path, headers={"If-Match": value}), 412)
    assert read(books, book["isbn"]) == {**book, "version": 1}


def test_of_ten_changes_at_once_with_one_if_match_one_wins(books: Client, add_book: AddBook) -> None:
    path = f"/api/books/{add_book()['isbn']}"
    calls = [partial(books.patch, path, json={"stock": 100 + n}, headers={"If-Match": '"1"'}) for n in range(10)]
    assert sorted(each.status_code for each in ask_at_once(calls)) == [200] + [412] * 9


def test_twenty_changes_at_once_without_if_match_all_count(books: Client, add_book: AddBook) -> None:
    isbn = add_book()["isbn"]
    calls = [partial(books.patch, f"/api/books/{isbn}", json={"stock": 100 + number}) for number in range(20)]
    answers = ask_at_once(calls)
    assert {each.status_code for each in answers} == {200}
    assert sorted(each.json()["version"] for each in answers) == list(range(2, 22))


@pytest.mark.parametrize(("method", "body"), [("POST", True), ("PATCH", True), ("DELETE", False)])
def test_a_command_needs_a_token(books: Client, add_book: AddBook, method: str, body: bool) -> None:
    book = add_book()
    path = "/api/books" if method == "POST" else f"/api/books/{book['isbn']}"
    sent: Any = {"stock": 1} if body else None
    check_problem(books.request(method, path, json=sent, headers={"Authorization": ""}), 401)
    assert read(books, book["isbn"]) == {**book, "version": 1}
