"""Sessions that were rotated, replayed or ended are dead on both services, also under races; each check is seen to fail
on a build without what it guards.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.read_models import LONG
from tests.support.session_checks import (
    check_logout,
    check_one_of_many_at_once,
    check_races_of_refresh_and_logout,
    check_replay_ends_the_session,
    check_replay_in_the_same_second,
)
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, list_own, run_build

RACES = 200 if LONG else 30
REUSE_UNPUNISHED: Change = (
    "  redis.call('DEL', KEYS[1])\n  redis.call('ZREM', KEYS[2], ARGV[3])\n  return 0",
    "  return 0",
)
REUSE_UNSEEN: Change = (
    "if not value or left < 1 or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then",
    "if not value then",
)
LOGOUT_WITHOUT_EFFECT: Change = (
    "redis.call('DEL', KEYS[1])\nredis.call('ZREM', KEYS[2], ARGV[1])\nreturn value",
    "return value",
)
LOGOUT_ALL_WITHOUT_EFFECT: Change = (
    "do redis.call('DEL', 'session:' .. sid) end\nreturn redis.call('DEL', KEYS[1])",
    "do end",
)
SIGNATURE_ENOUGH: Change = ("if user_id != self.user_id:", "if False:")
IN_STEPS: tuple[Change, Change] = (
    ("left_s = _run(", "left_s = _rotate_in_steps("),
    (
        "def end_session(token: str)",
        """def _rotate_in_steps(_script, keys, expected, new, sid, ttl):
    from backend.stores.redis_store import ask

    value = (ask("GET", keys[0]) or b"").decode()
    time.sleep(0.2)
    if not value.startswith(expected):
        return 0
    ask("ZADD", keys[1], int(time.time()) + ttl, sid)
    ask("SET", keys[0], new + value[len(expected) :], "EX", ttl)
    return ttl


def end_session(token: str)""",
    ),
)


@pytest.mark.parametrize("earlier", range(4))
def test_a_replay_of_any_earlier_refresh_token_ends_that_session_and_no_other(stack: Stack, earlier: int) -> None:
    check_replay_ends_the_session(list_own(stack), earlier)


def test_a_replay_within_the_second_of_its_issue_ends_the_session(stack: Stack) -> None:
    check_replay_in_the_same_second(list_own(stack))


def test_twenty_uses_of_a_refresh_token_at_once_give_one_pair_and_end_its_session(stack: Stack) -> None:
    check_one_of_many_at_once(list_own(stack))


@pytest.mark.parametrize(
    ("path", "use"), [("/logout", "access_token"), ("/logout", "refresh_token"), ("/logout/all", "access_token")]
)
def test_a_logout_is_felt_at_once_on_both_services(stack: Stack, path: str, use: str) -> None:
    check_logout(list_own(stack), path, use)


def test_refresh_and_logout_at_once_leave_no_usable_token(stack: Stack) -> None:
    check_races_of_refresh_and_logout(list_own(stack), RACES)


def see_fail(check: Callable[[Services], None], services: Services, words: str) -> None:
    """Assert that the check fails on these services, and for that reason."""
    with pytest.raises(AssertionError, match=words):
        check(services)


def test_the_checks_fail_where_a_used_token_is_not_known_as_used(stack: Stack, tmp_path: Path) -> None:
    changes = REUSE_UNSEEN, LOGOUT_WITHOUT_EFFECT, LOGOUT_ALL_WITHOUT_EFFECT
    with run_build(stack, tmp_path, *changes, only="auth") as weak:
        see_fail(partial(check_replay_ends_the_session, earlier=0), weak, "a refresh token works twice")
        see_fail(check_replay_in_the_same_second, weak, "works twice within a second")
        see_fail(check_one_of_many_at_once, weak, "20 uses of one refresh token at once gave a pair")
        for path, use in (("/logout", "access_token"), ("/logout", "refresh_token"), ("/logout/all", "access_token")):
            see_fail(partial(check_logout, path=path, use=use), weak, "an access token of an ended session is taken")


def test_the_checks_fail_where_reuse_leaves_the_session_alive(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path, REUSE_UNPUNISHED, only="auth") as weak:
        for check in (
            partial(check_replay_ends_the_session, earlier=3),
            check_replay_in_the_same_second,
            check_one_of_many_at_once,
        ):
            see_fail(check, weak, "an access token of an ended session is taken")


def test_the_checks_fail_where_the_books_service_trusts_the_signature_alone(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path, SIGNATURE_ENOUGH, only="books") as weak:
        for check in (
            partial(check_replay_ends_the_session, earlier=0),
            partial(check_logout, path="/logout", use="access_token"),
        ):
            see_fail(check, weak, "an access token of an ended session is taken")


def test_the_checks_fail_where_a_rotation_takes_several_steps(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path, *IN_STEPS, only="auth") as weak:
        see_fail(check_one_of_many_at_once, weak, "uses of one refresh token at once gave a pair")
        see_fail(partial(check_races_of_refresh_and_logout, races=30), weak, "of an ended session is taken")
