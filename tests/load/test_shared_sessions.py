"""The sessions that a load keeps alive: of an account that has gone, beside a service that is down, and after it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import gevent
import pytest

from load.client.accounts import Account, read_accounts
from load.client.sessions import read_sessions
from load.client.sign_in import ensure_sessions
from load.run.shared_sessions import SharedSessions, plan_refreshes
from tests.faults.proxy import Proxy, run_proxy
from tests.support.clients import Client
from tests.support.scripts import run_script
from tests.support.stacks import Stack, connect_to_mariadb, start_stack

LIFE_S = 10
STACK_SETTINGS = {"ACCESS_TOKEN_TTL": str(LIFE_S)}
HOST = "http://127.0.0.1"


@pytest.fixture(scope="module")
def near(own_settings: dict[str, str]) -> Stack:
    """A stack whose tokens are good for a few seconds."""
    return start_stack(own_settings)


@pytest.fixture
def accounts(near: Stack, tmp_path: Path) -> list[Account]:
    """Twenty accounts that are registered and not signed in."""
    for name, *arguments in (["create_users_csv.py", "--count", "20"], ["register_users.py"]):
        assert run_script(name, *arguments, folder=tmp_path, stack=near).returncode == 0
    return read_accounts(tmp_path / "users.csv")


@contextmanager
def keep_alive(auth_url: str, accounts: list[Account], folder: Path) -> Iterator[SharedSessions]:
    """Keep the sessions of accounts alive during the block, as a load does that has users."""
    shared = SharedSessions(auth_url, accounts, folder / "sessions.json", True, lambda: True)
    shared.begin("", lambda done, total: None)
    try:
        yield shared
    finally:
        shared.end()


def remove_account(stack: Stack, account: Account, token: str) -> None:
    """End an account and its session."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE username = %s", (account.username,))
    with Client(stack["AUTH_URL"], token) as auth:
        assert auth.post("/logout").status_code == 204


def test_an_account_that_has_gone_keeps_no_other_from_its_next_token(
    near: Stack, accounts: list[Account], tmp_path: Path
) -> None:
    _, batch, _ = plan_refreshes(len(accounts), LIFE_S)
    gone = range(batch + 1)  # more than a batch of them, and the first ones
    with keep_alive(near["AUTH_URL"], accounts, tmp_path) as shared:
        for number in gone:
            remove_account(near, accounts[number], shared.token(number))
        gevent.sleep(1.5 * LIFE_S)
        tokens = [shared.token(number) for number in range(len(accounts))]
    statuses = []
    for token in tokens:
        with Client(near["AUTH_URL"], token) as auth:
            statuses.append(auth.get("/me").status_code)
    assert statuses == [401 if number in gone else 200 for number in range(len(accounts))]


def test_a_service_that_does_not_answer_keeps_no_run_against_another_waiting(
    near: Stack, accounts: list[Account], tmp_path: Path
) -> None:
    path = tmp_path / "sessions.json"
    with run_proxy(int(near["AUTH_URL"].rpartition(":")[2])) as proxy, ThreadPoolExecutor(2) as pool:
        silent_url = f"{HOST}:{proxy.port}"
        proxy.silent = True
        try:
            silent = pool.submit(ensure_sessions, silent_url, accounts[:2], path, label="")
            time.sleep(1)
            other = pool.submit(ensure_sessions, near["AUTH_URL"], accounts[2:4], path, label="")
            sessions, _ = other.result(10)
            assert not silent.done()
        finally:
            proxy.silent = False
        late, _ = silent.result(10)
    assert read_sessions(path) == {near["AUTH_URL"]: sessions, silent_url: late}
    assert {each.name for each in tmp_path.iterdir()} == {"users.csv", "sessions.json"}


class Leaving(Proxy):
    """A proxy whose service can go: then a connection is reset a second after it came."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.has_gone = False
        self.came: list[float] = []

    def choose_port(self) -> int:
        if self.has_gone:
            self.came.append(time.monotonic())
            time.sleep(1)
            raise ConnectionRefusedError
        return super().choose_port()


def test_a_whole_pause_follows_a_round_of_refreshes_that_failed(
    near: Stack, accounts: list[Account], tmp_path: Path
) -> None:
    proxy = Leaving(int(near["AUTH_URL"].rpartition(":")[2]))
    proxy.start()
    try:
        with keep_alive(f"{HOST}:{proxy.port}", accounts[:1], tmp_path):
            proxy.has_gone = True
            gevent.sleep(LIFE_S + 3)
    finally:
        proxy.stop()
    pause, *_ = plan_refreshes(1, LIFE_S)
    waited = [after - before - 1 for before, after in pairwise(proxy.came)]
    assert len(waited) > 1 and min(waited) > pause - 0.05
