"""Sessions: who am I, rotation of refresh tokens, log out here and everywhere, the status of a token."""

from functools import partial
from typing import Any

import jwt
import pytest
import requests
from clients import Account, Client, Json, ask_at_once, check_problem, sign_in
from stacks import Stack


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def refresh(auth: Client, pair: Json) -> requests.Response:
    """Use the refresh token of a pair."""
    return auth.post("/refresh", headers=bearer(pair["refresh_token"]))


def check_dead(stack: Stack, auth: Client, pair: Json) -> None:
    """Assert that neither token of a pair opens anything on either service."""
    access, renewing = bearer(pair["access_token"]), bearer(pair["refresh_token"])
    check_problem(auth.get("/me", headers=access), 401)
    check_problem(requests.get(f"{stack['BOOKS_URL']}/api/books", headers=access, timeout=10), 401)
    check_problem(auth.post("/logout", headers=access), 401)
    check_problem(auth.post("/logout", headers=renewing), 401)
    check_problem(auth.post("/logout/all", headers=access), 401)
    check_problem(auth.post("/refresh", headers=renewing), 401)


def check_alive(stack: Stack, auth: Client, pair: Json) -> None:
    """Assert that the access token of a pair opens both services."""
    access = bearer(pair["access_token"])
    assert auth.get("/me", headers=access).status_code == 200
    assert requests.get(f"{stack['BOOKS_URL']}/api/books", headers=access, timeout=10).status_code == 200


def test_me_answers_the_account(auth: Client, account: Account, pair: Json) -> None:
    answer = auth.get("/me", headers=bearer(pair["access_token"]))
    assert answer.status_code == 200
    assert answer.json() == {"id": account.id, "username": account.username, "email": answer.json()["email"]}
    assert answer.json()["email"].casefold() == account.email.casefold()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/me"), ("GET", "/token/status"), ("POST", "/refresh"), ("POST", "/logout"), ("POST", "/logout/all")],
)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer a.b.c", "Bearer é"]
)
def test_every_call_for_a_session_asks_for_a_good_token(
    auth: Client, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    check_problem(auth.request(method, path, headers=headers), 401)


@pytest.mark.parametrize(("method", "path"), [("GET", "/me"), ("GET", "/token/status"), ("POST", "/logout/all")])
def test_a_refresh_token_is_no_access_token(auth: Client, pair: Json, method: str, path: str) -> None:
    check_problem(auth.request(method, path, headers=bearer(pair["refresh_token"])), 401)
    assert auth.get("/me", headers=bearer(pair["access_token"])).status_code == 200


def test_an_access_token_does_not_refresh(auth: Client, pair: Json, stack: Stack) -> None:
    check_problem(auth.post("/refresh", headers=bearer(pair["access_token"])), 401)
    check_alive(stack, auth, pair)


def test_refresh_gives_a_new_pair_for_the_same_session(auth: Client, pair: Json, stack: Stack) -> None:
    answer = refresh(auth, pair)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    renewed = answer.json()
    assert set(renewed) == set(pair)
    assert (renewed["token_type"], renewed["expires_in"]) == ("Bearer", 900)
    assert len({pair["access_token"], pair["refresh_token"], renewed["access_token"], renewed["refresh_token"]}) == 4
    sids = [jwt.decode(each["access_token"], options={"verify_signature": False})["sid"] for each in (pair, renewed)]
    assert sids[0] == sids[1]
    check_alive(stack, auth, renewed)


@pytest.mark.parametrize("earlier", [0, 1, 3])
def test_a_second_use_of_a_refresh_token_ends_the_whole_session(
    auth: Client, account: Account, stack: Stack, earlier: int
) -> None:
    other = sign_in(stack["AUTH_URL"], account)
    pairs = [sign_in(stack["AUTH_URL"], account)]
    for _ in range(4):
        pairs.append(refresh(auth, pairs[-1]).json())
    check_alive(stack, auth, pairs[-1])
    check_problem(refresh(auth, pairs[earlier]), 401)
    for pair in pairs:
        check_dead(stack, auth, pair)
    check_alive(stack, auth, other)


def test_twenty_uses_of_one_refresh_token_at_once_give_one_pair(stack: Stack, pair: Json) -> None:
    send = partial(requests.post, f"{stack['AUTH_URL']}/refresh", headers=bearer(pair["refresh_token"]), timeout=10)
    statuses = [answer.status_code for answer in ask_at_once([send] * 20)]
    assert statuses.count(200) == 1
    assert statuses.count(401) == 19


@pytest.mark.parametrize("use", ["access_token", "refresh_token"])
def test_logout_ends_the_session_on_both_services_at_once(
    auth: Client, account: Account, stack: Stack, use: str
) -> None:
    pair, other = (sign_in(stack["AUTH_URL"], account) for _ in range(2))
    check_alive(stack, auth, pair)
    answer = auth.post("/logout", headers=bearer(pair[use]))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    check_dead(stack, auth, pair)
    check_alive(stack, auth, other)


def test_logout_after_a_refresh_ends_the_older_tokens_too(auth: Client, pair: Json, stack: Stack) -> None:
    renewed = refresh(auth, pair).json()
    assert auth.post("/logout", headers=bearer(renewed["access_token"])).status_code == 204
    check_dead(stack, auth, renewed)
    check_dead(stack, auth, pair)


def test_logout_all_ends_every_session_of_that_user_only(
    auth: Client, account: Account, stack: Stack, books: Client
) -> None:
    pairs = [sign_in(stack["AUTH_URL"], account) for _ in range(3)]
    assert auth.post("/logout/all", headers=bearer(pairs[1]["access_token"])).status_code == 204
    for pair in pairs:
        check_dead(stack, auth, pair)
    assert books.get("/api/books").status_code == 200
    check_alive(stack, auth, sign_in(stack["AUTH_URL"], account))


def ask_status(auth: Client, token: str) -> Any:
    """Return what GET /token/status says of a token that it knows."""
    answer = auth.get("/token/status", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_status_of_a_live_token_repeats_its_claims(auth: Client, pair: Json) -> None:
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    shown = {name: claims[name] for name in ("sub", "username", "sid", "jti", "iat", "exp")}
    assert ask_status(auth, pair["access_token"]) == {"active": True, **shown}


def test_the_status_of_a_revoked_token_is_inactive_with_a_reason(auth: Client, pair: Json) -> None:
    auth.post("/logout", headers=bearer(pair["access_token"]))
    status = ask_status(auth, pair["access_token"])
    assert (set(status), status["active"]) == ({"active", "reason"}, False)
    assert status["reason"]


def test_the_status_of_an_expired_token_is_inactive_and_nothing_else_takes_it(
    auth: Client, pair: Json, stack: Stack
) -> None:
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    expired = jwt.encode({**claims, "iat": claims["iat"] - 3600, "exp": claims["iat"] - 2700}, stack["JWT_SECRET"])
    status = ask_status(auth, expired)
    assert (set(status), status["active"]) == ({"active", "reason"}, False)
    assert status["reason"]
    check_problem(auth.get("/me", headers=bearer(expired)), 401)
    check_problem(requests.get(f"{stack['BOOKS_URL']}/api/books", headers=bearer(expired), timeout=10), 401)
    check_alive(stack, auth, pair)
