"""POST /register: what makes an account, what is refused and why."""

import json
import secrets
import unicodedata
from functools import partial
from typing import Any, Literal

import pytest
import requests

from tests.support.clients import Account, Client, ask_at_once, check_fields, check_problem, make_credentials
from tests.support.stacks import Stack, connect_to_mariadb


def register_with(auth: Client, **fields: Any) -> requests.Response:
    """Send a registration that is good but for these fields."""
    return auth.post("/register", json={**make_credentials(), **fields})


def make_name(length: int) -> str:
    """Return a username of that length that by chance nobody has."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789_.-") for _ in range(length))


def test_a_registration_answers_id_username_and_email(auth: Client) -> None:
    body = make_credentials()
    answer = auth.post("/register", json=body)
    assert answer.status_code == 201
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    made = answer.json()
    assert set(made) == {"id", "username", "email"}
    assert made["username"] == body["username"]
    assert made["email"].casefold() == body["email"].casefold()


@pytest.mark.parametrize("length", [3, 50])
def test_usernames_of_the_least_and_the_greatest_length_are_taken(auth: Client, length: int) -> None:
    assert register_with(auth, username=make_name(length)).status_code == 201


@pytest.mark.parametrize("username", ["", "ab", "x" * 51, "two words", "né" + "x" * 9, "slash/name", "a@b.example"])
def test_usernames_outside_the_rule_are_refused(auth: Client, username: str) -> None:
    check_fields(register_with(auth, username=username), "username")


@pytest.mark.parametrize("odd", ["\n", "\r\n", "\0", "\u0660", "\uff21", "\u212a", "😀", "'", '"', ";", "\t"])
def test_a_username_with_one_odd_character_at_its_end_is_refused(auth: Client, odd: str) -> None:
    check_fields(register_with(auth, username=make_name(20) + odd), "username")


def test_every_kind_of_allowed_character_makes_a_username(auth: Client) -> None:
    assert register_with(auth, username=f"Az09_.-{make_name(20)}").status_code == 201


@pytest.mark.parametrize("spelling", [str, str.upper, str.lower])
def test_a_username_is_taken_in_every_spelling(auth: Client, account: Account, spelling: Any) -> None:
    check_problem(register_with(auth, username=spelling(account.username)), 409)


@pytest.mark.parametrize("spelling", [str, str.upper, str.lower])
def test_an_email_is_taken_in_every_spelling(auth: Client, account: Account, spelling: Any) -> None:
    check_problem(register_with(auth, email=spelling(account.email)), 409)


def spell(email: str) -> list[str]:
    """Return an address with an accent, a ligature and a sharp s in each form that Unicode has for it."""
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isascii() and letter.isalnum() else letter for letter in email)
    forms: list[Literal["NFC", "NFD", "NFKC", "NFKD"]] = ["NFC", "NFD", "NFKC", "NFKD"]
    plain = [unicodedata.normalize(form, email) for form in forms]
    return [*plain, *(each.upper() for each in plain), wide, email.replace("ß", "ss")]


def test_an_address_is_one_account_in_every_unicode_form(auth: Client) -> None:
    email = f"Jos\u00e9.stra\u00dfe.\ufb01n.{make_name(12)}@b\u00fccher.example"
    made = register_with(auth, email=email, password="a good password")
    assert (made.status_code, made.json().get("email")) == (201, email)
    assert len(set(spell(email))) >= 7
    for spelling in spell(email):
        check_problem(register_with(auth, email=spelling), 409)
        login = auth.post("/login", json={"email": spelling, "password": "a good password"})
        assert login.status_code == 200, spelling


@pytest.mark.parametrize("known", [True, False])
def test_failures_in_every_unicode_form_of_an_address_add_up(auth: Client, known: bool) -> None:
    email = f"jos\u00e9.stra\u00dfe.{make_name(12)}@example.com"
    if known:
        assert register_with(auth, email=email).status_code == 201
    statuses = [
        auth.post("/login", json={"email": spelling, "password": "not the password"}).status_code
        for spelling in [*spell(email), *spell(email)][:11]
    ]
    assert statuses == [401] * 10 + [429]


def test_an_account_whose_key_is_of_an_older_form_signs_in_as_it_did(auth: Client, stack: Stack) -> None:
    email = f"jose\u0301.{make_name(12)}@example.com"
    made = register_with(auth, email=email, password="a good password").json()
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE users SET email_key = %s WHERE id = %s", (email.casefold(), made["id"]))
    for spelling in (email, email.upper()):
        login = auth.post("/login", json={"email": spelling, "password": "a good password"})
        assert login.status_code == 200, spelling
        check_problem(register_with(auth, email=spelling), 409)


def test_an_address_whose_key_is_longer_than_its_column_is_refused(auth: Client) -> None:
    check_fields(register_with(auth, email="\ufdfa" * 200 + "@example.com"), "email")


def test_thousands_of_accents_in_a_name_take_no_time(auth: Client) -> None:
    name = "a" + "\u0315" * 3900 + "\u0316" * 3900 + "@example.com"
    times = []
    for _ in range(3):
        answer = auth.post("/login", data=json.dumps({"email": name, "password": "x"}, ensure_ascii=False).encode(),
                           headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 401
        times.append(answer.elapsed.total_seconds())
    assert min(times) < 0.15


@pytest.mark.parametrize("email", ["", "nobody", "nobody@", "@example.com", "a b@example.com", "a@b@example.com"])
def test_what_is_no_email_is_refused(auth: Client, email: str) -> None:
    check_fields(register_with(auth, email=email), "email")


@pytest.mark.parametrize("password", ["8 chars!", "é" * 8, "x" * 72, "é" * 36, "😀" * 18, "a" + "€" * 23 + "é"])
def test_passwords_from_8_characters_to_72_bytes_work(auth: Client, password: str) -> None:
    made = register_with(auth, password=password)
    assert made.status_code == 201, made.text
    login = auth.post("/login", json={"username": made.json()["username"], "password": password})
    assert login.status_code == 200


@pytest.mark.parametrize("password", ["", "7 chars", "😀" * 7, "x" * 73, "é" * 36 + "x", "😀" * 18 + "x", "x" * 5000])
def test_shorter_and_longer_passwords_are_refused(auth: Client, password: str) -> None:
    check_fields(register_with(auth, password=password), "password")


@pytest.mark.parametrize(
    ("password", "other"), [("é" * 36, "é" * 36 + "x"), ("é" * 36, "é" * 35), ("x" * 72, "x" * 71)]
)
def test_a_password_is_never_cut(auth: Client, password: str, other: str) -> None:
    name = register_with(auth, password=password).json()["username"]
    assert auth.post("/login", json={"username": name, "password": password}).status_code == 200
    assert auth.post("/login", json={"username": name, "password": other}).status_code in (401, 422)


def test_a_password_is_not_cut_at_a_nul(auth: Client) -> None:
    made = register_with(auth, password="before\0after")
    if made.status_code == 201:
        login = {"username": made.json()["username"], "password": "before\0other"}
        check_problem(auth.post("/login", json=login), 401)
    else:
        check_fields(made, "password")


@pytest.mark.parametrize("field", ["username", "email", "password"])
@pytest.mark.parametrize("value", [None, 12345678, 1.5, True, ["a", "b", "c"], {"a": "b"}], ids=repr)
def test_a_value_of_another_type_is_refused(auth: Client, field: str, value: Any) -> None:
    check_fields(register_with(auth, **{field: value}), field)


@pytest.mark.parametrize("field", ["username", "email", "password"])
def test_a_missing_field_is_refused(auth: Client, field: str) -> None:
    body = make_credentials()
    del body[field]
    check_fields(auth.post("/register", json=body), field)


def test_all_bad_fields_are_named_at_once(auth: Client) -> None:
    body = {"username": "x", "email": "nobody", "password": "short"}
    check_fields(auth.post("/register", json=body), "username", "email", "password")


def test_a_refused_password_is_not_repeated_in_the_answer(auth: Client) -> None:
    answer = register_with(auth, password="Canary-" + "x" * 80)
    check_fields(answer, "password")
    assert "Canary" not in answer.text


def test_fifty_registrations_of_one_name_at_once_make_one_account(auth: Client) -> None:
    username = make_credentials()["username"]
    bodies = [{**make_credentials(), "username": username} for _ in range(50)]
    send = partial(requests.post, f"{auth.url}/register", timeout=10)
    answers = ask_at_once([partial(send, json=body) for body in bodies])
    made = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 201]
    assert len(made) == 1, f"{len(made)} accounts were made"
    assert {each.status_code for each in answers} <= {201, 409, 503}
    for body in bodies[:5]:
        login = auth.post("/login", json={"username": username, "password": body["password"]})
        assert login.status_code == (200 if body in made else 401)


def test_fifty_registrations_of_one_email_at_once_make_one_account(auth: Client) -> None:
    email = make_credentials()["email"]
    bodies = [{**make_credentials(), "email": email} for _ in range(50)]
    send = partial(requests.post, f"{auth.url}/register", timeout=10)
    statuses = [each.status_code for each in ask_at_once([partial(send, json=body) for body in bodies])]
    assert statuses.count(201) == 1, f"{statuses.count(201)} accounts were made"
    assert set(statuses) <= {201, 409, 503}
