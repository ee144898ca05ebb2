"""One build of both services, running as in production, and what it holds of the machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import requests
from dotenv import dotenv_values

from stack.ports import find_free_ports
from tests.support.books_services import choose_books_settings
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack

APPS = {"auth": "app_jwt_redis:app", "books": "microservicioCQRSRedis:app"}
START_S = 30
END_S = 40


class Ports(NamedTuple):
    """Where connections to the stores go, with the proxies before them."""

    mariadb: set[int]
    redis: set[int]


class Resources(NamedTuple):
    """What the processes of both services hold together; what the pools hold is not among the descriptors."""

    connections: int  # to Redis
    threads: int
    descriptors: int
    memory: int  # bytes
    pooled: int  # connections to MariaDB


class Subject:
    """A build that runs: its two services, each a Gunicorn master with its workers."""

    def __init__(self, name: str, folder: Path, workers: dict[str, int], environment: dict[str, str], log: Path):
        """Take the build's folder, and the number of workers and the settings of the services."""
        self.name, self.folder, self.workers, self.environment, self.log = name, folder, workers, environment, log
        auth_port, books_port = find_free_ports(2)
        self.ports = {"auth": auth_port, "books": books_port}
        self.given: Sequence[tuple[str, str]] = ()  # the settings that this build was asked for
        self.warm: Resources | None = None  # what it held when it was last put to use
        self.masters: dict[str, subprocess.Popen[bytes]] = {}

    def lean_on(self, other: "Subject") -> None:
        """Use the services of another build in the place of those that this one does not run."""
        self.ports |= {service: port for service, port in other.ports.items() if service not in self.workers}

    @property
    def runs(self) -> bool:
        """Tell whether its masters live."""
        return bool(self.masters) and all(each.poll() is None for each in self.masters.values())

    @property
    def is_control(self) -> bool:
        """Tell whether its code was changed."""
        return self.folder != PROJECT

    @property
    def slots(self) -> int:
        """Give the connections that the pool of a worker may have."""
        default = dotenv_values(PROJECT / ".env.example")["DB_POOL_SIZE"]
        return int(self.environment.get("DB_POOL_SIZE") or str(default))

    @property
    def auth_url(self) -> str:
        """Give the address of the auth service."""
        return f"http://127.0.0.1:{self.ports['auth']}"

    @property
    def books_url(self) -> str:
        """Give the address of the books service."""
        return f"http://127.0.0.1:{self.ports['books']}"

    def start(self) -> None:
        """Start its services; they may not be ready yet."""
        for service in self.workers:
            command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.ports[service]}"]
            command += ["--workers", str(self.workers[service]), APPS[service]]
            with self.log.open("ab") as log:
                self.masters[service] = subprocess.Popen(
                    command, cwd=self.folder, env=self.environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip

    def await_page(self, page: str, seconds: float = START_S) -> None:
        """Wait until both services answer 200 on a page; AssertionError with the end of the log after some seconds."""
        deadline = time.monotonic() + seconds
        for url in (self.auth_url, self.books_url):
            while not answers(url + page):
                ended = [each.args for each in self.masters.values() if each.poll() is not None]
                if ended or time.monotonic() > deadline:
                    raise AssertionError(f"{self.name}: no 200 from {url}{page}: {self.log.read_text()[-2000:]}")
                time.sleep(0.1)

    def list_processes(self, *services: str) -> list[psutil.Process]:
        """Return the masters and workers that live, of both services or of these."""
        found: list[psutil.Process] = []
        for service in services or tuple(APPS):
            with suppress(psutil.NoSuchProcess, KeyError):
                master = psutil.Process(self.masters[service].pid)
                found += [master, *master.children(recursive=True)]
        return [each for each in found if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]

    def measure(self, ports: Ports) -> Resources:
        """Measure what the processes hold."""
        found = []
        for process in self.list_processes():
            with suppress(psutil.NoSuchProcess):
                open_to = [each.raddr.port for each in process.net_connections() if each.raddr]
                pooled, others = (sum(port in store for port in open_to) for store in ports)
                descriptors = process.num_fds() - pooled
                found.append(Resources(others, process.num_threads(), descriptors, process.memory_info().rss, pooled))
        return Resources(*(sum(parts) for parts in zip(*found, strict=True)))

    @property
    def most_pooled(self) -> int:
        """Give the connections that all pools together may have."""
        return self.slots * sum(self.workers.values())

    def end(self) -> None:
        """End both services at once, with everything in their process groups."""
        for master in self.masters.values():
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGCONT)
                master.send_signal(signal.SIGINT)
        deadline = time.monotonic() + END_S
        for master in self.masters.values():
            with suppress(subprocess.TimeoutExpired):
                master.wait(max(0.1, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)
            master.wait(10)


def answers(url: str) -> bool:
    """Tell whether a page answers 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def run_subject(subject: Subject, *, ready: bool = True) -> Iterator[Subject]:
    """Run a build during the block; wait until it is ready, or only until it answers."""
    try:
        subject.start()
        subject.await_page("/ready" if ready else "/health")
        yield subject
    finally:
        subject.end()


def choose_settings(stack: Stack, **settings: str) -> dict[str, str]:
    """Return the environment of services on the stores of that stack."""
    return choose_environment(None) | choose_books_settings(stack) | {"ACCESS_TOKEN_TTL": "7200"} | settings
