"""Hostile values in every field, path, query and header: a plain refusal or kept to the letter, never a 5xx."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients import Account, Client, Json, check_problem, make_credentials
from tests.support.hostile_values import HEADERS, ODD, RAW_VALUES, VALUES
from tests.support.read_models import read_both_ways
from tests.support.shelf import make_book

AddBook = Callable[..., Json]
JSON = {"Content-Type": "application/json"}


def spoil(body: Json, field: str, raw: str) -> bytes:
    """Return the body as JSON with that field's value replaced by raw text."""
    parts = [f"{json.dumps(name)}: {raw if name == field else json.dumps(value)}" for name, value in body.items()]
    return ("{" + ", ".join(parts) + "}").encode()


def check_refused(answer: Any, *also: int) -> None:
    """Assert that the answer is an honest 4xx, of those that are usual or `also` right."""
    assert answer.status_code in (400, 401, 409, 413, 422, 429, *also), (answer.status_code, answer.text)
    check_problem(answer, answer.status_code)


@pytest.mark.parametrize("raw", RAW_VALUES.values(), ids=RAW_VALUES.keys())
@pytest.mark.parametrize("field", ["username", "email", "password"])
def test_a_hostile_value_never_breaks_register_and_login(auth: Client, account: Account, field: str, raw: str) -> None:
    made = auth.post("/register", data=spoil(make_credentials(), field, raw), headers=JSON)
    if made.status_code != 201:
        check_refused(made)
    known = {"username": account.username, "password": account.password}
    if field == "email":
        known = {"email": account.email, "password": account.password}
    check_refused(auth.post("/login", data=spoil(known, field, raw), headers=JSON))


@pytest.mark.parametrize("raw", RAW_VALUES.values(), ids=RAW_VALUES.keys())
@pytest.mark.parametrize("field", list(make_book()))
def test_a_hostile_value_in_a_book_is_refused_or_kept_to_the_letter(
    books: Client, add_book: AddBook, field: str, raw: str
) -> None:
    existing = add_book()
    for method, path, body in (
        ("POST", "/api/books", make_book()),
        ("PATCH", f"/api/books/{existing['isbn']}", {name: existing[name] for name in existing if name != "isbn"}),
    ):
        answer = books.request(method, path, data=spoil({**body, field: None}, field, raw), headers=JSON)
        if answer.status_code not in (200, 201):
            check_refused(answer)
            continue
        isbn = answer.json()["isbn"]
        kept = read_both_ways(books, f"/api/books/{isbn}").json()[field]
        if method == "POST":
            books.delete(f"/api/books/{isbn}")
        assert kept == json.loads(raw) or (field == "price" and float(kept) == float(json.loads(raw)))


@pytest.mark.parametrize("raw", RAW_VALUES.values(), ids=RAW_VALUES.keys())
def test_a_hostile_value_under_an_unknown_name_never_breaks_the_service(auth: Client, books: Client, raw: str) -> None:
    for client, path, body in ((auth, "/register", make_credentials()), (books, "/api/books", make_book())):
        answer = client.post(path, data=spoil({**body, "unknown": None}, "unknown", raw), headers=JSON)
        if answer.status_code == 201:
            client.delete(f"/api/books/{answer.json().get('isbn')}")
        else:
            check_refused(answer)


@pytest.mark.parametrize("name", ['"\\ud800"', '"\\u0000"', f'"{"x" * 5000}"', '""', '"__proto__"', '"a.b[0]"'])
def test_a_hostile_name_of_a_field_never_breaks_the_service(
    auth: Client, books: Client, add_book: AddBook, name: str
) -> None:
    body = f"{{{name}: 1}}".encode()
    check_refused(auth.post("/register", data=body, headers=JSON))
    check_refused(auth.post("/login", data=body, headers=JSON))
    check_refused(books.post("/api/books", data=body, headers=JSON))
    check_refused(books.patch(f"/api/books/{add_book()['isbn']}", data=body, headers=JSON))


def test_a_name_given_twice_never_breaks_the_service(auth: Client, books: Client, add_book: AddBook) -> None:
    first, second = make_credentials(), make_credentials()
    body = json.dumps(first)[:-1] + ", " + json.dumps(second)[1:]
    assert auth.post("/register", data=body, headers=JSON).status_code in (201, 400, 422)
    login = '{"username": "somebody", "username": "else", "password": "x", "password": "y"}'
    check_refused(auth.post("/login", data=login, headers=JSON))
    book = add_book()
    answer = books.patch(f"/api/books/{book['isbn']}", data='{"stock": 1, "stock": "x"}', headers=JSON)
    check_refused(answer)


@pytest.mark.parametrize("odd", ODD, ids=lambda value: value[:15])
def test_a_hostile_path_is_404_or_422(auth: Client, books: Client, odd: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = books.request(method, f"/api/books/{odd}", json={"stock": 1} if method == "PATCH" else None)
        assert answer.status_code in (404, 422), (method, answer.text)
        check_problem(answer, answer.status_code)
    check_problem(auth.get(f"/{odd}"), 404)
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("odd", ODD, ids=lambda value: value[:15])
@pytest.mark.parametrize("name", ["author", "genre", "format", "limit", "after", "unknown", "author[]"])
def test_a_hostile_query_never_breaks_the_service(books: Client, name: str, odd: str) -> None:
    answer = books.get(f"/api/books?{name}={odd}")
    if answer.status_code != 200:
        check_refused(answer)
    elif name in ("author", "genre", "format"):
        assert answer.json() == {"items": [], "next": None, "total": 0}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header_never_breaks_the_service(books: Client, add_book: AddBook, name: str, value: bytes) -> None:
    isbn = add_book()["isbn"]
    headers = {name: value}
    assert books.get("/api/books", headers=headers).status_code < 500
    assert books.get(f"/api/books/{isbn}", headers=headers).status_code < 500
    assert books.patch(f"/api/books/{isbn}", json={"stock": 1}, headers=headers).status_code < 500
    taken = books.post("/api/books", json=make_book(isbn=isbn), headers=headers)
    assert 400 <= taken.status_code < 500


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    "name", [*HEADERS, "Authorization", "Content-Type", "Cookie", "Range", "If-Modified-Since", "X"]
)
def test_a_hostile_header_never_breaks_the_auth_service(auth: Client, name: str, value: bytes) -> None:
    headers: dict[str, str | bytes] = {"Content-Type": "application/json", name: value}
    check_refused(auth.post("/login", data=b'{"username": "x", "password": ""}', headers=headers), 415, 422)
    check_refused(auth.get("/me", headers=headers))
    check_refused(auth.post("/refresh", headers=headers))
    assert auth.get("/openapi.json", headers=headers).status_code in (200, 206, 304, 416)


@pytest.mark.parametrize("token", [None, "Bearer x"])
def test_without_a_good_token_hostile_input_is_refused_as_any_other(books: Client, token: str | None) -> None:
    with Client(books.url) as stranger:
        stranger.headers.update({} if token is None else {"Authorization": token})
        answers = [
            *(
                stranger.post("/api/books", data=spoil(make_book(), "title", raw), headers=JSON)
                for raw in RAW_VALUES.values()
            ),
            *(stranger.request(method, f"/api/books/{odd}") for odd in ODD for method in ("GET", "PATCH", "DELETE")),
            *(stranger.get(f"/api/books?{name}={odd}") for odd in ODD for name in ("author", "limit", "after")),
            *(stranger.get("/api/books", headers={name: value}) for value in VALUES for name in HEADERS),
        ]
    for answer in answers:
        check_refused(answer, 404)
        assert answer.status_code == 401 or "/api/books/" in answer.url, answer.url
