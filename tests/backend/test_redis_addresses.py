"""Both services on a Redis under TLS, over a socket, and as a user of its own: all works, and waits are as short."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients import Account, Client, check_problem, register, sign_in
from tests.support.outages import check_not_ready, freeze, wait_until_ready
from tests.support.read_models import read_version, wait_until_standing
from tests.support.redis_addresses import Addresses, run_redis_with_addresses
from tests.support.session_checks import rotate
from tests.support.stacks import Stack
from tests.support.weak_builds import Services, run_build

REFUSED_WITHIN_S = 1.5  # a log-in asks Redis twice, and each wait for it may last 0.2 s


@pytest.fixture(scope="module")
def addresses(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The Redis of this module."""
    with run_redis_with_addresses(stack, tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module", params=["TLS", "a socket", "a user"])
def services(
    stack: Stack, addresses: Addresses, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Services]:
    """Both services on that Redis, by each way to it in turn."""
    folder = tmp_path_factory.mktemp("services") / "build"
    with run_build(stack, folder, REDIS_URL=addresses.urls[request.param]) as services:
        yield services


def use_all(services: Services, account: Account) -> None:
    """Assert that a log-in, queries of both stores, a refresh, a look at the account and a log-out work."""
    pair = rotate(services, sign_in(services.auth, account))
    with Client(services.auth, pair["access_token"]) as auth, Client(services.books, pair["access_token"]) as books:
        wait_until_standing(books)
        assert read_version(books.get("/api/books?genre=Fiction")) is not None
        assert books.get("/api/books", headers={"Cache-Control": "no-cache"}).status_code == 200
        assert auth.get("/me").json()["username"] == account.username
        assert auth.post("/logout").status_code == 204
        check_problem(books.get("/api/books"), 401)


def test_everything_works(services: Services, addresses: Addresses, request: pytest.FixtureRequest) -> None:
    use_all(services, register(services.auth))
    for url in (services.auth, services.books):
        assert requests.get(f"{url}/ready", timeout=10).status_code == 200
    used = {str(each["db"]) for each in addresses.store.client.client_list() if each["user"] == "reader"}
    assert used == {addresses.urls[request.node.callspec.params["services"]].partition("?ssl")[0][-1]}


def test_connections_that_redis_closed_are_opened_anew_unseen(services: Services, addresses: Addresses) -> None:
    account = register(services.auth)
    for _ in range(5):
        assert addresses.store.client.client_kill_filter(_type="normal", skipme=True) > 0
        use_all(services, account)


def test_a_frozen_redis_is_waited_for_as_shortly(services: Services, addresses: Addresses) -> None:
    account = register(services.auth)
    pair = sign_in(services.auth, account)
    login = {"username": account.username, "password": account.password}
    with Client(services.auth, pair["refresh_token"]) as auth, Client(services.books, pair["access_token"]) as books:
        wait_until_standing(books)
        with freeze(addresses.store.pid):
            for client, method, path, body in (
                (books, "GET", "/api/books", None), (auth, "POST", "/login", login), (auth, "POST", "/refresh", None)
            ):  # fmt: skip
                started = time.monotonic()
                check_problem(client.request(method, path, json=body), 503)
                assert time.monotonic() - started < REFUSED_WITHIN_S, path
            check_not_ready(services.books, database="ok", redis="down")
    for url in (services.auth, services.books):
        wait_until_ready(url, 5)
    use_all(services, account)


def test_the_metrics_say_whether_redis_is_spoken_to_under_tls(
    services: Services, stack: Stack, request: pytest.FixtureRequest
) -> None:
    token = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}
    encryption = "verify" if request.node.callspec.params["services"] == "TLS" else "off"
    for url in (services.auth, services.books):
        assert f'redis_tls="{encryption}"' in requests.get(f"{url}/metrics", headers=token, timeout=10).text


def test_no_password_stands_in_a_log(services: Services, tmp_path_factory: pytest.TempPathFactory) -> None:
    logs = list(Path(tmp_path_factory.getbasetemp()).glob("services*/build/*.log"))
    assert logs and not [log for log in logs if "p%23" in log.read_text() or "p#" in log.read_text()]
