"""The tests of the limit on failed log-ins fail where that limit can be got round."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.backend import test_auth_login_limits as limits
from tests.support.clients import Account, Client, register, sign_in
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, run_build

COUNTED_TOO_LATE: tuple[Change, ...] = (
    ("if #redis.call('ZRANGEBYSCORE', KEYS[2], now, now + ARGV[3]) >= left then", "if false then"),
    ("attempt = begin_try(account)", "attempt = (begin_try(account), __import__('time').sleep(0.3))[0]"),
)
RESET_BY_A_REFRESH: tuple[Change, ...] = (
    ("return sign_pair(user_id, claims", "return _forget_failures(user_id) or sign_pair(user_id, claims"),
    (
        "def refresh_session(",
        """def _forget_failures(user_id):
    import hashlib

    from backend.stores.redis_store import ask

    ask("DEL", "failures:" + hashlib.sha256(f"id:{user_id}".encode()).hexdigest())


def refresh_session(""",
    ),
)
COUNTED_BY_SPELLING: tuple[Change, ...] = (
    (
        "    user = _find_for_login(name)\n",
        '    user = _find_for_login(name.strip(" \\t\\u00a0\\u200b\\0"))\n',
    ),
    (
        """f"id:{user['id']}" if user else f"name:{email_key(name)}\"""",
        "name + __import__('flask').request.headers.get('X-Forwarded-For', '')",
    ),
)
SESSIONS_ENDED_BY_A_LOCK: tuple[Change, ...] = (
    ("attempt = begin_try(account)", "attempt = _begin_or_end_sessions(account, user)"),
    (
        "def authenticate(",
        """def _begin_or_end_sessions(account, user):
    try:
        return begin_try(account)
    except Exception:
        from backend.auth.sessions import end_all_sessions

        end_all_sessions(str(user["id"]) if user else "")
        raise


def authenticate(""",
    ),
)


@pytest.fixture(scope="module")
def late(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an auth service that counts failures when they have happened, and forgets them at a refresh."""
    folder = tmp_path_factory.mktemp("late") / "build"
    with (
        run_build(stack, folder, *COUNTED_TOO_LATE, *RESET_BY_A_REFRESH, only="auth") as weak,
        Client(weak.auth) as auth,
    ):
        yield auth


@pytest.fixture(scope="module")
def literal(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an auth service that counts by name as it is spelled and the header, and ends sessions at a lock."""
    folder = tmp_path_factory.mktemp("literal") / "build"
    changes = *COUNTED_BY_SPELLING, *SESSIONS_ENDED_BY_A_LOCK
    with run_build(stack, folder, *changes, only="auth") as weak, Client(weak.auth) as auth:
        yield auth


@pytest.mark.parametrize("known", [True, False])
def test_the_test_of_guesses_at_once_fails_where_they_are_counted_late(
    late: Client, account: Account, known: bool
) -> None:
    with pytest.raises(AssertionError, match="guesses were admitted"):
        limits.test_a_hundred_guesses_at_once_admit_no_more_than_the_limit(late, account, known, limits.LIMIT - 1)


def test_the_test_of_live_sessions_fails_where_a_refresh_unlocks(late: Client, account: Account, stack: Stack) -> None:
    pair = sign_in(late.url, account)
    with pytest.raises(AssertionError, match="access_token"):
        limits.test_live_sessions_of_a_locked_account_go_on_and_a_refresh_unlocks_nothing(late, account, pair, stack)


def test_the_test_of_live_sessions_fails_where_a_lock_ends_them(
    literal: Client, account: Account, stack: Stack
) -> None:
    pair = sign_in(literal.url, account)
    with pytest.raises(AssertionError, match="a live session was ended"):
        limits.test_live_sessions_of_a_locked_account_go_on_and_a_refresh_unlocks_nothing(literal, account, pair, stack)


def test_the_tests_of_spelling_fail_where_each_spelling_counts_alone(literal: Client) -> None:
    tests: list[Callable[[Client, Account], None]] = [
        limits.test_the_lock_holds_for_every_spelling_and_the_email,
        limits.test_failures_by_username_and_by_email_in_any_spelling_add_up,
        limits.test_a_forwarded_for_header_opens_nothing,
        *(partial(limits.test_no_added_space_opens_a_locked_account, space=space) for space in " \t\u00a0\u200b\0"),
    ]
    for test in tests:
        with pytest.raises(AssertionError, match=r"access_token|assert 200 in"):  # it was let in
            test(literal, register(literal.url))


@pytest.mark.parametrize("field", ["username", "email"])
def test_the_test_of_unknown_names_fails_where_each_spelling_counts_alone(literal: Client, field: str) -> None:
    with pytest.raises(AssertionError, match="Wrong name or password"):
        limits.test_a_name_that_no_account_has_is_treated_the_same(literal, field)
