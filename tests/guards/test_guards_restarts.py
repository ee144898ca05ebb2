"""A used refresh token stays used through a restart of the services, and of a Redis that keeps every write."""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.books_services import list_workers
from tests.support.clients import register, sign_in
from tests.support.own_redis import EVERY_WRITE, SNAPSHOTS, OwnRedis, run_own_redis
from tests.support.read_models import wait_until
from tests.support.session_checks import check_alive, check_dead, list_uses, refresh, rotate
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, run_build

Step = Callable[[], object]
USED_TOKENS_KEPT_BY_THE_PROCESS: tuple[Change, ...] = (
    (
        "if not value or left < 1 or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then",
        "if not value then",
    ),
    (
        "sid, user_id, refresh_jti = claims",
        'if claims["jti"] in USED:\n'
        "        end_session(token)\n"
        "        raise NotAuthenticated\n"
        '    USED.add(claims["jti"])\n'
        "    sid, user_id, refresh_jti = claims",
    ),
    ("def start_session(", "USED: set[str] = set()\n\n\ndef start_session("),
)


@pytest.fixture(scope="module")
def store(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis of this module's own."""
    with run_own_redis(stack, tmp_path_factory.mktemp("redis")) as store:
        yield store


@pytest.fixture(scope="module")
def services(stack: Stack, store: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Both services, on that Redis."""
    with run_build(stack, tmp_path_factory.mktemp("services") / "build", REDIS_URL=store.url) as services:
        yield services


def check_replay_after_restart(services: Services, restart: Step, after_login: Step = lambda: None) -> None:
    """Assert that a refresh token which was used before a restart ends its session after it, and no other one."""
    account = register(services.auth)
    other, first = sign_in(services.auth, account), sign_in(services.auth, account)
    after_login()
    last = rotate(services, rotate(services, rotate(services, rotate(services, first))))
    restart()
    wait_until(lambda: len(list_uses(services, other)) == 5, 20, "the services serve again")
    check_alive(services, last)
    assert refresh(services, first).status_code == 401, "a used refresh token works again after a restart"
    check_dead(services, [first, last])
    check_alive(services, other)


def have_ended(processes: list[psutil.Process]) -> bool:
    """Tell whether none of these processes runs any more."""
    return not any(each.is_running() for each in processes)


def restart_services(*masters: int) -> None:
    """Have Gunicorn replace every worker by a new process, and wait until the last old one is gone."""
    for master in masters:
        old = list_workers(master)
        os.kill(master, signal.SIGHUP)
        wait_until(partial(have_ended, old), 60, "the workers are new")


def restart_redis(store: OwnRedis, persistence: tuple[str, ...]) -> None:
    """Kill Redis and start it again with what it has kept."""
    store.kill()
    store.start(persistence)


def test_a_used_refresh_token_stays_used_after_a_restart_of_the_services(services: Services) -> None:
    check_replay_after_restart(services, partial(restart_services, services.auth_pid, services.books_pid))


def test_a_used_refresh_token_stays_used_after_a_restart_of_redis(services: Services, store: OwnRedis) -> None:
    check_replay_after_restart(services, partial(restart_redis, store, EVERY_WRITE))


def test_the_check_fails_where_the_process_keeps_what_was_used(
    stack: Stack, services: Services, store: OwnRedis, tmp_path: Path
) -> None:
    changes = USED_TOKENS_KEPT_BY_THE_PROCESS
    with run_build(stack, tmp_path / "build", *changes, only="auth", REDIS_URL=store.url) as weak:
        mixed = weak._replace(books=services.books)
        check_replay_after_restart(mixed, lambda: None)
        with pytest.raises(AssertionError, match="works again after a restart"):
            check_replay_after_restart(mixed, partial(restart_services, weak.auth_pid))


def test_the_check_fails_where_redis_comes_back_with_an_older_snapshot(services: Services, store: OwnRedis) -> None:
    restart_redis(store, SNAPSHOTS)
    restart = partial(restart_redis, store, SNAPSHOTS)
    with pytest.raises(AssertionError, match="works again after a restart"):
        check_replay_after_restart(services, restart, after_login=store.client.save)
