"""The action of a load that uses a session of its own: log in, ask who that is, refresh, log out."""

import random
from typing import Any

from load.client.accounts import Account
from load.client.http_client import bearer
from load.users.send import Answer, body_of, expect, send
from load.users.user import LibraryUser

PAIR = {"access_token", "refresh_token", "token_type", "expires_in"}


def session_flow(user: LibraryUser) -> None:
    """Log in, ask who that is, refresh and log out, as one flow on a session of its own."""
    load = user.load
    logout_all_account = load.take_logout_all_account()
    account = logout_all_account or random.choice(load.flow_accounts)
    try:
        pair = log_in(user, account)
        if pair and show_me(user, account, pair) and (pair := refresh(user, pair)):
            log_out(user, "/logout/all" if logout_all_account else "/logout", pair)
    finally:
        if logout_all_account:
            load.release_logout_all_account()


def log_in(user: LibraryUser, account: Account) -> dict[str, Any] | None:
    """Send POST /login and return the two tokens, None when it failed."""
    body = {"username": account.username, "password": account.password}
    answer: dict[str, Any] | None = send(user, "POST", f"{user.load.auth_url}/login", "/login", check_pair, json=body)
    return answer


def check_pair(answer: Answer) -> dict[str, Any]:
    """Return the body of an answer that must hold a new pair of tokens; raises RequestFailed."""
    pair: dict[str, Any] = body_of(answer, 200)
    expect((set(pair), pair["token_type"]) == (PAIR, "Bearer"), "not the fields of a pair of tokens")
    expect(type(pair["expires_in"]) is int and pair["expires_in"] > 0, "expires_in is no whole number of seconds")
    expect(pair["access_token"].count(".") == pair["refresh_token"].count(".") == 2, "a token that is no JWT")
    return pair


def show_me(user: LibraryUser, account: Account, pair: dict[str, Any]) -> bool:
    """Send GET /me and tell whether it named the account."""

    def check(answer: Answer) -> bool:
        me = body_of(answer, 200)
        expect(me.keys() == {"id", "username", "email"} and type(me["id"]) is int, "not the fields of a user")
        expect(me["username"] == account.username and me["email"] == account.email, "another user than logged in")
        return True

    url = f"{user.load.auth_url}/me"
    return bool(send(user, "GET", url, "/me", check, headers=bearer(pair["access_token"])))


def refresh(user: LibraryUser, pair: dict[str, Any]) -> dict[str, Any] | None:
    """Send POST /refresh and return the new pair, None when it failed."""

    def check(answer: Answer) -> dict[str, Any]:
        new = check_pair(answer)
        expect(new["refresh_token"] != pair["refresh_token"], "the refresh token of before")
        expect(new["access_token"] != pair["access_token"], "the access token of before")
        return new

    url = f"{user.load.auth_url}/refresh"
    answer: dict[str, Any] | None = send(user, "POST", url, "/refresh", check, headers=bearer(pair["refresh_token"]))
    return answer


def log_out(user: LibraryUser, path: str, pair: dict[str, Any]) -> None:
    """Send POST /logout or /logout/all."""

    def check(answer: Answer) -> None:
        expect(body_of(answer, 204) is None, "204 with a body")

    send(user, "POST", f"{user.load.auth_url}{path}", path, check, headers=bearer(pair["access_token"]))
