"""A session of which Redis has lost a part, by eviction or by hand, is dead on both services, so that no log-out misses
it; the check is seen to fail on a build that looks at one of the two parts alone.
"""

import hashlib
from pathlib import Path

import pytest
import redis
import requests

from tests.support.clients import Account, Client, Json, check_problem, register, sign_in
from tests.support.own_redis import OwnRedis, run_own_redis
from tests.support.read_models import connect_to_redis
from tests.support.session_checks import bearer, check_alive, check_dead, keys_of, list_uses, rotate
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, list_own, run_build

ALL = ["me", "status", "list", "book", "change"]
ENTRY_ALONE: Change = ("redis.call('ZSCORE', sessions, string.sub(session, #'session:' + 1)) and redis", "redis")
MEMORY = "16mb"
JUNK = "x" * 4096
MOST_JUNK = 200  # batches of 50, over twice the memory


def check_lost_set(services: Services, store: "redis.Redis") -> None:
    """Assert that a user's sessions are dead once the set that names them is lost, and stay so after a new log-in."""
    account, other = register(services.auth), sign_in(services.auth, register(services.auth))
    pairs = [sign_in(services.auth, account), rotate(services, sign_in(services.auth, account))]
    store.delete(keys_of(pairs[0])[1])
    check_dead(services, pairs)
    new = sign_in(services.auth, account)
    check_dead(services, pairs)
    check_alive(services, new)
    check_alive(services, other)


def test_sessions_whose_users_set_is_lost_are_dead_and_stay_dead(stack: Stack) -> None:
    with connect_to_redis(stack) as store:
        check_lost_set(list_own(stack), store)


def test_the_check_fails_where_the_entry_alone_is_looked_at(stack: Stack, tmp_path: Path) -> None:
    with (
        connect_to_redis(stack) as store,
        run_build(stack, tmp_path / "build", ENTRY_ALONE) as weak,
        pytest.raises(AssertionError, match="an access token of an ended session is taken"),
    ):
        check_lost_set(weak, store)


@pytest.mark.parametrize("part", ["entry", "place in the set"])
def test_a_session_that_has_lost_a_part_is_dead_and_no_other(stack: Stack, account: Account, part: str) -> None:
    lost, other = sign_in(stack["AUTH_URL"], account), sign_in(stack["AUTH_URL"], account)
    entry, sessions = keys_of(lost)
    with connect_to_redis(stack) as store:
        removed = store.delete(entry) if part == "entry" else store.zrem(sessions, entry.removeprefix("session:"))
    assert removed == 1
    check_dead(list_own(stack), [lost])
    check_alive(list_own(stack), other)


def test_a_refresh_brings_nothing_back_of_what_was_lost(stack: Stack, account: Account) -> None:
    pair = sign_in(stack["AUTH_URL"], account)
    with connect_to_redis(stack) as store:
        store.delete(keys_of(pair)[1])
        answer = requests.post(f"{stack['AUTH_URL']}/refresh", headers=bearer(pair["refresh_token"]), timeout=10)
        check_problem(answer, 401)
        assert store.exists(*keys_of(pair)) == 0


def test_failures_that_are_lost_are_forgotten(stack: Stack, auth: Client, account: Account) -> None:
    wrong, right = [{"username": account.username, "password": word} for word in ("wrong", account.password)]
    assert [auth.post("/login", json=wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    with connect_to_redis(stack) as store:
        store.delete(f"failures:{hashlib.sha256(f'id:{account.id}'.encode()).hexdigest()}")
    assert auth.post("/login", json=right).status_code == 200


def lives(store: "redis.Redis", pair: Json) -> bool:
    """Tell whether Redis still holds all parts of a session."""
    return store.exists(*keys_of(pair)) == 2  # which does not count as a use, for which Redis would keep them


def fill_until_some_are_evicted(store: "redis.Redis", pairs: list[Json]) -> None:
    """Write into Redis until it has evicted parts of some of the sessions."""
    for batch in range(MOST_JUNK):
        store.mset({f"junk:{batch}:{number}": JUNK for number in range(50)})
        if 0 < sum(lives(store, pair) for pair in pairs) < len(pairs) - 2:
            return
    pytest.fail("Redis has evicted none of the sessions, or all")


def check_half_evicted(services: Services, store: OwnRedis) -> None:
    """Assert that sessions are whole or dead where Redis evicts what it likes, and that no log-out misses one."""
    accounts = [register(services.auth) for _ in range(12)]
    pairs = {account: [sign_in(services.auth, account) for _ in range(2)] for account in accounts}
    fill_until_some_are_evicted(store.client, [pair for both in pairs.values() for pair in both])
    for both in pairs.values():
        for pair in both:
            before, uses, after = lives(store.client, pair), list_uses(services, pair), lives(store.client, pair)
            assert uses in (ALL, []) or before != after, f"a session lives by half: {uses}"
            assert before != after or (uses == ALL) is after
        header = next((bearer(pair["access_token"]) for pair in both if lives(store.client, pair)), None)
        if header and requests.post(f"{services.auth}/logout/all", headers=header, timeout=10).status_code == 204:
            check_dead(services, both)


def test_a_redis_that_evicts_ends_sessions_whole(stack: Stack, tmp_path: Path) -> None:
    evicting = "--appendonly", "no", "--maxmemory", MEMORY, "--maxmemory-policy", "allkeys-lru"
    with (
        run_own_redis(stack, tmp_path, *evicting) as store,
        run_build(stack, tmp_path / "build", REDIS_URL=store.url, READ_MODEL="sql") as services,
    ):
        check_half_evicted(services, store)
        assert store.client.info("stats")["evicted_keys"] > 0
