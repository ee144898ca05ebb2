"""Runs the pages of worker_pages.py under the project's Gunicorn settings, as built or with something taken out."""

import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import NamedTuple

from stack.ports import find_free_ports
from tests.support.books_services import end, list_workers
from tests.support.read_models import wait_until
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT
from tests.support.weak_builds import Change, copy_build

NO_STORES = {
    "DB_USER": "libros",
    "DB_PORT": "1",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "JWT_SECRET": secrets.token_urlsafe(48),
}


class Pages(NamedTuple):
    """A service of the pages that runs."""

    port: int
    master: "subprocess.Popen[bytes]"
    log: Path

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, page: str, seconds: float = 20) -> str:
        """Return a page, asked for on a connection of its own. Raises OSError when none comes."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=seconds)) as connection:
            connection.request("GET", page, headers={"Connection": "close"})
            return connection.getresponse().read().decode()

    def answers(self) -> bool:
        """Say whether the service answers at once."""
        try:
            return self.ask("/health", 1) == "ok"
        except OSError:
            return False

    def list_workers(self) -> list[int]:
        """Return the pids of the workers that live now."""
        return [each.pid for each in list_workers(self.master.pid)]


@contextmanager
def run_pages(folder: Path, *options: str, **builds: tuple[Change, ...]) -> Iterator[list[Pages]]:
    """Run the pages, on one worker of each build with these changes, until the block ends; `options` are Gunicorn's."""
    services = [start_pages(folder / name, options, changes) for name, changes in builds.items()]
    try:
        for each in services:
            wait_until(each.answers, 30, "the pages are served")
        yield services
    finally:
        for each in services:
            each.master.send_signal(signal.SIGINT)
        for each in services:
            end(each.master)


def start_pages(folder: Path, options: tuple[str, ...], changes: tuple[Change, ...]) -> Pages:
    """Start the pages on a build in this new folder."""
    folder.mkdir()
    built = copy_build(folder, *changes) if changes else PROJECT
    (port,) = find_free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", *options]
    command += ["--pythonpath", str(PROJECT / "tests" / "support"), "worker_pages:app"]
    environment = choose_environment(None) | NO_STORES
    with (log := folder / "pages.log").open("ab") as output:
        return Pages(port, subprocess.Popen(command, cwd=built, env=environment, stderr=output), log)


def send(connection: socket.socket, *pages: str) -> None:
    """Send requests for these pages, one right after the other."""
    connection.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % page.encode() for page in pages))


def read_answer(connection: socket.socket) -> tuple[str, bool]:
    """Return the next answer's text, and whether the service announces that it closes. Raises OSError without one."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.read().decode(), answer.getheader("Connection") == "close"


def read_answers(connection: socket.socket, count: int) -> list[tuple[str, bool]]:
    """Return that many answers, or those that come before the service closes the connection."""
    answers: list[tuple[str, bool]] = []
    with suppress(OSError):
        while len(answers) < count:
            answers.append(read_answer(connection))
    return answers
