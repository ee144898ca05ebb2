"""The log when nobody takes it: full disks, readers that stand still or have gone, and the first lines of a process."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from stack.ports import find_free_ports
from tests.support.books_services import end, list_workers
from tests.support.read_models import wait_until
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT
from tests.support.worker_services import NO_STORES, Pages

NOTED = PROJECT / "tests" / "support" / "noted_requests.py"
MOST_WAITING = 13_000  # lines, with those that the pipe holds and those that are just being written
LOST = re.compile(r"(\d+) lines of the log were lost")


@contextmanager
def noting(*arguments: str, stderr: int | IO[Any]) -> Iterator["subprocess.Popen[str]"]:
    """Run noted_requests.py with these arguments; it is ended after the block."""
    command = [sys.executable, str(NOTED), *arguments]
    environment = choose_environment(None) | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


class Fifo:
    """A named pipe, whose reader may come and go."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)

    def fill(self) -> None:
        """Write into it until it takes no more."""
        own = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):  # a pipe that takes no page may still take a byte
            try:
                while True:
                    os.write(own, b"\n" * size)
            except BlockingIOError:
                continue
        os.close(own)

    def read_until(self, pattern: str, seconds: float = 10, times: int = 1) -> str:
        """Return what comes until something like `pattern` has come so often."""
        text, deadline = "", time.monotonic() + seconds
        while len(re.findall(pattern, text)) < times:
            assert time.monotonic() < deadline, f"{pattern} does not come after {text[-500:]!r}"
            try:
                text += os.read(self.reader, 65536).decode()
            except BlockingIOError:
                time.sleep(0.01)
        return text


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    """A pipe with both its ends open."""
    made = Fifo(tmp_path / "fifo")
    yield made
    for each in (made.reader, made.writer):
        os.close(each)


def read_line(process: "subprocess.Popen[str]") -> str:
    """Return the next line of what the process tells."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]", line: str) -> None:
    """Let the process go on."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def list_ids(text: str) -> list[str]:
    """Return the ids of the requests whose lines are whole."""
    return re.findall(r"^[-\d]+ [:,\d]+ \d+ INFO id-(\S+) GET / 200 1\.0 ms$", text, re.MULTILINE)


def test_the_first_requests_of_a_process_are_logged_once_each_however_many_come_at_once() -> None:
    with noting("first", stderr=subprocess.PIPE) as process:
        threads, text = process.communicate(timeout=240)
    assert threads.split() == ["2"] * 60  # the main one and the writer of each
    counts = Counter(list_ids(text))
    assert {each: count for each, count in counts.items() if count > 1} == {}
    assert len(counts) == 60 * 16 * 5


def test_a_reader_that_stands_still_holds_up_nobody_and_learns_how_much_it_missed(fifo: Fifo) -> None:
    with noting("many", "30000", stderr=fifo.writer) as process:
        slowest, megabytes = map(float, read_line(process).split())
        assert slowest < 0.5
        assert megabytes < 3
        text = ""
        while (known := len(list_ids(text)) + sum(map(int, LOST.findall(text)))) < 30_001:
            text += fifo.read_until(LOST.pattern)
        assert known == 30_001
        ids = list_ids(text)
        assert 9_000 < len(ids) < MOST_WAITING
        assert ids[0] == "first" and ids[1:] == sorted(set(ids[1:]), key=int)
        tell(process, "later")
        fifo.read_until("id-later")


def test_a_reader_that_comes_back_reads_on(fifo: Fifo) -> None:
    with noting("many", "10", stderr=fifo.writer) as process:
        read_line(process)
        fifo.read_until("id-9 ")
        os.close(fifo.reader)
        for name in ("one", "two"):
            tell(process, name)
            read_line(process)
            time.sleep(0.3)
        assert process.poll() is None
        fifo.reader = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
        assert list_ids(fifo.read_until("id-two .*\n")) == ["one", "two"]


def test_a_disk_that_was_full_has_every_line_once_it_is_not(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, noting("full", stderr=file) as process:
        assert read_line(process) == "full"
        assert log.stat().st_size == 5000
        tell(process, "go on")
        wait_until(lambda: "id-last" in log.read_text(), 5, "the last line is written")
    assert list_ids(log.read_text()) == [*map(str, range(200)), "last"]


def test_a_small_disk_that_grows_has_every_line(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a disk")
    log = disk / "log"
    try:
        with log.open("wb") as file, noting("many", "2000", stderr=file) as process:
            read_line(process)
            time.sleep(0.3)
            assert log.stat().st_size == 65536
            subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
            tell(process, "last")
            wait_until(lambda: "id-last" in log.read_text(), 5, "the last line is written")
        assert list_ids(log.read_text()) == ["first", *map(str, range(2000)), "last"]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(("place", "mode"), [("/dev/full", os.O_WRONLY), ("/dev/null", os.O_RDONLY)])
def test_a_log_that_is_never_taken_ends_nothing_and_takes_little_memory(place: str, mode: int) -> None:
    file = os.open(place, mode)
    try:
        with noting("many", "30000", stderr=file) as process:
            slowest, megabytes = map(float, read_line(process).split())
            assert slowest < 0.5 and megabytes < 3
            tell(process, "later")
            assert read_line(process) == "noted"
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(10) == 0
    finally:
        os.close(file)


@contextmanager
def run_service(fifo: Fifo) -> Iterator[Pages]:
    """Run a books service without stores, one worker, whose log goes into the pipe."""
    (port,) = find_free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    environment = choose_environment(None) | NO_STORES
    with subprocess.Popen(
        [*command, "microservicioCQRSRedis:app"], cwd=PROJECT, env=environment, stderr=fifo.writer
    ) as process:
        pages = Pages(port, process, fifo.path)
        try:
            fifo.read_until("Booting worker", 30)
            wait_until(lambda: is_healthy(pages), 10, "the service answers")
            yield pages
        finally:
            workers = list_workers(process.pid)
            end(process)
            psutil.wait_procs(workers, 5)


def is_healthy(pages: Pages) -> bool:
    """Say whether the service answers within a second."""
    try:
        return '"status":"ok"' in pages.ask("/health", 1)
    except OSError:
        return False


def send_no_request(pages: Pages) -> bytes:
    """Send what is no HTTP request, of which a line of the log tells at once, and return the answer."""
    with pages.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\r\n\r\n")
        return connection.recv(65536)


def test_a_service_whose_log_nobody_reads_answers_stops_and_logs_on_when_somebody_does(fifo: Fifo) -> None:
    with run_service(fifo) as pages, ThreadPoolExecutor(40) as clients:
        fifo.fill()
        answers = list(clients.map(send_no_request, [pages] * 40))
        assert [answer.startswith(b"HTTP/1.1 400") for answer in answers] == [True] * 40
        assert is_healthy(pages)
        assert fifo.read_until("no HTTP request", times=40)
        fifo.fill()
        started = time.monotonic()
        pages.master.terminate()
        assert pages.master.wait(15) == 0
        assert time.monotonic() - started < 12
