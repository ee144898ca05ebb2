"""MariaDB or Redis killed, frozen or emptied: honest answers, and recovery without a restart."""

import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
import requests

from tests.faults.stores import administer, find_mariadb, kill_connections, list_connections
from tests.support.clients import Account, Client, Json, check_problem, register, sign_in
from tests.support.outages import check_not_ready, freeze, kill, wait_until_ready
from tests.support.read_models import bound, read_metric, read_version, wait_until, wait_until_standing
from tests.support.stacks import Stack, start_stack

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "2"}
SERVICES = ("AUTH_URL", "BOOKS_URL")
IN_BACKGROUND = ("usage of the stores, count connections: ", "projector: ")  # what asks MariaDB again and again


@pytest.fixture
def own(own_settings: dict[str, str]) -> Stack:
    """The stack of this module, whole again at the start of each test."""
    started = start_stack(own_settings)
    for key in SERVICES:
        wait_until_ready(started[key], 5)
    return started


@pytest.fixture
def signed_in(own: Stack) -> tuple[Account, Json]:
    """A new account and the tokens of a session of it; the read model stands."""
    account = register(own["AUTH_URL"])
    pair = sign_in(own["AUTH_URL"], account)
    with Client(own["BOOKS_URL"], pair["access_token"]) as books:
        wait_until_standing(books)
    return account, pair


def check_503(client: Client, *calls: tuple[str, str, Json | None]) -> None:
    """Assert that every call is refused with 503, within twice the two seconds that a long form asserts."""
    for method, path, body in calls:
        started = time.monotonic()
        check_problem(client.request(method, path, json=body), 503)
        assert time.monotonic() - started < 4, path


def check_recovered(before: Stack, after: Stack, account: Account) -> None:
    """Assert that the same service processes serve again, wholly."""
    assert [after[key] for key in ("AUTH_PID", "BOOKS_PID")] == [before[key] for key in ("AUTH_PID", "BOOKS_PID")]
    for key in SERVICES:
        wait_until_ready(after[key], 5)
    for _ in range(10):
        token = sign_in(after["AUTH_URL"], account)["access_token"]
        with Client(after["BOOKS_URL"], token) as books:
            assert books.get("/api/books", headers={"Cache-Control": "no-cache"}).status_code == 200


def check_without_mariadb(own: Stack, account: Account, token: str) -> None:
    """Assert what the services owe while MariaDB cannot be reached."""
    for key in SERVICES:
        check_not_ready(own[key], database="down", redis="ok")
    right = {"username": account.username, "password": account.password}
    with Client(own["AUTH_URL"]) as auth, Client(own["BOOKS_URL"], token) as books:
        check_503(auth, ("POST", "/login", right), ("POST", "/login", {**right, "password": "not the password"}))
        check_503(auth, ("POST", "/login", {**right, "username": "nobody.at.all"}))
        path = "/api/books/9780306406157"
        check_503(books, ("PATCH", path, {"stock": 1}), ("DELETE", path, None))
        for query in ("/api/books", "/api/books?genre=Fiction", "/api/books/9780307474728"):
            assert read_version(books.get(query)) is not None  # the read model goes on


def test_mariadb_killed_is_told_and_survived(
    own: Stack, own_settings: dict[str, str], signed_in: tuple[Account, Json]
) -> None:
    account, pair = signed_in
    kill(own["DB_PID"])
    check_without_mariadb(own, account, pair["access_token"])
    check_recovered(own, start_stack(own_settings), account)
    with Client(own["BOOKS_URL"], pair["access_token"]) as books:
        assert books.get("/api/books").status_code == 200


def test_mariadb_frozen_is_told_and_survived(own: Stack, signed_in: tuple[Account, Json]) -> None:
    account, pair = signed_in
    with freeze(own["DB_PID"]):
        check_without_mariadb(own, account, pair["access_token"])
    check_recovered(own, own, account)


def test_mariadb_that_refuses_the_services_is_told_and_survived(
    own: Stack, own_settings: dict[str, str], signed_in: tuple[Account, Json]
) -> None:
    account, pair = signed_in
    mariadb, log = find_mariadb(own), Path(own_settings["STACK_DIR"]) / "books.log"
    logged, workers = len(log.read_text()), int(own_settings["BOOKS_WORKERS"])

    def list_told() -> list[tuple[str, str]]:  # the worker, and its words about what it does in the background
        return re.findall(r" (\d+) WARNING - (.*)", log.read_text()[logged:])

    def is_told_by_each(work: str) -> bool:
        return len({worker for worker, words in list_told() if words.startswith(work) and "1045" in words}) == workers

    change = "ALTER USER 'libros'@'127.0.0.1' IDENTIFIED BY '{}';"
    administer(mariadb, change.format("another"))
    try:
        kill_connections(mariadb, list_connections(mariadb))
        check_without_mariadb(own, account, pair["access_token"])
        wait_until(lambda: math.isnan(read_metric(own, own["BOOKS_URL"], "db_connections")), 5, "none is counted")
        wait_until(lambda: all(map(is_told_by_each, IN_BACKGROUND)), 5, "each worker tells it of all its work")
        time.sleep(2)  # in which what is told each time would be told again
    finally:
        administer(mariadb, change.format(own["DB_PASSWORD"]))
    check_recovered(own, own, account)
    wait_until(lambda: read_metric(own, own["BOOKS_URL"], "db_connections") >= 1, 5, "they are counted again")
    assert "Traceback" not in log.read_text()[logged:]
    assert len(list_told()) == len(set(list_told()))  # once, not each second


def test_a_frozen_mariadb_makes_no_healthy_redis_look_down(own: Stack, signed_in: tuple[Account, Json]) -> None:
    def ask(number: int) -> tuple[float, int, Json]:
        started = time.monotonic()
        answer = requests.get(f"{own[SERVICES[number % 2]]}/ready", timeout=10)
        return time.monotonic() - started, answer.status_code, answer.json()

    with freeze(own["DB_PID"]), ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(80)))
    assert {(status, body["database"], body["redis"]) for _, status, body in answers} == {(503, "down", "ok")}
    assert max(seconds for seconds, _, _ in answers) < bound(1)
    for key in SERVICES:
        wait_until_ready(own[key], 1)


def check_without_redis(own: Stack, account: Account, pair: Json) -> None:
    """Assert that nothing is accepted while Redis cannot be asked."""
    for key in SERVICES:
        check_not_ready(own[key], database="ok", redis="down")
    login = {"username": account.username, "password": account.password}
    with Client(own["AUTH_URL"], pair["access_token"]) as auth, Client(own["BOOKS_URL"], pair["access_token"]) as books:
        check_503(auth, ("GET", "/me", None), ("GET", "/token/status", None), ("POST", "/login", login))
        check_503(auth, ("POST", "/logout", None), ("POST", "/logout/all", None))
        check_503(books, ("GET", "/api/books", None), ("GET", "/api/books/9780306406157", None))
        check_503(books, ("DELETE", "/api/books/9780306406157", None))
    with Client(own["AUTH_URL"], pair["refresh_token"]) as auth:
        check_503(auth, ("POST", "/refresh", None), ("POST", "/logout", None))


def test_redis_killed_fails_closed_and_recovers(
    own: Stack, own_settings: dict[str, str], signed_in: tuple[Account, Json]
) -> None:
    account, pair = signed_in
    kill(own["REDIS_PID"])
    check_without_redis(own, account, pair)
    check_recovered(own, start_stack(own_settings), account)


def test_redis_frozen_fails_closed_and_recovers(own: Stack, signed_in: tuple[Account, Json]) -> None:
    account, pair = signed_in
    with freeze(own["REDIS_PID"]):
        check_without_redis(own, account, pair)
    check_recovered(own, own, account)


def test_a_refresh_that_redis_did_not_answer_says_that_it_may_have_taken_the_token(
    own: Stack, signed_in: tuple[Account, Json]
) -> None:
    with Client(own["AUTH_URL"], signed_in[1]["refresh_token"]) as auth:
        with freeze(own["REDIS_PID"]):
            answer = auth.post("/refresh")
        check_problem(answer, 503)
        assert answer.json()["detail"].endswith("if the next try answers 401, sign in again.")


def test_redis_emptied_ends_every_session(own: Stack, signed_in: tuple[Account, Json]) -> None:
    account, pair = signed_in
    with redis.Redis.from_url(own["REDIS_URL"]) as store:
        store.flushall()
    with Client(own["AUTH_URL"], pair["access_token"]) as auth, Client(own["BOOKS_URL"], pair["access_token"]) as books:
        check_problem(auth.get("/me"), 401)
        check_problem(books.get("/api/books"), 401)
        check_problem(auth.post("/refresh", headers={"Authorization": f"Bearer {pair['refresh_token']}"}), 401)
    check_recovered(own, own, account)


def test_a_revoked_token_stays_dead_when_redis_comes_back(
    own: Stack, own_settings: dict[str, str], signed_in: tuple[Account, Json]
) -> None:
    account, pair = signed_in
    with Client(own["AUTH_URL"], pair["access_token"]) as auth:
        assert auth.post("/logout").status_code == 204
        kill(own["REDIS_PID"])
        after = start_stack(own_settings)
        check_recovered(own, after, account)
        check_problem(auth.get("/me"), 401)
