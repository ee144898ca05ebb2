"""Log-ins under way are counted apart from failures: a right password gets no 429 where nobody failed, whatever Redis
does meanwhile, and guesses at once get no further; each check is seen to fail on a build without that.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Account, ask_at_once, check_problem, make_credentials, register
from tests.support.login_timing import set_hash_cost
from tests.support.login_tries import LIMIT, check_guesses_at_once, check_right_at_once, count, log_in
from tests.support.outages import freeze
from tests.support.own_redis import OwnRedis, run_own_redis
from tests.support.read_models import LONG, wait_until
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, run_build, shift_clock

STALLS = 6 if LONG else 4
STALL_S = 0.6 if LONG else 0.25
LONGEST_TRY_S = 6
TRIES_ARE_FAILURES: Change = ("if wait == ALL_RESERVED:", "if False:")
ANSWERED_ANYHOW: Change = (
    "        end_try(account, attempt, failed=not matches)\n",
    "        try:\n            end_try(account, attempt, failed=not matches)\n"
    "        except Unavailable:\n            pass\n",
)


@pytest.fixture(scope="module")
def store(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis that this module may stop and change."""
    with run_own_redis(stack, tmp_path_factory.mktemp("redis")) as store:
        yield store


@pytest.fixture(scope="module")
def crowd(stack: Stack, store: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an auth service of four workers, whose hashes take long enough to meet each other."""
    folder = tmp_path_factory.mktemp("crowd") / "build"
    settings = {"REDIS_URL": store.url, "BCRYPT_ROUNDS": "10"}
    with run_build(stack, folder, only="auth", workers="4", **settings) as services:
        yield services.auth


@pytest.fixture(scope="module")
def single(stack: Stack, store: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an auth service of one worker."""
    folder = tmp_path_factory.mktemp("single") / "build"
    with run_build(stack, folder, only="auth", REDIS_URL=store.url) as services:
        yield services.auth


@pytest.fixture
def slow(stack: Stack, single: str) -> Account:
    """An account whose password takes a quarter of a second to be compared."""
    account = register(single)
    set_hash_cost(stack, [account], 12)
    return account


def test_a_right_password_sent_many_times_at_once_is_never_locked_out(crowd: str, store: OwnRedis) -> None:
    account = register(crowd)
    check_right_at_once(crowd, account)
    assert (count(store.client, "failures", account), count(store.client, "tries", account)) == (0, 0)
    for _ in range(LIMIT - 1):
        assert log_in(crowd, account.username, "not the password").status_code == 401
    check_right_at_once(crowd, account)
    assert log_in(crowd, account.username, account.password).status_code == 200


@pytest.mark.parametrize("known", [True, False])
def test_guesses_at_once_that_are_sent_again_after_503_get_no_further_than_the_limit(crowd: str, known: bool) -> None:
    check_guesses_at_once(crowd, register(crowd).username if known else make_credentials()["username"])


def test_the_counts_name_no_account(single: str, store: OwnRedis) -> None:
    account = register(single)
    log_in(single, account.username, "not the password")
    names = " ".join(store.client.scan_iter("*")).lower()
    assert "failures:" in names
    assert account.username.lower() not in names


def stall(single: str, store: OwnRedis, account: Account) -> None:
    """Let Redis stall in the midst of a few log-ins of threads that are connected to it."""

    def send() -> list[int]:
        answers = ask_at_once([lambda: log_in(single, account.username, account.password)] * 3)
        return [answer.status_code for answer in answers]

    assert set(send()) <= {200, 503}, "a right password was refused as a guess"
    with freeze(store.pid):
        until = time.monotonic() + STALL_S
        assert set(send()) == {503}, "a log-in was answered without Redis"
        time.sleep(max(0.0, until - time.monotonic()))
    time.sleep(0.3)  # longer than the pause after which a store is asked again that did not answer


def check_stalls(single: str, store: OwnRedis) -> None:
    """Assert that stalls of Redis leave nothing counted against a right password."""
    account = register(single)
    for _ in range(STALLS):
        stall(single, store, account)
    assert log_in(single, account.username, account.password).status_code in (200, 503), "a stall has locked it out"
    assert count(store.client, "failures", account) == 0, "a stall was counted as a failure"
    assert all(store.client.pttl(key) <= LONGEST_TRY_S * 1000 for key in store.client.scan_iter("tries:*"))
    if LONG:
        wait_until(
            lambda: log_in(single, account.username, account.password).status_code == 200, LONGEST_TRY_S + 1, "it ends"
        )


def test_a_redis_that_stalls_leaves_nothing_counted(single: str, store: OwnRedis) -> None:
    check_stalls(single, store)


@contextmanager
def meanwhile(url: str, store: OwnRedis, account: Account, password: str) -> Iterator[Callable[[], int]]:
    """Run a block while a log-in's password is compared; give what waits for the status of its answer."""
    statuses: list[int] = []
    sending = threading.Thread(target=lambda: statuses.append(log_in(url, account.username, password).status_code))
    sending.start()

    def wait() -> int:
        sending.join(10)
        return statuses[0]

    try:
        wait_until(lambda: count(store.client, "tries", account) == 1, 5, "the log-in is under way")
        yield wait
    finally:
        sending.join(10)


def check_lost_reservation(url: str, store: OwnRedis, account: Account, password: str) -> None:
    """Assert that a try whose reservation Redis has lost, and may have given to another, is not told how it went."""
    with meanwhile(url, store, account, password) as wait:
        store.client.delete(*store.client.scan_iter("tries:*"))
        assert wait() == 503, "a try without a reservation was answered"
    assert count(store.client, "failures", account) == 0


@pytest.mark.parametrize("right", [True, False])
def test_a_try_that_has_lost_its_reservation_is_503(single: str, store: OwnRedis, slow: Account, right: bool) -> None:
    check_lost_reservation(single, store, slow, slow.password if right else "not the password")


def check_uncounted(url: str, store: OwnRedis, account: Account) -> None:
    """Assert that a wrong password is not told to be wrong while Redis cannot count it."""
    with meanwhile(url, store, account, "not the password") as wait, freeze(store.pid):
        assert wait() == 503, "a guess was answered uncounted"


def test_a_wrong_password_that_redis_cannot_count_is_503_and_no_free_guess(
    single: str, store: OwnRedis, slow: Account
) -> None:
    check_uncounted(single, store, slow)


def check_clocks(stack: Stack, one: str, other: str) -> None:
    """Assert that failures at one host count at the other, for as long as they do where they happened."""
    account = register(stack["AUTH_URL"])
    for _ in range(LIMIT):
        assert log_in(one, account.username, "not the password").status_code == 401
    for url in (one, other):
        answer = log_in(url, account.username, account.password)
        check_problem(answer, 429)
        assert 290 <= int(answer.headers["Retry-After"]) <= 300


def test_hosts_whose_clocks_differ_by_minutes_count_the_same_window(
    stack: Stack, single: str, store: OwnRedis, tmp_path: Path
) -> None:
    with run_build(stack, tmp_path / "build", shift_clock(400), only="auth", REDIS_URL=store.url) as ahead:
        check_clocks(stack, single, ahead.auth)
        check_clocks(stack, ahead.auth, single)


def test_the_checks_fail_where_tries_under_way_are_failures_and_answered_uncounted_or_without_a_reservation(
    stack: Stack, store: OwnRedis, tmp_path: Path, slow: Account
) -> None:
    changes, settings = (TRIES_ARE_FAILURES, ANSWERED_ANYHOW), {"REDIS_URL": store.url, "BCRYPT_ROUNDS": "10"}
    with run_build(stack, tmp_path / "build", *changes, only="auth", workers="4", **settings) as weak:
        with pytest.raises(AssertionError, match="refused as a guess"):
            check_right_at_once(weak.auth, register(weak.auth))
        with pytest.raises(AssertionError, match="without a reservation was answered"):
            check_lost_reservation(weak.auth, store, slow, "not the password")
        with pytest.raises(AssertionError, match="answered uncounted"):
            check_uncounted(weak.auth, store, slow)


def test_failures_of_a_clock_that_was_set_back_lock_an_account_for_no_longer_than_others(
    single: str, store: OwnRedis
) -> None:
    account = register(single)
    for _ in range(LIMIT):
        assert log_in(single, account.username, "a wrong password").status_code == 401
    key = f"failures:{hashlib.sha256(f'id:{account.id}'.encode()).hexdigest()}"
    failures: Any = store.client.zrange(key, 0, -1)
    for name in failures:
        store.client.zincrby(key, 3600, name)
    answer = log_in(single, account.username, account.password)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) <= 300, answer.headers
    assert count(store.client, "failures", account) == LIMIT
