"""What the client of the load sends and what it counts, held against what reached a server that loses answers."""

import csv
import json
import math
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.checks.guarantees import audit_writes
from analysis.records.counts import Counts, count_closed, count_endpoints
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_failure_samples, read_read_back
from analysis.records.results_folder import NOT_SENT, UNKNOWN, name_endpoint, split_endpoint
from load.client.accounts import Account
from load.client.catalogue import read_catalogue, read_fingerprint
from load.client.http_client import check_service, open_http
from load.client.refusal import Refused
from load.client.sign_in import log_in
from load.run.book_sources import BooksService, ask_for_books
from load.run.read_back import await_read_model
from load.run.service_facts import read_service
from tests.support.faulty_server import ANSWERS, FaultyServer, run_faulty_server, say
from tests.support.records_of_load import (
    add_accounts,
    count_answers,
    read_rows,
    read_totals,
    read_writes,
    remove_books,
    write_run_file,
)
from tests.support.scripts import run_locust
from tests.support.stacks import PROJECT, Stack

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
LATE = """
import gevent
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add, change, delete, find_outcome

def live(user):
    own = user.own_books[0]

    def late(action, meanwhile=lambda: None):
        send(user, "GET", f"{user.load.books_url}/faults/late", "late", lambda answer: True)
        action(user, own)
        find_outcome(user, own)  # which shows the book as it was
        meanwhile()
        gevent.sleep(0.5)

    def meet(action, state):
        action(user, own)
        assert own.state == "unknown" and own.doubts
        find_outcome(user, own)
        assert own.state == state

    def lose():
        url = f"{user.books}/{own.isbn}"
        send(user, "DELETE", url, "behind its back", lambda answer: True, headers=user.bearer())

    add(user, own)
    for action in (change, delete):
        late(delete)
        meet(action, "free")
        add(user, own)
        assert own.state == "shelved" and not own.doubts
    late(delete, lambda: change(user, own))  # acknowledged: the deletion, when it comes, is for an older version
    find_outcome(user, own)
    assert own.state == "shelved"
    change(user, own)
    assert own.state == "shelved" and not own.doubts
    late(change)
    meet(change, "shelved")
    delete(user, own)
    late(add)
    meet(add, "shelved")
    change(user, own)
    assert own.state == "shelved" and not own.doubts
    for action in (change, delete):  # without a doubt the same answers are wrong
        lose()
        action(user, own)
        add(user, own)
    late(change)
    lose()
    delete(user, own)  # a change that came late has deleted nothing
    add(user, own)
    raise StopUser

install_hooks()

class LateUser(LibraryUser):
    tasks = [live]
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
OUTAGE = """
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add_book, change_book, delete_book

def live(user):
    def tell():
        send(user, "GET", f"{user.load.books_url}/faults/next", "next", lambda answer: True)

    tell()
    for _ in range(4):
        for action in (add_book, change_book, delete_book):
            action(user)
            tell()
    raise StopUser

install_hooks()

class OutageUser(LibraryUser):
    tasks = [live]
"""
PROBES = """
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add, change, delete, find_outcome

def live(user):
    own = user.own_books[0]

    def meet(answer, action, state):
        send(user, "GET", f"{user.load.books_url}/faults/{answer}", "plan", lambda answer: True)
        action(user, own)
        assert own.state == state, (answer, own)

    meet("real", add, "shelved")
    meet("text", change, "unknown")
    assert own.version == 1
    meet("real", find_outcome, "shelved")
    meet("real", change, "shelved")
    before = own.version, own.stock
    for number in range(WRONG):
        own.state = "unknown"
        meet(f"wrong-{number}", find_outcome, "unknown")
        assert (own.version, own.stock) == before
    meet("real", find_outcome, "shelved")
    meet("real", change, "shelved")
    meet("real", delete, "free")
    meet("dropped", add, "unknown")
    meet("real", find_outcome, "free")
    meet("real", add, "shelved")
    meet("done", delete, "unknown")
    meet("real", find_outcome, "free")
    meet("real", add, "shelved")
    meet("slow", change, "shelved")
    meet("dropped", change, "unknown")
    meet("gone", find_outcome, "free")
    meet("real", add, "unknown")  # it is there
    meet("real", find_outcome, "shelved")
    meet("body", delete, "unknown")
    raise StopUser

install_hooks()

class ProbingUser(LibraryUser):
    tasks = [live]
"""
POOR = """
import os
import resource
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.reads import one_book
from load.users.user import LibraryUser

def live(user):
    if user.seen:
        raise StopUser
    user.seen = "", 0
    held, limits = [], resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, limits[1]))
    try:
        while len(held) < 400:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        one_book(user)
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

install_hooks()

class PoorUser(LibraryUser):
    tasks = [live]
"""
LACKING = """
import errno
from geventhttpclient.useragent import CompatRequest
from load.client.locust_client import LoadGaveWay, raise_own_lack

for number in (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.ENETUNREACH):
    for host in ("127.0.0.1", "localhost"):
        problem = OSError(number, "")
        problem.request = CompatRequest(f"http://{host}:1/")  # as the library does
        try:
            raise_own_lack(problem)
        except LoadGaveWay:
            print(errno.errorcode[number], host)
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


def run_user(folder: Path, stack: Stack, source: str, *options: str) -> None:
    """Run a load of users of a locustfile of the test's own; requests may fail."""
    (folder / "locustfile_own.py").write_text(source)
    shown = ("--record", "run", "--exit-code-on-error", "0", *options)
    ran = run_locust(str(folder / "locustfile_own.py"), *shown, folder=folder, stack=stack, PYTHONPATH=str(PROJECT))
    assert ran.returncode == 0, ran.stdout + ran.stderr


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
    assert not (probed / "run_exceptions.csv").read_text().splitlines()[1:]


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


def test_what_shows_the_late_effect_of_an_unanswered_write_is_no_wrong_answer_and_without_doubt_it_is(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder = add_accounts(tmp_path, ready)
    with run_faulty_server(stack["BOOKS_URL"]) as server:
        behind = {**stack, "BOOKS_URL": server.url}
        write_run_file(folder, behind)
        run_user(folder, behind, LATE, "-u", "1", "-t", "7s")
        remove_books(folder, behind)
    assert not (folder / "run_exceptions.csv").read_text().splitlines()[1:]
    with open(folder / "run_failures.csv", newline="", encoding="utf-8") as file:
        failures = {(row["Method"], row["Error"].partition(":")[0]): row["Occurrences"] for row in csv.DictReader(file)}
    assert failures == {
        ("DELETE", "no answer"): "3",
        ("PATCH", "no answer"): "2",
        ("POST", "no answer"): "1",
        ("PATCH", "404 instead of 200"): "1",
        ("DELETE", "404 instead of 204"): "2",
    }
    writes = read_writes(folder)
    deletions = Counter((end.outcome, end.status) for sent, end in writes if end and sent.method == "DELETE")
    assert deletions == {("acknowledged", 204): 4, ("unknown", None): 3, ("unknown", 404): 1, ("refused", 404): 2}
    assert audit_writes(writes, read_read_back(folder, "run", Gaps())).violations == []


def forge(status: str, body: bytes, *lines: str) -> bytes:
    """The bytes of an answer that the service did not give."""
    return say(f"Content-Length: {len(body)}", *lines, status=status, body=body)


def read_failures(folder: Path) -> Counter[tuple[str, str, str]]:
    """Return how often each failure was counted, by method, name and text; the load itself has raised nothing."""
    assert not (folder / "run_exceptions.csv").read_text().splitlines()[1:], (folder / "run_exceptions.csv").read_text()
    with open(folder / "run_failures.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Counter({(row["Method"], row["Name"], row["Error"]): int(row["Occurrences"]) for row in rows})


def test_each_action_sends_one_write_and_at_most_one_question_while_no_outcome_is_known(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    actions: list[Counter[str]] = []
    with run_faulty_server(stack["BOOKS_URL"]) as server:

        def shed(method: str, path: str) -> bytes | None:
            if path == "/faults/next":
                actions.append(Counter())
                return ANSWERS["whole"][0]
            if not actions:
                return None
            actions[-1]["question" if method == "GET" else "write"] += 1
            return forge("503 Overloaded", b"", "Retry-After: 1")

        server.forge = shed
        run_user(add_accounts(tmp_path, ready), {**stack, "BOOKS_URL": server.url}, OUTAGE, "-u", "1", "-t", "3s")
    assert actions == [{"write": 1}, *[{"question": 1, "write": 1}] * 11, {}]


BOOK: dict[str, object] = {
    "title": "Another one", "authors": ["Ana"], "genre": "Novel", "format": "Paper", "year": 1999, "price": "1.00",
    "stock": 1, "version": 2,
}  # fmt: skip
WRONG_BOOKS: list[tuple[dict[str, object] | bytes, str]] = [  # the fields that are wrong, or all; how that is told
    ({"isbn": "9790000000001"}, "another book than the one asked for"),
    ({"stock": None}, "not the fields of a book"),
    ({"version": "5"}, "not the fields of a book"),
    ({"version": True}, "not the fields of a book"),
    ({"price": "1.0"}, "the price has not two decimals"),
    ({"version": 1}, "a version that this book had before"),
    (b"[]", "200 with a malformed answer: TypeError"),
    (b"{", "200 with a malformed answer: JSONDecodeError"),
    (b"[" * 100_000, "200 with a malformed answer: RecursionError"),
]


def make_forged(name: str, isbn: str) -> bytes | None:
    """The answer of a name to a request for a book, None for that of the service."""
    kind, _, number = name.partition("-")
    if kind == "wrong":
        wrong = WRONG_BOOKS[int(number)][0]
        book = {"isbn": isbn, **BOOK, **(wrong if isinstance(wrong, dict) else {})}
        text = wrong if isinstance(wrong, bytes) else json.dumps(book).encode()
        return forge("200 OK", text, f'ETag: "{book["version"]}"')
    known = {
        "dropped": b"",
        "gone": forge("404 Not Found", b'{"detail": "gone"}'),
        "slow": forge("429 Too Many Requests", b"", "Retry-After: 1"),
        "text": forge("200 OK", json.dumps({"isbn": isbn, "version": "2"}).encode(), 'ETag: "2"'),
        "body": forge("409 Conflict", b"{}"),
    }
    return known.get(kind)


def test_what_became_of_a_write_is_believed_only_of_an_answer_that_is_right(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder, planned = add_accounts(tmp_path, ready), ["real"]
    with run_faulty_server(stack["BOOKS_URL"]) as server:

        def answer(_: str, path: str) -> bytes | None:
            if path.startswith("/faults/"):
                planned[0] = path.removeprefix("/faults/")
                return ANSWERS["whole"][0]
            return make_forged(planned[0], path.rpartition("/")[2])

        server.forge, server.lose = answer, lambda method, path: planned[0] == "done" and method == "DELETE"
        behind = {**stack, "BOOKS_URL": server.url}
        write_run_file(folder, behind)
        run_user(folder, behind, PROBES.replace("WRONG", str(len(WRONG_BOOKS))), "-u", "1", "-t", "4s")
        found = read_failures(folder)
        assert planned == ["body"]
        planned[0] = "real"
        remove_books(folder, behind)
    one, question, lost = "/api/books/{isbn}", "no-cache /api/books/{isbn}", "no answer: HTTPConnectionClosed"
    expected = Counter(("GET", question, words) for _, words in WRONG_BOOKS)
    expected["GET", question, "404 for a book that was there, and that no write can have deleted"] = 1
    expected["PATCH", one, "a version that is no whole number"] = 1
    expected["PATCH", one, "shed: 429"] = 1
    expected["DELETE", one, "409 instead of 204: no detail"] = 1
    expected |= Counter({("PATCH", one, lost): 1, ("POST", "/api/books", lost): 1, ("DELETE", one, lost): 1})
    (refused,) = [each for each in found if each[:2] == ("POST", "/api/books") and each[2].startswith("409 instead")]
    assert found == expected | Counter([refused])


def test_a_request_that_the_load_has_no_descriptor_for_is_its_own_exception_and_no_failure_of_the_service(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder = add_accounts(tmp_path, ready)
    run_user(folder, stack, POOR, "-u", "1", "-t", "2s")
    with open(folder / "run_exceptions.csv", newline="", encoding="utf-8") as file:
        raised = [(row["Count"], row["Message"]) for row in csv.DictReader(file)]
    assert raised == [("1", "this process has no descriptor left for a connection: see ulimit -n")]
    rows = read_rows(folder)
    assert read_totals(folder) == count_answers(rows) == {}
    assert sum(row.busy_s for row in rows if row.endpoint == NOT_SENT) == 1


def test_a_lack_of_descriptors_or_ports_is_told_from_a_service_that_cannot_be_reached() -> None:
    command = [sys.executable, "-c", LACKING]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    is_one = len({found[4] for found in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}) == 1
    both = [f"{number} {host}" for number in ("EMFILE", "ENFILE") for host in ("127.0.0.1", "localhost")]
    ports = ["EADDRNOTAVAIL 127.0.0.1", *(["EADDRNOTAVAIL localhost"] if is_one else [])]
    assert ran.stdout.splitlines() == both + ports


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"total": Infinity, "expires_in": 1%s}' % (b"0" * 400)])
def test_json_without_end_is_refused_by_all_that_prepares_and_ends_a_load(body: bytes) -> None:
    with run_faulty_server("http://127.0.0.1:1") as server:
        server.forge = lambda method, path: forge("200 OK", body)
        http, url = open_http(), server.url
        ask: list[Callable[[], object]] = [
            lambda: check_service(url, "books"),
            lambda: list(read_catalogue(url, lambda: "token")),
            lambda: read_fingerprint(url, "token"),
            lambda: read_service("books", url, "token"),
        ]
        for each in ask:
            with pytest.raises(Refused):
                each()
        with pytest.raises(ValueError, match=r"^200 OK$"):
            log_in(http, url, Account("reader_1", "reader_1@example.com", "long-enough"))
        service = BooksService(url, "token")
        shown = ask_for_books(service, ["9790000000001"], math.inf)
        assert shown == {} or not body.startswith(b"[")
        await_read_model(service)
