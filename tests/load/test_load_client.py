"""What the client of the load sends and what it counts, held against what reached a server that loses answers."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.checks.guarantees import audit_writes
from analysis.records.counts import Counts, count_closed, count_endpoints
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_failure_samples, read_read_back
from analysis.records.results_folder import UNKNOWN, name_endpoint, split_endpoint
from tests.support.faulty_server import ANSWERS, FaultyServer, run_faulty_server
from tests.support.own_users import run_user
from tests.support.records_of_load import (
    add_accounts,
    assert_nothing_raised,
    count_answers,
    read_rows,
    read_totals,
    read_writes,
    remove_books,
    write_run_file,
)
from tests.support.stacks import Stack

METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")
LOST = ("dropped", "reset", "half-headers", "silent")  # before the end of the headers
CUT = ("half", "half-chunked", "half-chunk", "half-zipped", "half-404", "broken-zip", "broken-brotli", "unknown-coding")
EACH = 3
PROBER = f"""
import os
import gevent
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import body_of, expect, send
from load.users.user import LibraryUser

HELD = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]  # as many descriptors as a process of 550 users has

def probe(user):
    def ask(method, name):
        def check(answer):
            expect(answer.status_code == 200, f"{{answer.status_code}} instead of 200")
        send(user, method, f"{{user.load.books_url}}/faults/{{name}}", name, check)
    for method in {METHODS}:
        for name in {(*LOST, "redirect", "see-other", "whole")}:
            ask(method, name)
    for _ in range({EACH}):
        for name in {(*CUT, "no-utf8")}:
            ask("GET", name)
        ask("GET", "idle")
        gevent.sleep(0.2)
        ask("GET", "cookie")
        ask("GET", "whole")
    raise StopUser

install_hooks()

class Prober(LibraryUser):
    network_timeout = 0.3
    tasks = [probe]
"""
BUSY = """
from locust import constant
from load.run.hooks import install_hooks
from load.users.reads import one_book
from load.users.user import LibraryUser
from load.users.writes import add_book, change_book, delete_book

install_hooks()

class BusyUser(LibraryUser):
    think_time = constant(0.05)
    tasks = [one_book, one_book, one_book, add_book, change_book, delete_book]
"""
WRONG = """
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import body_of, send
from load.users.user import LibraryUser

def ask(user):
    for _ in range(3):
        url = f"{user.books}/9780000000002"
        send(user, "GET", url, "no such book", lambda answer: body_of(answer, 200), headers=user.bearer())
    raise StopUser

install_hooks()

class WrongUser(LibraryUser):
    tasks = [ask]
"""
SHARES = {"GET": 10, "POST": 5, "PATCH": 5, "DELETE": 3}  # of so many to the service, the answer to the last gets lost


@pytest.fixture(scope="module")
def server(stack: Stack) -> Iterator[FaultyServer]:
    """The faulty front of the books service."""
    with run_faulty_server(stack["BOOKS_URL"]) as running:
        yield running


@pytest.fixture(scope="module")
def behind(stack: Stack, server: FaultyServer) -> Stack:
    """The stack with the faulty front instead of its books service."""
    return {**stack, "BOOKS_URL": server.url}


@pytest.fixture(scope="module")
def probed(behind: Stack, ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a load of one user who has met each fault."""
    folder = add_accounts(tmp_path_factory.mktemp("probed"), ready)
    run_user(folder, behind, PROBER, "-u", "1", "-t", "4s")
    return folder


def count_kinds(folder: Path, method: str, name: str) -> tuple[int, int, int, int]:
    """Return how many requests were right, wrong, unanswered and shed."""
    found = count_endpoints(read_rows(folder)).get(name_endpoint(method, name), Counts())
    return found.right, found.wrong, found.unanswered, found.shed


def test_no_request_is_sent_more_often_than_it_was_counted(probed: Path, server: FaultyServer) -> None:
    reached = {(m, path.removeprefix("/faults/")): n for (m, path), n in server.reached.items() if "/faults/" in path}
    assert reached == read_totals(probed) == count_answers(read_rows(probed))
    assert {name for _, name in reached} == {*ANSWERS, "reset", "silent"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LOST)
def test_what_is_closed_without_an_answer_is_unanswered(probed: Path, method: str, name: str) -> None:
    assert count_kinds(probed, method, name) == (0, 0, 1, 0)


@pytest.mark.parametrize("name", CUT)
def test_a_body_that_is_cut_off_or_broken_is_no_answer(probed: Path, name: str) -> None:
    assert count_kinds(probed, "GET", name) == (0, 0, EACH, 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_redirect_is_a_wrong_answer_and_not_followed(probed: Path, method: str) -> None:
    assert count_kinds(probed, method, "redirect") == count_kinds(probed, method, "see-other") == (0, 1, 0, 0)


def test_an_error_whose_body_is_no_text_is_counted(probed: Path) -> None:
    assert count_kinds(probed, "GET", "no-utf8") == (0, EACH, 0, 0)
    assert_nothing_raised(probed)


def test_an_idle_connection_that_was_closed_is_opened_again_and_counted_apart(probed: Path) -> None:
    assert count_kinds(probed, "GET", "idle") == count_kinds(probed, "GET", "cookie") == (EACH, 0, 0, 0)
    assert count_closed(read_rows(probed)) == EACH


def test_no_cookie_is_sent_back(probed: Path, server: FaultyServer) -> None:
    assert count_kinds(probed, "GET", "cookie")[0] == EACH
    assert server.cookies == []


def test_the_failures_say_what_broke(probed: Path) -> None:
    with open(probed / "run_failures.csv", newline="", encoding="utf-8") as file:
        said = {(row["Method"], row["Name"]): row["Error"] for row in csv.DictReader(file)}
    assert said["DELETE", "dropped"] == "no answer: HTTPConnectionClosed"
    assert said["GET", "silent"] == "no answer: TimeoutError"
    assert said["GET", "half"] == "no answer: BodyCutOff"
    assert said["GET", "broken-zip"] == "no answer: BodyBroken"
    assert said["GET", "redirect"] == "307 instead of 200"


def test_each_kind_of_failure_has_one_sample_and_no_id_where_no_answer_came(probed: Path) -> None:
    with open(probed / "run_failures.csv", newline="", encoding="utf-8") as file:
        kinds = {(row["Method"], row["Name"], row["Error"]) for row in csv.DictReader(file)}
    samples = read_failure_samples(probed, "run", Gaps())
    assert len(samples) == len(kinds) and {(one.method, one.name, one.text) for one in samples} == kinds
    found = {(sample.method, sample.name): (sample.status, sample.request_id) for sample in samples}
    assert found["DELETE", "dropped"] == found["GET", "silent"] == (None, None)
    assert found["GET", "redirect"] == (307, None)


def test_the_id_of_a_sample_leads_to_the_line_in_the_log_of_the_service(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder = add_accounts(tmp_path, ready)
    run_user(folder, stack, WRONG, "-u", "1", "-t", "1s")
    (sample,) = read_failure_samples(folder, "run", Gaps())
    assert (sample.method, sample.name, sample.status) == ("GET", "no such book", 404)
    log = Path(os.readlink(f"/proc/{stack['BOOKS_PID']}/fd/2")).read_text()
    (line,) = [line for line in log.splitlines() if f" {sample.request_id} " in line]
    assert " GET /api/books/9780000000002 404 " in line


def test_answers_of_the_service_that_get_lost_are_missed_and_no_write_is_called_lost_or_wrong(
    behind: Stack, server: FaultyServer, ready: Path, tmp_path: Path
) -> None:
    asked: Counter[str] = Counter()

    def lose(method: str, path: str) -> bool:
        counts = path.startswith("/api/books") and (method, path) != ("GET", "/api/books")
        asked[method] += counts
        return counts and asked[method] % SHARES[method] == 0

    server.lose = lose
    folder = add_accounts(tmp_path, ready)
    write_run_file(folder, behind)
    run_user(folder, behind, BUSY, "-u", "12", "-r", "12", "-t", "4s")
    server.lose = lambda method, path: False
    remove_books(folder, behind)
    lost = Counter(method for method, _ in server.lost)
    assert lost == {method: asked[method] // share for method, share in SHARES.items()} and min(lost.values()) > 2
    endpoints = count_endpoints(read_rows(folder))
    assert sum(counts.requests for counts in endpoints.values()) == sum(asked.values())
    unanswered: Counter[str] = Counter()
    for name, counts in endpoints.items():
        unanswered[split_endpoint(name)[0]] += counts.unanswered
        assert (counts.wrong, counts.shed) == (0, 0), name
    assert unanswered == lost
    writes = read_writes(folder)
    unknown = [(sent.method, outcome.status) for sent, outcome in writes if outcome and outcome.outcome == UNKNOWN]
    assert {method: unknown.count((method, None)) for method in SHARES} == {**lost, "GET": 0}
    assert audit_writes(writes, read_read_back(folder, "run", Gaps())).violations == []
