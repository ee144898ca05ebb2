"""POST /login: who gets in, what the tokens hold, and that a wrong password and no account look alike."""

from typing import Any

import jwt
import pytest
import requests

from tests.support.clients import Account, Client, Json, check_problem, make_credentials
from tests.support.stacks import Stack

CLAIMS = {"iss", "aud", "sub", "username", "sid", "jti", "iat", "exp", "token_use"}


def read_claims(token: str, stack: Stack) -> Json:
    """Verify a token's signature as its issuer does and return its claims."""
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    return jwt.decode(token, stack["JWT_SECRET"], ["HS256"], options={"verify_aud": False})


def test_a_login_gives_two_tokens_and_says_no_store(auth: Client, account: Account) -> None:
    answer = auth.post("/login", json={"username": account.username, "password": account.password})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)


@pytest.mark.parametrize("field", ["username", "email"])
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower, str.swapcase])
def test_every_spelling_of_username_and_email_signs_in(
    auth: Client, account: Account, field: str, spelling: Any
) -> None:
    body = {field: spelling(getattr(account, field)), "password": account.password}
    assert auth.post("/login", json=body).status_code == 200


def test_the_tokens_hold_every_claim(stack: Stack, account: Account, pair: Json) -> None:
    access, refresh = (read_claims(pair[f"{use}_token"], stack) for use in ("access", "refresh"))
    assert set(access) >= CLAIMS
    assert set(refresh) >= CLAIMS
    assert (access["token_use"], refresh["token_use"]) == ("access", "refresh")
    assert access["sid"] == refresh["sid"]
    assert access["jti"] != refresh["jti"]
    for claims, lifetime in ((access, 900), (refresh, 604800)):
        assert (claims["sub"], claims["username"]) == (str(account.id), account.username)
        assert claims["exp"] - claims["iat"] == lifetime


def test_each_login_is_a_session_of_its_own(auth: Client, account: Account, stack: Stack) -> None:
    body = {"username": account.username, "password": account.password}
    tokens = [auth.post("/login", json=body).json()["access_token"] for _ in range(3)]
    assert len({read_claims(token, stack)["sid"] for token in tokens}) == 3


def describe_refusal(auth: Client, body: Json) -> tuple[int, dict[str, str], Json]:
    """Return what a caller can see of a refused login, but for the date and the request id."""
    answer = auth.post("/login", json=body)
    assert answer.status_code != 200
    varying = {"date", "x-request-id"}
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in varying}
    return answer.status_code, headers, answer.json()


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_wrong_password_and_an_unknown_name_look_alike(auth: Client, account: Account, field: str) -> None:
    known = describe_refusal(auth, {field: getattr(account, field), "password": "not the password"})
    unknown = describe_refusal(auth, {field: make_credentials()[field], "password": "not the password"})
    assert known == unknown
    assert known[0] == 401


def test_an_over_long_password_looks_alike_too(auth: Client, account: Account) -> None:
    known = describe_refusal(auth, {"username": account.username, "password": account.password + "é" * 72})
    unknown = describe_refusal(auth, {"username": make_credentials()["username"], "password": "é" * 80})
    assert known == unknown
    assert known[0] in (401, 422)


def test_a_wrong_password_is_a_problem_with_www_authenticate(auth: Client, account: Account) -> None:
    check_problem(auth.post("/login", json={"email": account.email, "password": "not the password"}), 401)


@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda password: f"{password} ", lambda password: password[:-1]]
)
def test_a_password_counts_to_the_letter(auth: Client, account: Account, change: Any) -> None:
    body = {"username": account.username, "password": change(account.password)}
    check_problem(auth.post("/login", json=body), 401)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "somebody"},
        {"email": "somebody@example.com"},
        {"password": "a good password"},
        {"username": None, "password": "a good password"},
        {"username": 12345, "password": "a good password"},
        {"username": ["somebody"], "password": "a good password"},
        {"email": {"a": "b"}, "password": "a good password"},
        {"username": "somebody", "password": None},
        {"username": "somebody", "password": 12345678},
        {"username": "somebody", "password": ["a good password"]},
    ],
    ids=repr,
)
def test_a_login_that_lacks_a_part_or_has_the_wrong_type_is_refused(auth: Client, body: Json) -> None:
    assert check_problem(auth.post("/login", json=body), 422)["errors"]


@pytest.mark.parametrize("name", ["' OR '1'='1", "admin'--", "%", "_______", "*", '" OR ""="'])
def test_no_pattern_stands_for_a_name_or_a_password(auth: Client, account: Account, name: str) -> None:
    assert auth.post("/login", json={"username": name, "password": account.password}).status_code in (401, 422)
    assert auth.post("/login", json={"username": account.username, "password": name}).status_code in (401, 422)


def test_the_access_token_opens_both_services(stack: Stack, pair: Json) -> None:
    header = {"Authorization": f"Bearer {pair['access_token']}"}
    assert requests.get(f"{stack['AUTH_URL']}/me", headers=header, timeout=10).status_code == 200
    assert requests.get(f"{stack['BOOKS_URL']}/api/books", headers=header, timeout=10).status_code == 200
