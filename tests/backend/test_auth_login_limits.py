"""Ten failed logins of one name in five minutes lock that name out, whether an account has it or not."""

from functools import partial

import pytest
import requests

from tests.support.clients import Account, Client, Json, ask_at_once, check_problem, make_credentials
from tests.support.outages import full_redis
from tests.support.read_models import connect_to_redis
from tests.support.stacks import Stack

LIMIT = 10


def fail_logins(auth: Client, count: int, **name: str) -> None:
    """Send that many logins with a wrong password, each of which must be a plain 401."""
    for _ in range(count):
        assert auth.post("/login", json={**name, "password": "not the password"}).status_code == 401


def test_the_eleventh_try_is_429_even_with_the_right_password(auth: Client, account: Account) -> None:
    fail_logins(auth, LIMIT, username=account.username)
    answer = auth.post("/login", json={"username": account.username, "password": account.password})
    check_problem(answer, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_a_full_redis_refuses_a_log_in_before_the_password_is_compared(
    stack: Stack, auth: Client, account: Account
) -> None:
    with connect_to_redis(stack) as store, full_redis(store):
        for _ in range(LIMIT + 1):  # none of which counts as a failure
            check_problem(auth.post("/login", json={"username": account.username, "password": "wrong"}), 503)
    answer = auth.post("/login", json={"username": account.username, "password": account.password})
    assert answer.status_code == 200


def test_the_lock_holds_for_every_spelling_and_the_email(auth: Client, account: Account) -> None:
    fail_logins(auth, LIMIT, username=account.username)
    names = [
        {"username": account.username.upper()},
        {"username": account.username.lower()},
        {"email": account.email},
        {"email": account.email.upper()},
    ]
    for name in names:
        check_problem(auth.post("/login", json={**name, "password": account.password}), 429)
    swapped = {"username": account.email, "password": account.password}
    assert auth.post("/login", json=swapped).status_code in (401, 422, 429)


def test_failures_by_username_and_by_email_in_any_spelling_add_up(auth: Client, account: Account) -> None:
    fail_logins(auth, 3, username=account.username)
    fail_logins(auth, 2, username=account.username.upper())
    fail_logins(auth, 3, email=account.email)
    fail_logins(auth, 2, email=account.email.swapcase())
    check_problem(auth.post("/login", json={"username": account.username, "password": account.password}), 429)


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u200b", "\0"])
def test_no_added_space_opens_a_locked_account(auth: Client, account: Account, space: str) -> None:
    fail_logins(auth, LIMIT, username=account.username)
    for spelling in (f"{space}{account.username}", f"{account.username}{space}"):
        answer = auth.post("/login", json={"username": spelling, "password": account.password})
        assert answer.status_code in (401, 422, 429)


def test_a_forwarded_for_header_opens_nothing(auth: Client, account: Account) -> None:
    fail_logins(auth, LIMIT, username=account.username)
    headers = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7", "X-Real-IP": "203.0.113.7"}
    body = {"username": account.username, "password": account.password}
    check_problem(auth.post("/login", json=body, headers=headers), 429)


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_name_that_no_account_has_is_treated_the_same(auth: Client, field: str) -> None:
    name = make_credentials()[field]
    fail_logins(auth, LIMIT, **{field: name})
    for spelling in (name, name.upper(), name.lower()):
        check_problem(auth.post("/login", json={field: spelling, "password": "not the password"}), 429)


def test_live_sessions_of_a_locked_account_go_on_and_a_refresh_unlocks_nothing(
    auth: Client, account: Account, pair: Json, stack: Stack
) -> None:
    fail_logins(auth, LIMIT, username=account.username)
    check_problem(auth.post("/login", json={"username": account.username, "password": account.password}), 429)
    header = {"Authorization": f"Bearer {pair['access_token']}"}
    assert auth.get("/me", headers=header).status_code == 200, "a live session was ended"
    assert requests.get(f"{stack['BOOKS_URL']}/api/books", headers=header, timeout=10).status_code == 200
    renewed = auth.post("/refresh", headers={"Authorization": f"Bearer {pair['refresh_token']}"})
    assert renewed.status_code == 200
    check_problem(auth.post("/login", json={"username": account.username, "password": account.password}), 429)


def test_other_accounts_are_not_locked(auth: Client, account: Account, stack: Stack) -> None:
    fail_logins(auth, LIMIT, username=make_credentials()["username"])
    body = {"username": account.username, "password": account.password}
    assert auth.post("/login", json=body).status_code == 200


def test_successful_logins_are_not_counted(auth: Client, account: Account) -> None:
    for _ in range(LIMIT + 5):
        body = {"username": account.username, "password": account.password}
        assert auth.post("/login", json=body).status_code == 200
    fail_logins(auth, LIMIT - 1, username=account.username)
    assert auth.post("/login", json=body).status_code == 200


@pytest.mark.parametrize("before", [0, LIMIT - 1])
@pytest.mark.parametrize("known", [True, False])
def test_a_hundred_guesses_at_once_admit_no_more_than_the_limit(
    auth: Client, account: Account, known: bool, before: int
) -> None:
    name = account.username if known else make_credentials()["username"]
    fail_logins(auth, before, username=name)
    send = partial(requests.post, f"{auth.url}/login", timeout=10)
    guesses = [{"username": name, "password": f"guess number {number}"} for number in range(100)]
    statuses = [each.status_code for each in ask_at_once([partial(send, json=guess) for guess in guesses])]
    assert set(statuses) <= {401, 429, 503}
    while 429 not in statuses[-1:] and len(statuses) < 120:  # those that were refused as too many at once do not count
        statuses.append(auth.post("/login", json=guesses[0]).status_code)
    admitted = before + statuses.count(401)
    assert admitted == LIMIT, f"{admitted} guesses were admitted"


def test_a_success_between_failures_does_not_reset_them(auth: Client, account: Account) -> None:
    right = {"username": account.username, "password": account.password}
    fail_logins(auth, LIMIT - 1, username=account.username)
    assert auth.post("/login", json=right).status_code == 200
    fail_logins(auth, 1, username=account.username)
    check_problem(auth.post("/login", json=right), 429)
