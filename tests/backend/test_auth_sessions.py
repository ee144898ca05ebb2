"""Sessions: who am I, a refresh token for a new pair, log out here and everywhere, the status of a token."""

from typing import Any

import jwt
import pytest
import requests

from tests.support.clients import Account, Client, Json, check_problem, sign_in
from tests.support.session_checks import bearer, check_alive, check_dead, read_claims
from tests.support.stacks import Stack
from tests.support.weak_builds import list_own


def renew(auth: Client, pair: Json) -> requests.Response:
    """Use the refresh token of a pair."""
    return auth.post("/refresh", headers=bearer(pair["refresh_token"]))


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
    check_alive(list_own(stack), pair)


def test_refresh_gives_a_new_pair_for_the_same_session(auth: Client, pair: Json, stack: Stack) -> None:
    answer = renew(auth, pair)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    renewed = answer.json()
    assert set(renewed) == set(pair)
    assert (renewed["token_type"], renewed["expires_in"]) == ("Bearer", 900)
    assert len({pair["access_token"], pair["refresh_token"], renewed["access_token"], renewed["refresh_token"]}) == 4
    sids = [read_claims(each["access_token"])["sid"] for each in (pair, renewed)]
    assert sids[0] == sids[1]
    check_alive(list_own(stack), renewed)


def test_logout_answers_204_without_a_body(auth: Client, pair: Json) -> None:
    answer = auth.post("/logout", headers=bearer(pair["access_token"]))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_logout_with_a_refresh_token_that_was_used_before_is_401_and_ends_the_session(
    auth: Client, pair: Json, stack: Stack
) -> None:
    renewed = renew(auth, pair).json()
    check_problem(auth.post("/logout", headers=bearer(pair["refresh_token"])), 401)
    check_dead(list_own(stack), [pair, renewed])


def test_an_access_token_from_before_a_refresh_still_logs_out(auth: Client, pair: Json, stack: Stack) -> None:
    renewed = renew(auth, pair).json()
    assert auth.post("/logout", headers=bearer(pair["access_token"])).status_code == 204
    check_dead(list_own(stack), [pair, renewed])


def test_logout_all_ends_every_session_of_that_user_only(
    auth: Client, account: Account, stack: Stack, books: Client
) -> None:
    pairs = [sign_in(stack["AUTH_URL"], account) for _ in range(3)]
    assert auth.post("/logout/all", headers=bearer(pairs[1]["access_token"])).status_code == 204
    check_dead(list_own(stack), pairs)
    assert books.get("/api/books").status_code == 200
    check_alive(list_own(stack), sign_in(stack["AUTH_URL"], account))


def ask_status(auth: Client, token: str) -> Any:
    """Return what GET /token/status says of a token that it knows."""
    answer = auth.get("/token/status", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_status_of_a_live_token_repeats_its_claims(auth: Client, pair: Json) -> None:
    claims = read_claims(pair["access_token"])
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
    claims = read_claims(pair["access_token"])
    expired = jwt.encode({**claims, "iat": claims["iat"] - 3600, "exp": claims["iat"] - 2700}, stack["JWT_SECRET"])
    status = ask_status(auth, expired)
    assert (set(status), status["active"]) == ({"active", "reason"}, False)
    assert status["reason"]
    check_problem(auth.get("/me", headers=bearer(expired)), 401)
    check_problem(requests.get(f"{stack['BOOKS_URL']}/api/books", headers=bearer(expired), timeout=10), 401)
    check_alive(list_own(stack), pair)
