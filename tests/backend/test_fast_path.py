"""The fast path: plain reads are answered in the worker's main loop as a thread and its route answer them, byte for
byte, and no store and no client keeps the loop from all else.
"""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.faults.proxy import run_proxy
from tests.support.books_services import BooksService, run_books_service
from tests.support.clients import register, sign_in
from tests.support.plain_reads import LEFT_TO_ROUTES, NOT_PLAIN, PLAIN, count_fast, draw_read, open_reader
from tests.support.stacks import Stack

LONG = os.environ.get("LONG_CHECKS") == "1"
READS = 20_000 if LONG else 1_500


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """An access token."""
    return str(sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"])


@pytest.fixture(scope="module")
def books(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BooksService]:
    """A books service of one worker, whose read model stands."""
    folder = tmp_path_factory.mktemp("books")
    with run_books_service(stack, folder / "log", "--workers", "1") as service:
        yield service


def list_books(service: BooksService, token: str) -> tuple[list[dict[str, str]], list[str]]:
    """Give some books, and the `next` of some pages, once the read model stands."""
    found: list[dict[str, str]] = []
    cursors: list[str] = []
    with requests.Session() as http:
        http.headers["Authorization"] = f"Bearer {token}"
        for _ in range(100):
            if http.get(f"{service.url}/api/books?limit=1", timeout=10).headers["Catalogue-Version"] != "mariadb":
                break
            time.sleep(0.1)
        for _ in range(3):
            after = f"&after={cursors[-1]}" if cursors else ""
            page: dict[str, Any] = http.get(f"{service.url}/api/books?limit=20{after}", timeout=10).json()
            found += [{**book, "author": book["authors"][0]} for book in page["items"]]
            cursors.append(page["next"])
    return found, cursors


def test_every_read_is_answered_as_its_route_answers_it(books: BooksService, stack: Stack, token: str) -> None:
    found, cursors = list_books(books, token)
    chance, before = random.Random(7), count_fast(books.url, stack)
    with open_reader(books.url, token) as reader:
        for number in range(READS):
            target, headers = draw_read(chance, found, cursors)
            here, there = (reader.ask(target, headers + more) for more in ("", LEFT_TO_ROUTES))
            assert here == there, (number, target, headers)
    taken = count_fast(books.url, stack) - before
    assert READS * 0.3 < taken < READS * 0.8


@pytest.mark.parametrize("headers", PLAIN)
@pytest.mark.parametrize("target", ["/api/books?limit=3", "/api/books/{isbn}", "/api/books?genre={genre}", "/me"])
def test_a_plain_read_needs_no_thread(books: BooksService, stack: Stack, token: str, target: str, headers: str) -> None:
    url = stack["AUTH_URL"] if target == "/me" else books.url
    found, _ = list_books(books, token)
    before = count_fast(url, stack)
    with open_reader(url, token) as reader:
        answer = reader.ask(target.format(isbn=found[0]["isbn"], genre=found[0]["genre"]), headers)
    assert answer.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 304 NOT MODIFIED\r\n"))
    assert count_fast(url, stack) - before == 1


@pytest.mark.parametrize("headers", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_its_route(books: BooksService, stack: Stack, token: str, headers: str) -> None:
    list_books(books, token)
    before = count_fast(books.url, stack)
    with open_reader(books.url, token) as reader:
        assert reader.ask("/api/books?limit=1", headers).startswith(b"HTTP/1.1 ")
    assert count_fast(books.url, stack) == before


def test_reads_that_come_together_are_answered_in_their_order(books: BooksService, token: str) -> None:
    with open_reader(books.url, token) as reader:
        limits = (3, 1, 2, 5, 1)
        reader.connection.sendall(b"".join(reader.write(f"/api/books?limit={limit}") for limit in limits))
        assert [reader.receive().count(b'"isbn"') for _ in limits] == list(limits)
        torn = reader.write("/api/books?limit=4")
        for piece in (torn[:20], torn[20:-2], torn[-2:]):
            reader.connection.sendall(piece)
            time.sleep(0.05)
        assert reader.receive().count(b'"isbn"') == 4


def test_a_client_that_reads_slowly_gets_its_whole_answer_and_holds_nobody_up(books: BooksService, token: str) -> None:
    with open_reader(books.url, token) as slow, open_reader(books.url, token) as other:
        slow.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        expected = other.ask("/api/books?limit=100")
        sent = 0
        for _ in range(200):  # more than the buffers between the two hold
            slow.connection.setblocking(False)
            try:
                slow.connection.send(slow.write("/api/books?limit=100"))
                sent += 1
            except BlockingIOError:
                break
            slow.connection.settimeout(10)
            started = time.monotonic()
            assert other.ask("/api/books?limit=1").startswith(b"HTTP/1.1 200 OK")
            assert time.monotonic() - started < 1
        slow.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # it has been slow for long enough
        slow.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, 1 << 20)
        assert [slow.receive() == expected for _ in range(sent)] == [True] * sent


def test_a_redis_that_is_silent_or_slow_keeps_the_loop_from_nothing(stack: Stack, tmp_path: Path, token: str) -> None:
    there = stack["REDIS_URL"]
    port = str(urlsplit(there).port)
    with (
        run_proxy(int(port)) as proxy,
        run_books_service(
            stack, tmp_path / "log", "--workers", "1", REDIS_URL=there.replace(port, str(proxy.port))
        ) as service,
        open_reader(service.url, token) as reader,
        open_reader(service.url, token) as operator,
    ):
        list_books(service, token)

        def read_on() -> tuple[set[bytes], float]:
            until, slowest, answers = time.monotonic() + 3, 0.0, set()
            while time.monotonic() < until:
                reader.connection.sendall(reader.write("/api/books?limit=1"))
                started = time.monotonic()
                operator.ask("/health")
                slowest = max(slowest, time.monotonic() - started)
                answers.add(reader.receive()[:12])
            return answers, slowest

        proxy.silent = True
        answers, slowest = read_on()
        assert (answers, slowest < 0.5) == ({b"HTTP/1.1 503"}, True), slowest
        proxy.silent, proxy.latency_s = False, 0.03
        time.sleep(1)
        before = count_fast(service.url, stack)
        answers, slowest = read_on()
        assert (answers, slowest < 0.5) == ({b"HTTP/1.1 200"}, True), slowest
        assert count_fast(service.url, stack) - before < 40  # of about 90
        assert "Traceback" not in service.log.read_text()


def test_commands_are_carried_out_beside_a_stream_of_plain_reads(books: BooksService, stack: Stack, token: str) -> None:
    found, _ = list_books(books, token)
    before, stop = count_fast(books.url, stack), threading.Event()

    def read_on() -> None:
        with open_reader(books.url, token) as reader:
            while not stop.is_set():
                reader.ask("/api/books?limit=50")

    readers = [threading.Thread(target=read_on) for _ in range(8)]
    for each in readers:
        each.start()
    try:
        with requests.Session() as http:
            http.headers["Authorization"] = f"Bearer {token}"
            for number in range(30):
                started = time.monotonic()
                answer = http.patch(f"{books.url}/api/books/{found[number]['isbn']}", json={"stock": 7}, timeout=10)
                assert answer.status_code == 200
                assert time.monotonic() - started < 2
    finally:
        stop.set()
        for each in readers:
            each.join()
    assert count_fast(books.url, stack) - before > 100


def test_a_connection_that_is_used_stays_and_an_idle_one_is_closed(stack: Stack, tmp_path: Path, token: str) -> None:
    with (
        run_books_service(stack, tmp_path / "log", "--workers", "1", "--keep-alive", "1") as service,
        open_reader(service.url, token) as used,
        open_reader(service.url, token) as idle,
    ):
        for _ in range(8):
            time.sleep(0.5)
            assert used.ask("/api/books?limit=1").startswith(b"HTTP/1.1 200 OK")
        assert idle.connection.recv(1) == b""
        time.sleep(4)  # once more as long as it may be idle, and a turn of the loop
        assert used.connection.recv(1) == b""


def test_a_connection_that_was_just_used_outlives_the_first_seconds_of_a_stop(
    stack: Stack, tmp_path: Path, token: str
) -> None:
    with (
        run_books_service(stack, tmp_path / "log", "--workers", "1", "--keep-alive", "4") as service,
        open_reader(service.url, token) as reader,
    ):
        for _ in range(4):
            assert reader.ask("/api/books?limit=1").startswith(b"HTTP/1.1 200 OK")  # the first one by a thread
            time.sleep(0.8)
        os.kill(service.pid, signal.SIGTERM)
        time.sleep(2)  # its time from the first request is over, that from the last one is not
        assert reader.ask("/api/books?limit=1").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "options", [("--max-requests", "100000"), ("--access-logfile", "/dev/null")], ids=["max_requests", "access line"]
)
def test_gunicorn_sees_each_request_where_it_is_to_count_or_log_them(
    stack: Stack, tmp_path: Path, token: str, options: tuple[str, ...]
) -> None:
    with (
        run_books_service(stack, tmp_path / "log", "--workers", "1", *options) as service,
        open_reader(service.url, token) as reader,
    ):
        list_books(service, token)
        reader.ask("/api/books?limit=1")
        assert count_fast(service.url, stack) == 0


WRAPPED = {
    "around": "from microservicioCQRSRedis import app as built\n\n\n"
    "def app(environ, start):\n    return built(environ, start)\n\n\napp.config = built.config\n",
    "inside": "from microservicioCQRSRedis import app\n\nserve = app.wsgi_app\n"
    "app.wsgi_app = lambda environ, start: serve(environ, start)\n",
}


@pytest.mark.parametrize("middleware", WRAPPED)
def test_an_app_with_middleware_sees_every_read(stack: Stack, tmp_path: Path, token: str, middleware: str) -> None:
    (tmp_path / "wrapped.py").write_text(WRAPPED[middleware])
    with (
        run_books_service(
            stack, tmp_path / "log", "--workers", "1", app="wrapped:app", PYTHONPATH=str(tmp_path)
        ) as service,
        open_reader(service.url, token) as reader,
    ):
        list_books(service, token)
        assert reader.ask("/api/books?limit=1").startswith(b"HTTP/1.1 200 OK")
        assert count_fast(service.url, stack) == 0
