"""Idempotency-Key on POST /api/books: a request that is sent again has its effect once."""

import secrets
from collections.abc import Iterator
from functools import partial

import pytest
import requests

from tests.support.clients import Client, ask_at_once, check_problem, register, sign_in
from tests.support.read_models import read_both_ways
from tests.support.shelf import make_book
from tests.support.stacks import Stack


@pytest.fixture
def key() -> dict[str, str]:
    """A header with a fresh key."""
    return {"Idempotency-Key": f"test-{secrets.token_hex(12)}"}


@pytest.fixture
def isbns(books: Client) -> Iterator[list[str]]:
    """A list of ISBNs whose books are removed after the test."""
    added: list[str] = []
    yield added
    for isbn in added:
        books.delete(f"/api/books/{isbn}")


def is_replay(answer: requests.Response) -> bool:
    """Tell whether the answer says that it is a first answer given again."""
    return answer.headers.get("Idempotent-Replayed") == "true"


def test_the_same_key_and_body_give_the_first_answer_again(
    books: Client, key: dict[str, str], isbns: list[str]
) -> None:
    book = make_book()
    isbns.append(book["isbn"])
    first = books.post("/api/books", json=book, headers=key)
    assert (first.status_code, is_replay(first)) == (201, False)
    for _ in range(3):
        again = books.post("/api/books", json=book, headers=key)
        assert (again.status_code, is_replay(again), again.json()) == (201, True, first.json())
        for name in ("Location", "ETag"):
            assert again.headers[name] == first.headers[name]


def test_the_first_answer_is_given_again_after_the_book_has_changed_or_gone(books: Client, key: dict[str, str]) -> None:
    book = make_book()
    path = f"/api/books/{book['isbn']}"
    first = books.post("/api/books", json=book, headers=key)
    assert books.patch(path, json={"stock": 1}).status_code == 200
    assert books.post("/api/books", json=book, headers=key).json() == first.json()
    assert books.delete(path).status_code == 204
    again = books.post("/api/books", json=book, headers=key)
    assert (again.status_code, is_replay(again), again.json()) == (201, True, first.json())
    check_problem(read_both_ways(books, path), 404)


def test_the_same_key_with_another_body_is_422_and_makes_nothing(
    books: Client, key: dict[str, str], isbns: list[str]
) -> None:
    book, other = make_book(), make_book()
    isbns += [book["isbn"], other["isbn"]]
    assert books.post("/api/books", json=book, headers=key).status_code == 201
    for body in (other, {**book, "stock": 8}):
        check_problem(books.post("/api/books", json=body, headers=key), 422)
    check_problem(read_both_ways(books, f"/api/books/{other['isbn']}"), 404)
    assert is_replay(books.post("/api/books", json=book, headers=key))


def test_ten_at_once_with_one_key_make_one_book(books: Client, key: dict[str, str], isbns: list[str]) -> None:
    book = make_book()
    isbns.append(book["isbn"])
    answers = ask_at_once([partial(books.post, "/api/books", json=book, headers=key)] * 10)
    assert [each.status_code for each in answers] == [201] * 10
    assert sorted(is_replay(each) for each in answers) == [False] + [True] * 9
    assert all(each.json() == {"isbn": book["isbn"], "version": 1} for each in answers)


def test_ten_at_once_with_one_key_and_ten_bodies_make_one_book(
    books: Client, key: dict[str, str], isbns: list[str]
) -> None:
    bodies = [make_book() for _ in range(10)]
    isbns += [body["isbn"] for body in bodies]
    answers = ask_at_once([partial(books.post, "/api/books", json=body, headers=key) for body in bodies])
    assert sorted(each.status_code for each in answers) == [201] + [422] * 9
    found = [read_both_ways(books, f"/api/books/{isbn}").status_code for isbn in isbns]
    assert sorted(found) == [200] + [404] * 9


def test_a_key_belongs_to_one_user(books: Client, key: dict[str, str], isbns: list[str], stack: Stack) -> None:
    book, other = make_book(), make_book()
    isbns += [book["isbn"], other["isbn"]]
    assert books.post("/api/books", json=book, headers=key).status_code == 201
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with Client(books.url, token) as stranger:
        answer = stranger.post("/api/books", json=other, headers=key)
        assert (answer.status_code, is_replay(answer)) == (201, False)
        check_problem(books.post("/api/books", json=other, headers=key), 422)


def test_without_a_key_or_with_another_a_second_post_is_409(
    books: Client, key: dict[str, str], isbns: list[str]
) -> None:
    book = make_book()
    isbns.append(book["isbn"])
    assert books.post("/api/books", json=book, headers=key).status_code == 201
    check_problem(books.post("/api/books", json=book), 409)
    check_problem(books.post("/api/books", json=book, headers={"Idempotency-Key": secrets.token_hex(8)}), 409)


@pytest.mark.parametrize("value", ["x" * 256, "x" * 5000, "é", "'; DROP TABLE books; --", "a b", '"quoted"'])
def test_no_odd_key_breaks_the_service(books: Client, isbns: list[str], value: str) -> None:
    book = make_book()
    isbns.append(book["isbn"])
    answer = books.post("/api/books", json=book, headers={"Idempotency-Key": value.encode()})
    assert answer.status_code == 201 or check_problem(answer, answer.status_code)["status"] in (400, 422)
