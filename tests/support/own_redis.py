"""A Redis of a test's own, which keeps what it holds through a kill as one in production may do."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis

from stack.ports import find_free_ports
from tests.support.read_models import wait_until
from tests.support.stacks import Stack

EVERY_WRITE = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
SNAPSHOTS = ("--save", "", "--appendonly", "no")  # taken when the test says so, loaded at the start


class OwnRedis:
    """A Redis server that works in a folder, with the program and the libraries of the stack's own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        """Choose a port; nothing runs yet."""
        (port,) = find_free_ports(1)
        self.port = str(port)
        theirs = psutil.Process(int(stack["REDIS_PID"]))
        self._program, self._environment = theirs.exe(), theirs.environ()
        self._options = ["--bind", "127.0.0.1", "--port", self.port, "--dir", str(folder)]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)

    def start(self, persistence: tuple[str, ...]) -> None:
        """Start the server and wait until it has loaded what it kept."""
        self._process = subprocess.Popen(
            ["redis-server", *self._options, *persistence], executable=self._program, env=self._environment,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers, 10, "the Redis of the test answers")

    @property
    def pid(self) -> str:
        """The process id of the server that runs."""
        return str(self._process.pid)

    def kill(self) -> None:
        """Kill the server, which then cannot save anything more."""
        self._process.kill()
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
            return False


@contextmanager
def run_own_redis(stack: Stack, folder: Path, *options: str) -> Iterator[OwnRedis]:
    """Run a Redis that keeps every write, until the end of the block; `options` are more options of the server."""
    server = OwnRedis(stack, folder)
    server.start((*EVERY_WRITE, *options))
    try:
        yield server
    finally:
        server.kill()
        server.client.close()
