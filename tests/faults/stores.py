"""The two stores of a private stack as things that can be killed, started again, frozen and asked."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mysql.connector
import psutil
import redis

from tests.support.outages import freeze, kill
from tests.support.stacks import Stack, connect_to_mariadb

STARTS_WITHIN_S = 60


class Store:
    """A store's process; one that was started again here is ended here."""

    def __init__(self, pid: int, command: list[str], log: Path) -> None:
        """Take the process that runs, and the command that starts another like it."""
        found = psutil.Process(pid)
        self.pid, self.command, self.log = pid, command, log
        self.program, self.folder, self.environment = found.exe(), found.cwd(), found.environ()
        self.started: subprocess.Popen[bytes] | None = None
        self.spent = 0.0  # processor seconds of the first process, once it is gone: it is no child of this one

    def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        if self.started is None:
            self.spent = sum(psutil.Process(self.pid).cpu_times()[:2])
        kill(str(self.pid))
        if self.started is not None:
            self.started.wait(10)

    def start(self) -> None:
        """Start the store again; it may not accept connections yet."""
        with self.log.open("ab") as log:
            self.started = subprocess.Popen(
                self.command, executable=self.program, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.pid = self.started.pid

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep the process stopped during the block."""
        with freeze(str(self.pid)):
            yield

    def end(self) -> None:
        """End a process that was started here; local_stack.sh knows only the first one."""
        if self.started is None or self.started.poll() is not None:
            return
        self.started.terminate()
        self.started.send_signal(signal.SIGCONT)
        try:
            self.started.wait(30)
        except subprocess.TimeoutExpired:
            self.started.kill()
            self.started.wait(10)


def find_mariadb(stack: Stack) -> Store:
    """Return the stack's MariaDB."""
    pid = int(stack["DB_PID"])
    folder = Path(psutil.Process(pid).cwd())  # its data folder
    return Store(pid, psutil.Process(pid).cmdline(), folder.parent / "mariadb.log")


def find_redis(stack: Stack, folder: Path) -> Store:
    """Return the stack's Redis, whose command line is no longer what it was started with."""
    return Store(int(stack["REDIS_PID"]), ["redis-server", str(folder / "redis.conf")], folder / "redis.log")


def await_mariadb(stack: Stack) -> float:
    """Wait until MariaDB accepts; return when that was."""
    for _ in range(STARTS_WITHIN_S * 20):
        try:
            with connect_to_mariadb(stack):
                return time.monotonic()
        except mysql.connector.Error:
            time.sleep(0.05)
    raise AssertionError("MariaDB did not come back")


def await_redis(stack: Stack) -> float:
    """Wait until Redis accepts; return when that was."""
    for _ in range(STARTS_WITHIN_S * 20):
        try:
            with redis.Redis.from_url(stack["REDIS_URL"]) as client:
                client.ping()
                return time.monotonic()
        except redis.RedisError:
            time.sleep(0.05)
    raise AssertionError("Redis did not come back")


def list_connections(mariadb: Store) -> list[int]:
    """Return the ids of all connections of the services' account, the stand's own among them."""
    rows = administer(mariadb, "SELECT id FROM information_schema.processlist WHERE user = 'libros' ORDER BY id")
    return [int(row[0]) for row in rows]


def kill_connections(mariadb: Store, ids: Sequence[int], before: str = "") -> None:
    """Run some SQL, then end these connections; those that are gone already do not matter."""
    administer(mariadb, before + "".join(f"KILL CONNECTION {each};\n" for each in ids), forced=True)


def administer(mariadb: Store, sql: str, *, forced: bool = False) -> list[list[str]]:
    """Run SQL as the administrator, over its socket; return the rows. `forced` goes on after errors.

    Without TLS: the client of MariaDB 11 takes it on a socket too, and refuses a certificate of a test's own.
    """
    client = Path(mariadb.program).parent.parent / "bin" / "mariadb"
    me = psutil.Process().username()
    ran = subprocess.run(
        [client, "--no-defaults", "--protocol=socket", "--socket=mariadb.sock", "--skip-ssl", f"--user={me}",
         "--batch", "--skip-column-names", *(["--force"] if forced else [])],
        input=sql, cwd=mariadb.folder, env={**os.environ, **mariadb.environment}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert forced or ran.returncode == 0, f"{sql}: {ran.stderr}"
    return [line.split("\t") for line in ran.stdout.splitlines()]
