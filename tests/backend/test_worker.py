"""The worker of both services: it tells how long a request waited, ends when stuck, and loses no request when told to
stop or to load anew; each is seen to fail on a worker without it.
"""

import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.read_models import wait_until
from tests.support.worker_services import Pages, read_answer, read_answers, run_pages, send

pytestmark = pytest.mark.alone

LONG = os.environ.get("LONG_CHECKS") == "1"
STUCK_S = 10 if LONG else 1
SOONER = () if LONG else (("backend/server/worker.py", "STUCK_S = 10.0", "STUCK_S = 1.0"),)
GIVES_UP_SOONER = ("backend/server/worker.py", "BLOCKED_S = 5", "BLOCKED_S = 1")
NO_WATCHDOG = ("backend/server/worker.py", "        watch(pool, STUCK_S)\n", "")
LINGERS_LESS = ("backend/server/worker.py", "STOP_KEEPALIVE_LINGER = 5.0", "STOP_KEEPALIVE_LINGER = 2.0")
WAITS_FOR_GOOD = ("backend/server/worker.py", "in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)", "in ()")
REFUSES_NONE = ("backend/server/main_loop.py", "behind = self.is_behind()", "behind = False")
KEEPS_THE_PORT = ("backend/server/worker.py", "if enabled or self.alive:", "if True:")
QUITS_BY_THE_POOL = ("backend/server/worker.py", "super(gthread.ThreadWorker, self)", "super()")
MAKES_LINES = ("gunicorn.conf.py", "logger_class = Logger\n", "")
HASTILY = ("--graceful-timeout", "2")
KEEPS_ITS_LIMIT = ("gunicorn.conf.py", "\nraise_file_limit()\n", "\n")
HOOK = "def on_exit("
HOLD_THE_LOCK = (
    f"def pre_request(worker, req):\n    worker.tpool._shutdown_lock.acquire(req.path == '/health')\n\n\n{HOOK}"
)


def test_a_worker_may_open_more_files_than_the_shell_that_started_it(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with run_pages(tmp_path, built=(), without=(KEEPS_ITS_LIMIT,)) as services:
            workers = [psutil.Process(pid) for each in services for pid in each.list_workers()]
            limits = [worker.rlimit(psutil.RLIMIT_NOFILE)[0] for worker in workers]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert limits == [8192 if hard == resource.RLIM_INFINITY else min(8192, hard), 256]


def test_a_request_is_told_how_long_it_waited_for_a_thread(tmp_path: Path) -> None:
    with run_pages(tmp_path, "--threads", "2", built=()) as (pages,), ThreadPoolExecutor(6) as clients:
        started = time.monotonic()
        waited = sorted(float(each) for each in clients.map(pages.ask, ["/sleep/0.5"] * 6))
        assert waited[1] < 0.4 < waited[2] and waited[4] > 0.9, waited
        assert waited[5] < time.monotonic() - started - 0.5
        with pages.connect() as connection:  # what went before on a connection is no waiting
            send(connection, "/sleep/0.6", "/sleep/0.0")
            assert [float(text) < 0.5 for text, _ in read_answers(connection, 2)] == [True, True]
            time.sleep(0.6)
            send(connection, "/sleep/0.0")
            assert float(read_answer(connection)[0]) < 0.5


def test_gunicorn_makes_its_own_access_line_only_where_it_is_asked_to(tmp_path: Path) -> None:
    def count_lines_of_two_requests(pages: Pages) -> int:
        before = count_lines(pages)
        pages.ask("/health")
        return count_lines(pages) - before

    def count_lines(pages: Pages) -> int:
        time.sleep(0.2)  # a line is made when its answer has gone
        return int(pages.ask("/lines"))

    with run_pages(tmp_path, built=(), control=(MAKES_LINES,)) as services:
        assert [count_lines_of_two_requests(each) for each in services] == [0, 2]
    with run_pages(tmp_path, "--access-logfile", str(tmp_path / "lines"), asked=()) as (pages,):
        assert count_lines_of_two_requests(pages) == 2
        wait_until(lambda: "GET /health" in (tmp_path / "lines").read_text(), 5, "a line is written")


def test_a_read_is_refused_at_once_while_another_request_waits_too_long(tmp_path: Path) -> None:
    with run_pages(tmp_path, "--threads", "2", built=(), control=(REFUSES_NONE,)) as services, ExitStack() as opened:
        for pages, refuses in zip(services, (True, False), strict=True):
            connections = [opened.enter_context(pages.connect()) for _ in range(8)]
            for each in connections:
                send(each, "/health")
                assert read_answer(each)[0] == "ok"
            busy, (waiting, read, operator, two, torn) = connections[:3], connections[3:]
            for each in busy:
                send(each, "/sleep/2.0")
            send(waiting, "/sleep/0.0")
            time.sleep(0.8)
            started = time.monotonic()
            send(operator, "/health")
            send(two, "/health", "/sleep/0.0")
            torn.sendall(b"GET /sleep/0.0 HTTP/1.1\r\nHo")
            send(read, "/sleep/0.0")
            refused = '"status": 503' in read_answer(read)[0]
            assert (refused, time.monotonic() - started < 0.5) == (refuses, refuses)
            torn.sendall(b"st: a\r\n\r\n")
            assert float(read_answer(waiting)[0]) > 1
            assert read_answer(operator)[0] == "ok"
            both = b""
            while both.count(b"HTTP/1.1 200 OK") < 2:  # they come together
                more = two.recv(4096)
                assert more, both
                both += more
            assert float(read_answer(torn)[0]) < 5
            send(read, "/sleep/0.0")  # its connection goes on
            assert float(read_answer(read)[0]) < 0.5


def test_a_worker_whose_threads_are_all_stuck_is_replaced_and_the_log_says_where_they_were(tmp_path: Path) -> None:
    builds = {"built": SOONER, "half": SOONER, "control": (NO_WATCHDOG,)}
    with run_pages(tmp_path, "--threads", "2", *HASTILY, **builds) as services, ExitStack() as connections:
        built, half, control = services
        before = [each.list_workers() for each in services]
        for pages in (built, built, half, control, control):
            send(connections.enter_context(pages.connect()), "/never")
        started = time.monotonic()
        wait_until(lambda: built.list_workers() != before[0], 30, "the worker is replaced")
        assert time.monotonic() - started > STUCK_S - 0.1
        wait_until(built.answers, 30, "the new worker answers")
        time.sleep(1)
        assert (half.list_workers(), half.answers()) == (before[1], True)
        assert (control.list_workers(), control.answers()) == (before[2], False)
        check_log(built.log.read_text())


def check_log(text: str) -> None:
    """Assert that one record, and no more, names the place where both threads are."""
    assert text.count("CRITICAL") == 1, text
    assert text.count("2 of them:") == 1 and text.count("in never_answer") == 1, text


def test_a_client_that_stands_still_does_not_keep_its_thread(tmp_path: Path) -> None:
    builds = {"built": (GIVES_UP_SOONER,), "control": (WAITS_FOR_GOOD,)}
    with run_pages(tmp_path, "--threads", "2", *HASTILY, **builds) as services, ExitStack() as connections:
        built, control = services
        for pages in services:
            send(connections.enter_context(pages.connect()), "/large")
            connections.enter_context(pages.connect()).sendall(b"GET /")
        time.sleep(0.2)
        wait_until(built.answers, 10, "another client is answered")
        time.sleep(1)
        assert not control.answers()


def test_a_service_that_stops_serves_the_connections_its_port_took_and_refuses_others_at_once(tmp_path: Path) -> None:
    with run_pages(tmp_path, built=(), control=(KEEPS_THE_PORT,)) as services, ExitStack() as connections:
        built, control = services
        assert stop_frozen(built, connections) == 20
        wait_until(lambda: is_refused(built), 1, "the port is let go")  # a thread may answer before the main loop can
        assert built.master.poll() is None
        assert stop_frozen(control, connections) < 20


def is_refused(pages: Pages) -> bool:
    """Say whether a service takes no connection."""
    try:
        pages.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def stop_frozen(pages: Pages, connections: ExitStack) -> int:
    """Tell a service to stop while its worker is frozen and 20 requests wait at its port; count the answers to them."""
    (worker,) = pages.list_workers()
    kept = connections.enter_context(pages.connect())
    send(kept, "/health")
    read_answer(kept)
    os.kill(worker, signal.SIGSTOP)
    waiting = [connections.enter_context(pages.connect()) for _ in range(20)]
    for each in waiting:
        send(each, "/health")
    pages.master.terminate()
    time.sleep(0.3)
    os.kill(worker, signal.SIGCONT)
    return sum(len(read_answers(each, 1)) for each in waiting)


def test_a_service_that_loads_anew_answers_on_connections_that_were_kept_for_three_seconds(tmp_path: Path) -> None:
    with run_pages(tmp_path, built=(), control=(LINGERS_LESS,)) as services, ExitStack() as opened:
        connections = [opened.enter_context(each.connect()) for each in services]
        for connection in connections:
            send(connection, "/health")
            assert read_answer(connection) == ("ok", False)
        (old,) = services[0].list_workers()
        for pages in services:
            pages.master.send_signal(signal.SIGHUP)
        time.sleep(3)
        for connection in connections:
            send(connection, "/health")
        assert [read_answers(each, 1) for each in connections] == [[("ok", True)], []]
        wait_until(lambda: old not in services[0].list_workers(), 10, "the old worker ends")


def test_a_worker_that_must_quit_does_not_wait_for_its_own_main_loop(tmp_path: Path) -> None:
    hook = ("gunicorn.conf.py", HOOK, HOLD_THE_LOCK)
    with run_pages(tmp_path, *HASTILY, built=(hook,), control=(hook, QUITS_BY_THE_POOL)) as services:
        for pages in services:
            pages.master.send_signal(signal.SIGINT)
        for pages in services:
            pages.master.wait(30)
        assert ["SIGKILL" in pages.log.read_text() for pages in services] == [False, True]
