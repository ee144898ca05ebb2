"""Hostile values in every field, path, query and header: a plain refusal or kept to the letter, never a 5xx."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from clients import Account, Client, Json, check_problem, make_credentials
from read_models import read_both_ways
from shelf import make_book

AddBook = Callable[..., Json]
JSON = {"Content-Type": "application/json"}
RAW_VALUES = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "a number beyond any float": "1e400",
    "a number below any float": "1e-400",
    "a number of 5,000 digits": "9" * 5000,
    "a fraction of 5,000 digits": "0." + "9" * 5000,
    "5,000 digits in a string": f'"{"9" * 5000}"',
    "an exponent in a string": '"1e999999999"',
    "a lone surrogate": '"\\ud800 of tests"',
    "a pair of low surrogates": '"\\udc00\\udc00"',
    "a NUL": '"before\\u0000after"',
    "a list of a NUL": '["\\u0000"]',
    "a list of a lone surrogate": '["\\udfff"]',
    "lists nested deep": "[" * 7000 + "]" * 7000,
    "objects nested deep": '{"a":' * 2000 + "1" + "}" * 2000,
    "lists never closed": "[" * 15000,
    "SQL": '"x\'; DROP TABLE books; -- "',
    "SQL with a backslash": '"\\\\\' OR 1=1 -- "',
    "a header": '"x\\r\\nSet-Cookie: a=b"',
    "a path": '"../../../../etc/passwd"',
    "a template": '"{{7*7}}${7*7}%s%n"',
    "an emoji of many parts": '"👩‍👩‍👧‍👦"',
    "right to left": '"\\u202eabc"',
    "a minus zero": "-0.0",
}


def spoil(body: Json, field: str, raw: str) -> bytes:
    """Return the body as JSON with that field's value replaced by raw text."""
    parts = [f"{json.dumps(name)}: {raw if name == field else json.dumps(value)}" for name, value in body.items()]
    return ("{" + ", ".join(parts) + "}").encode()


def check_refused(answer: Any) -> None:
    """Assert that the answer is an honest 4xx."""
    assert answer.status_code in (400, 401, 409, 413, 422, 429), (answer.status_code, answer.text)
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


ODD = [
    "%00",
    "%FF",
    "%ED%A0%80",
    "x" * 3000,
    "%27%20OR%201%3D1",
    "%0d%0aX-Evil:%20y",
    "..%2F..%2Fetc",
    "%E2%80%AE",
    "[]",
    "%",
]


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


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"x" * 4000, b'"', b'W/"1', b",,,", b"*, *", b'"1"' * 500, b"99999999999999999999"]
)
@pytest.mark.parametrize(
    "name", ["If-None-Match", "If-Match", "Idempotency-Key", "Cache-Control", "Accept", "Accept-Encoding"]
)
def test_a_hostile_header_never_breaks_the_service(books: Client, add_book: AddBook, name: str, value: bytes) -> None:
    isbn = add_book()["isbn"]
    headers = {name: value}
    assert books.get("/api/books", headers=headers).status_code < 500
    assert books.get(f"/api/books/{isbn}", headers=headers).status_code < 500
    assert books.patch(f"/api/books/{isbn}", json={"stock": 1}, headers=headers).status_code < 500
    taken = books.post("/api/books", json=make_book(isbn=isbn), headers=headers)
    assert 400 <= taken.status_code < 500
