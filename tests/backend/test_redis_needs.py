"""What the services need of Redis: a start without it is refused by name, and what may lose keys is warned of."""

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.stores.redis_needs import KEY, TRIALS
from tests.support.own_redis import SNAPSHOTS, OwnRedis, run_own_redis
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack

APPS = ["app_jwt_redis:app", "microservicioCQRSRedis:app"]
PASSWORD = "a-secret-of-the-test"
# Metrics do without the first two, the next three have words, and the last two open a connection.
WITHOUT_NEED = {"DBSIZE", "INFO", "CONFIG", "HELLO", "SCRIPT", "AUTH", "SELECT"}


@pytest.fixture(scope="module")
def store(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis of this module's own."""
    with run_own_redis(stack, tmp_path_factory.mktemp("redis"), *SNAPSHOTS) as store:
        yield store


def start(app: str, url: str) -> "subprocess.Popen[str]":
    """Start a service on that Redis, without a MariaDB, on a port that the system picks."""
    settings = {"DB_USER": "libros", "DB_PORT": "1", "JWT_SECRET": secrets.token_urlsafe(48), "REDIS_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", app],
        cwd=PROJECT, env=choose_environment(None, **settings), text=True, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def read_refusal(app: str, url: str) -> str:
    """Return the one line with which a service refuses to start."""
    service = start(app, url)
    try:
        _, text = service.communicate(timeout=60)
    finally:
        service.kill()
    assert service.returncode not in (0, None)
    assert "Traceback" not in text and PASSWORD not in text
    return text.strip().splitlines()[-1]


def read_start(url: str) -> str:
    """Return what a service says until it starts its first worker."""
    service, seen = start(APPS[1], url), ""
    assert service.stderr is not None
    try:
        for line in service.stderr:
            seen += line
            if "Booting worker" in line:
                break
    finally:
        service.terminate()
        service.communicate(timeout=60)
    assert PASSWORD not in seen
    return seen


def give_rights(store: OwnRedis, *rights: str) -> str:
    """Return the address of that Redis for a user with these rights."""
    ask: Any = store.client.execute_command
    ask("ACL", "SETUSER", "tested", "reset", "on", f">{PASSWORD}", "~*", "&*", *rights)
    return store.url.replace("//", f"//tested:{PASSWORD}@")


@pytest.mark.parametrize(
    ("right", "named"),
    [
        ("-eval", "EVAL"),
        ("-evalsha", "EVALSHA"),
        ("-scan", "SCAN"),
        ("-zinter", "ZINTER"),
        ("-@sortedset", "ZADD, ZREM, ZCARD"),
        ("-@dangerous -script", "INFO, or else SCRIPT LOAD and SCRIPT EXISTS"),
    ],
)
def test_a_right_that_is_missing_is_named_at_the_start(store: OwnRedis, right: str, named: str) -> None:
    line = read_refusal(APPS[1], give_rights(store, "+@all", *right.split()))
    assert line.startswith("The service does not start: the Redis of REDIS_URL ")
    assert re.search(rf"\b{named}\b", line), line
    assert "docs/cqrs.md" in line


@pytest.mark.parametrize("app", APPS)
def test_a_replica_is_refused_at_the_start(stack: Stack, store: OwnRedis, app: str, tmp_path: Path) -> None:
    with run_own_redis(stack, tmp_path, *SNAPSHOTS, "--replicaof", "127.0.0.1", store.port) as replica:
        assert "is a replica, which takes no writes" in read_refusal(app, replica.url)


@pytest.mark.parametrize("rights", [("+@all",), ("+@all", "-@dangerous")])
def test_a_start_with_all_that_is_needed_leaves_nothing_behind(store: OwnRedis, rights: tuple[str, ...]) -> None:
    assert "does not start" not in read_start(give_rights(store, *rights))
    assert not store.client.exists(KEY)


@pytest.mark.parametrize(
    ("policy", "warned", "rights"),
    [
        ("noeviction", False, ("+@all",)),
        ("allkeys-lru", True, ("+@all",)),
        ("volatile-ttl", True, ("+@all", "-info")),
    ],
)
def test_a_policy_that_evicts_keys_is_warned_of_by_name(
    store: OwnRedis, policy: str, warned: bool, rights: tuple[str, ...]
) -> None:
    store.client.config_set("maxmemory-policy", policy)
    said = read_start(give_rights(store, *rights))
    assert (f"maxmemory-policy is {policy}" in said) is warned
    assert "cannot be seen" not in said


def test_that_the_policy_cannot_be_seen_is_said(store: OwnRedis) -> None:
    assert "whether it evicts keys cannot be seen" in read_start(give_rights(store, "+@all", "-@dangerous"))


@pytest.mark.parametrize(
    ("save", "appendonly", "appendfsync", "warned"),
    [("", "no", "everysec", False), ("3600 1", "no", "everysec", True), ("", "yes", "everysec", True),
     ("3600 1", "yes", "always", False)],
)  # fmt: skip
def test_a_redis_that_may_bring_back_an_older_state_is_warned_of(
    store: OwnRedis, save: str, appendonly: str, appendfsync: str, warned: bool
) -> None:
    try:
        for name, value in (("save", save), ("appendonly", appendonly), ("appendfsync", appendfsync)):
            store.client.config_set(name, value)
        assert ("it brings back an older state" in read_start(store.url)) is warned
        assert "older state" not in read_start(give_rights(store, "+@all", "-config"))
    finally:
        store.client.config_set("appendonly", "no")
        store.client.config_set("save", "")


def find_commands() -> set[str]:
    """Return the commands of Redis that the code of the services names where it sends one."""
    text = "".join(path.read_text() for path in (PROJECT / "backend").rglob("*.py") if path.name != "redis_needs.py")
    calls = (r"redis\.p?call\(", r"\bask(?:_once|_map)?\(", r"_scan\(", r"exchange\(\(")
    return set(re.findall(rf"""(?:{"|".join(calls)})['"]([A-Z]+)['"]""", text))


def test_every_command_that_is_sent_is_tried_at_the_start_and_named_in_the_document() -> None:
    sent = find_commands()
    assert len(sent) > 20
    assert sent - WITHOUT_NEED <= {trial[0] for trial in TRIALS}
    named = set(re.findall(r"\b[A-Z]{3,}\b", (PROJECT / "docs" / "cqrs.md").read_text()))
    assert {str(trial[0]) for trial in TRIALS} | {"HELLO", "INFO", "SCRIPT"} <= named
