"""Password hashing has a bounded queue: what does not fit is refused soon, and live sessions do not feel it."""

import time
from collections.abc import Iterator
from functools import partial

import pytest
import requests

from tests.support.clients import Account, ask_at_once, check_problem, register, sign_in
from tests.support.stacks import Stack, start_stack

pytestmark = pytest.mark.alone

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "1", "BCRYPT_ROUNDS": "13"}


@pytest.fixture(scope="module")
def own(own_settings: dict[str, str]) -> Stack:
    """A stack whose password hashes cost half a second each."""
    return start_stack(own_settings)


@pytest.fixture(scope="module")
def account(own: Stack) -> Iterator[Account]:
    """An account of the own stack."""
    yield register(own["AUTH_URL"])


def test_a_full_hashing_queue_is_503_within_two_seconds(own: Stack, account: Account) -> None:
    login = {"username": account.username, "password": account.password}
    send = partial(requests.post, f"{own['AUTH_URL']}/login", json=login, timeout=20)
    answers = ask_at_once([send] * 60)
    refused = [each for each in answers if each.status_code != 200]
    assert 0 < len(refused) < 60
    for answer in refused:
        check_problem(answer, 503)
        assert answer.elapsed.total_seconds() < 2
    assert max(each.elapsed.total_seconds() for each in answers) < 5.5


def test_a_live_session_goes_on_while_the_hashing_queue_is_full(own: Stack, account: Account) -> None:
    token = sign_in(own["AUTH_URL"], account)["access_token"]
    login = {"username": account.username, "password": account.password}
    log_in = partial(requests.post, f"{own['AUTH_URL']}/login", json=login, timeout=20)
    see_me = partial(requests.get, f"{own['AUTH_URL']}/me", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    started = time.monotonic()
    answers = ask_at_once([log_in] * 40 + [see_me] * 10)
    assert {each.status_code for each in answers[40:]} == {200}
    assert {each.status_code for each in answers[:40]} <= {200, 503}
    assert max(each.elapsed.total_seconds() for each in answers[40:]) < 2
    assert time.monotonic() - started < 5.5
