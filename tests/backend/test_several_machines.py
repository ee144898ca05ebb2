"""Two auth and two books services over the same stores keep what one of each promises: sessions, log-ins and books.

Each check is seen to fail on a build of the second machine without what it guards, where one machine alone would not
show it.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support.books_services import list_workers
from tests.support.clients import Account, Client, Json, ask_at_once, check_problem, register, sign_in
from tests.support.projector_runs import check_verified
from tests.support.read_models import (
    NO_CACHE,
    STANDS_AGAIN_S,
    connect_to_redis,
    read_version,
    wait_until,
    wait_until_standing,
)
from tests.support.session_checks import (
    USES_AT_ONCE,
    check_alive,
    check_dead,
    check_logout,
    check_races_of_refresh_and_logout,
    refresh,
    rotate,
)
from tests.support.shelf import make_book
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, list_own, run_build

TTL = {"ACCESS_TOKEN_TTL": "7200"}  # as that of the stack: machines that share the data have the same settings
WRITES = 40
LEFT_TO_THE_PROJECTOR: Change = ("event is not None and settings().read_model", "False and settings().read_model")
KEYS_OF_ITS_OWN: Change = ("[(CLAIM_KEY, (user_id, key, digest))]", '[(CLAIM_KEY, (user_id, f"{key}-2", digest))]')


@pytest.fixture(scope="module")
def a(model_stack: Stack) -> Services:
    """The first machine: the services of the stack."""
    return list_own(model_stack)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the second machine, in which its logs are."""
    return tmp_path_factory.mktemp("machine") / "b"


@pytest.fixture(scope="module")
def b(model_stack: Stack, build: Path) -> Iterator[Services]:
    """The second machine: other processes on other ports, over the same stores."""
    with run_build(model_stack, build, workers="2", **TTL) as services:
        yield services


@pytest.fixture
def mixed(a: Services, b: Services) -> list[Services]:
    """What two requests of one client may meet behind a balancer: auth of one machine, books of the other."""
    return [a._replace(books=b.books), b._replace(books=a.books)]


@pytest.fixture
def on_a(a: Services, token: str) -> Iterator[Client]:
    """A client of the first books service, whose read model stands."""
    with Client(a.books, token) as client:
        wait_until_standing(client)
        yield client


@pytest.fixture
def on_b(b: Services, token: str) -> Iterator[Client]:
    """The same client at the second books service."""
    with Client(b.books, token) as client:
        wait_until_standing(client)
        yield client


def test_a_log_in_at_one_machine_opens_everything_on_both(mixed: list[Services]) -> None:
    for services in mixed:
        pair = sign_in(services.auth, register(services.auth))
        for each in mixed:
            check_alive(each, pair)


@pytest.mark.parametrize(
    ("path", "use"), [("/logout", "access_token"), ("/logout", "refresh_token"), ("/logout/all", "access_token")]
)
def test_a_log_out_at_one_machine_is_felt_at_once_on_the_other(mixed: list[Services], path: str, use: str) -> None:
    for services in mixed:
        check_logout(services, path, use)


def test_a_session_goes_on_by_refreshes_at_either_machine_and_a_replay_at_the_other_ends_it(
    a: Services, b: Services
) -> None:
    account = register(a.auth)
    other, pairs = sign_in(b.auth, account), [sign_in(a.auth, account)]
    for services in (b, a, b, a):
        pairs.append(rotate(services, pairs[-1]))
    check_alive(b, pairs[-1])
    assert refresh(b, pairs[-2]).status_code == 401, "a refresh token that was used at a works again at b"
    for services in (a, b):
        check_dead(services, pairs)
        check_alive(services, other)


def test_of_many_uses_of_a_refresh_token_at_once_on_both_machines_one_gives_a_pair(a: Services, b: Services) -> None:
    pair = sign_in(a.auth, register(a.auth))
    answers = ask_at_once([partial(refresh, services, pair) for services in (a, b) for _ in range(USES_AT_ONCE // 2)])
    given = [dict(answer.json()) for answer in answers if answer.status_code == 200]
    assert len(given) == 1
    assert [answer.status_code for answer in answers].count(401) == USES_AT_ONCE - 1
    for services in (a, b):
        check_dead(services, [pair, *given])


def test_a_refresh_at_one_machine_and_a_log_out_at_the_other_leave_no_usable_token(mixed: list[Services]) -> None:
    for services in mixed:
        check_races_of_refresh_and_logout(services, 10)


def test_failed_log_ins_at_both_machines_count_together(a: Services, b: Services) -> None:
    account = register(a.auth)
    for number in range(10):
        assert log_in(a if number % 2 else b, account, "not the password").status_code == 401
    for services in (a, b):
        check_problem(log_in(services, account, account.password), 429)


def log_in(services: Services, account: Account, password: str) -> requests.Response:
    """Log in with some password."""
    body = {"username": account.username, "password": password}
    return requests.post(f"{services.auth}/login", json=body, timeout=10)


def check_own_writes(writer: Client, reader: Client) -> None:
    """Assert that what is written at one machine is read at another as soon as it was answered."""
    for _ in range(WRITES):
        book = make_book()
        path, mine = f"/api/books/{book['isbn']}", f"/api/books?author={secrets.token_hex(8)}"
        book["authors"] = [mine.rpartition("=")[2]]
        assert writer.post("/api/books", json=book).status_code == 201
        check_seen(reader, path, stock=book["stock"], version=1)
        assert [each["isbn"] for each in reader.get(mine).json()["items"]] == [book["isbn"]], "a list is stale"
        assert writer.patch(path, json={"stock": 99}).status_code == 200
        check_seen(reader, path, stock=99, version=2)
        assert writer.delete(path).status_code == 204
        assert reader.get(path).status_code == 404, "a deleted book is shown"
        assert reader.get(mine).json()["items"] == [], "a list is stale"


def check_seen(reader: Client, path: str, **fields: Any) -> None:
    """Assert that a book is read as it is, from the read model."""
    answer = reader.get(path)
    assert answer.status_code == 200, f"a new book is not there: {answer.text}"
    assert read_version(answer) is not None, "MariaDB answered"
    assert fields.items() <= answer.json().items(), "a book is stale"


def test_what_is_written_at_one_machine_is_read_at_the_other_at_once(on_a: Client, on_b: Client) -> None:
    check_own_writes(on_a, on_b)
    check_own_writes(on_b, on_a)


def test_the_check_of_own_writes_fails_where_a_machine_leaves_its_writes_to_the_projector(
    model_stack: Stack, on_a: Client, token: str, tmp_path: Path
) -> None:
    with (
        run_build(model_stack, tmp_path / "weak", LEFT_TO_THE_PROJECTOR, only="books", **TTL) as weak,
        Client(weak.books, token) as writer,
        pytest.raises(AssertionError, match=r"a new book is not there|is stale|is shown"),
    ):
        wait_until_standing(writer)
        check_own_writes(writer, on_a)


def check_one_key(first: Client, second: Client) -> None:
    """Assert that one Idempotency-Key sent to two machines has its effect once, one after the other and at once."""
    book, key = make_book(), {"Idempotency-Key": secrets.token_hex(12)}
    made = first.post("/api/books", json=book, headers=key)
    again = second.post("/api/books", json=book, headers=key)
    assert (made.status_code, again.status_code, again.json()) == (201, 201, made.json()), "not the first answer"
    assert again.headers.get("Idempotent-Replayed") == "true"
    check_problem(second.post("/api/books", json={**book, "stock": 8}, headers=key), 422)
    book, key = make_book(), {"Idempotency-Key": secrets.token_hex(12)}
    answers = ask_at_once([partial(each.post, "/api/books", json=book, headers=key) for each in (first, second) * 5])
    assert [each.status_code for each in answers] == [201] * 10
    assert sorted(each.headers.get("Idempotent-Replayed", "") for each in answers) == ["", *["true"] * 9]


def test_an_idempotency_key_sent_to_both_machines_is_done_once(on_a: Client, on_b: Client) -> None:
    check_one_key(on_a, on_b)
    check_one_key(on_b, on_a)


def test_the_check_of_keys_fails_where_a_machine_keeps_its_own(
    model_stack: Stack, on_a: Client, token: str, tmp_path: Path
) -> None:
    with (
        run_build(model_stack, tmp_path / "weak", KEYS_OF_ITS_OWN, only="books", **TTL) as weak,
        Client(weak.books, token) as other,
        pytest.raises(AssertionError, match="not the first answer"),
    ):
        check_one_key(on_a, other)


def test_a_lost_read_model_is_built_by_one_process_of_all_machines(
    model_settings: dict[str, str], model_stack: Stack, on_a: Client, on_b: Client, build: Path
) -> None:
    logs = [Path(model_settings["STACK_DIR"]) / "books.log", build / "books.log"]

    def count_rebuilds() -> int:
        return sum(log.read_text().count("read model: building generation") for log in logs)

    for _ in range(3):
        before = count_rebuilds()
        with connect_to_redis(model_stack) as store:
            store.delete("catalogue")
        wait_until(lambda: count_rebuilds() > before, STANDS_AGAIN_S, "a rebuild has begun")  # noqa: B023
        for client in (on_a, on_b):
            wait_until_standing(client)
        time.sleep(1.5)  # several passes of every projector
        assert count_rebuilds() == before + 1
    check_verified(model_stack)


def kill_machine(services: Services) -> None:
    """Kill all processes of a machine at once, masters first: they would begin new workers."""
    masters = [psutil.Process(pid) for pid in (services.auth_pid, services.books_pid)]
    workers = [worker for master in masters for worker in list_workers(master.pid)]
    for process in [*masters, *workers]:
        process.kill()


def test_a_machine_that_is_killed_leaves_the_other_at_work_with_all_that_it_had_acknowledged(
    model_stack: Stack, a: Services, on_a: Client, token: str, tmp_path: Path
) -> None:
    acknowledged: list[Json] = []
    with run_build(model_stack, tmp_path / "b", workers="2", **TTL) as b, Client(b.books, token) as on_b:
        pair = sign_in(b.auth, register(b.auth))
        wait_until_standing(on_b)

        def write() -> None:
            while True:
                book = make_book()
                try:
                    answer = on_b.post("/api/books", json=book)
                except requests.ConnectionError:
                    return
                assert answer.status_code == 201
                acknowledged.append(book)

        writing = threading.Thread(target=write)
        writing.start()
        time.sleep(1)
        kill_machine(b)
        writing.join(20)
        assert not writing.is_alive() and len(acknowledged) > 20
        check_alive(a, pair)  # a session that the dead machine began
        renewed = rotate(a, pair)
        for book in acknowledged:
            for headers in ({}, NO_CACHE):
                answer = on_a.get(f"/api/books/{book['isbn']}", headers=headers)
                assert (answer.status_code, answer.json()["title"]) == (200, book["title"])
    check_verified(model_stack)
    check_alive(a, renewed)
    for book in acknowledged:
        assert on_a.delete(f"/api/books/{book['isbn']}").status_code == 204
