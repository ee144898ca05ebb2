"""How long a session lives: SESSION_TTL ends it however often it is refreshed, and taking its user's set out of Redis
ends it at once, as is needed for a user who is deleted in SQL.
"""

import time
from pathlib import Path

from tests.support.clients import Account, Json, register, sign_in
from tests.support.read_models import connect_to_redis, wait_until
from tests.support.session_checks import check_alive, check_dead, keys_of, list_uses, read_claims, refresh, rotate
from tests.support.stacks import Stack, connect_to_mariadb
from tests.support.weak_builds import list_own, run_build

LIFE_S = 3


def test_a_session_ends_after_its_longest_life_however_often_it_is_refreshed(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path / "build", only="auth", SESSION_TTL=str(LIFE_S)) as services:
        account = register(services.auth)
        started = time.monotonic()
        pairs: list[Json] = [sign_in(services.auth, account)]
        time.sleep(1.2)
        pairs.append(rotate(services, pairs[0]))
        if time.monotonic() - started < LIFE_S - 1:
            check_alive(services, pairs[1])
        wait_until(lambda: list_uses(services, pairs[1]) == [], LIFE_S, "the session has ended")
        assert time.monotonic() - started > LIFE_S - 1.1  # the times of tokens are whole seconds
        assert refresh(services, pairs[1]).status_code == 401
        check_dead(services, pairs)


def test_no_token_outlives_its_session(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path / "build", only="auth", SESSION_TTL="60") as services:
        pair = sign_in(services.auth, register(services.auth))
        ends = time.time() + 60
        for each in (pair, rotate(services, pair)):
            assert 0 < each["expires_in"] <= 60
            assert all(read_claims(each[name])["exp"] <= ends for name in ("access_token", "refresh_token"))


def test_a_session_that_is_not_refreshed_ends_with_its_refresh_token(stack: Stack, pair: Json) -> None:
    lifetime = read_claims(pair["refresh_token"])["exp"] - read_claims(pair["refresh_token"])["iat"]
    with connect_to_redis(stack) as store:
        renewed = rotate(list_own(stack), pair)
        assert lifetime - 5 < int(str(store.ttl(keys_of(renewed)[0]))) <= lifetime


def delete_user(stack: Stack, account: Account) -> None:
    """Delete a user's row past the services."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", (account.id,))


def test_a_user_deleted_in_sql_lives_on_until_the_set_of_sessions_is_taken_out_of_redis(
    stack: Stack, account: Account, pair: Json
) -> None:
    services = list_own(stack)
    delete_user(stack, account)
    renewed = rotate(services, pair)
    check_alive(services, renewed)
    with connect_to_redis(stack) as store:
        store.delete(f"sessions_of:{account.id}")
    check_dead(services, [pair, renewed])
