"""Where an experiment works: a private MariaDB and Redis, the programs that it starts, and a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mysql.connector

from stack.ports import find_free_ports
from stack.programs import postponed, started, undisturbed

PROJECT = Path(__file__).parents[1]
KEPT = ("PATH", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH")  # of the environment: nothing else acts unseen
READY_S, END_S = 20.0, 10.0


class Place:
    """The stores, whose settings lie in `folder`, and the programs of experiments, with their logs in that folder."""

    def __init__(self, folder: Path) -> None:
        """Take the stores that run in a folder, see run_place()."""
        self.folder = folder
        lines = (folder / "settings").read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        self.db_port = int(found["DB_PORT"])
        self.password = found["DB_PASSWORD"]
        self.redis_url = f"redis://:{found['REDIS_PASSWORD']}@127.0.0.1:{found['REDIS_PORT']}/0"
        self.db_pid, self.redis_pid = (
            int((folder / f"{name}.pid").read_text().split()[0]) for name in ("mariadb", "redis")
        )
        self._programs: list[subprocess.Popen[bytes]] = []
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "HOME": str(folder), "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1",
            "DB_HOST": "127.0.0.1", "DB_PORT": found["DB_PORT"],
            "DB_USER": "libros", "DB_PASSWORD": self.password, "DB_NAME": "Libros", "REDIS_URL": self.redis_url,
            "JWT_SECRET": found["JWT_SECRET"],
        }  # fmt: skip

    def ask(self, statement: str, *values: Any) -> list[Any]:
        """Run one statement as MariaDB's administrator, on a connection of its own, and give its rows as tuples."""
        with self.administrator() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def administrator(self) -> Iterator[Any]:
        """Give a cursor of MariaDB's administrator for a `with` block, on a connection of its own."""
        connection = mysql.connector.connect(
            host="127.0.0.1", port=self.db_port, user="lessons", password=self.password, autocommit=True,
            charset="utf8mb4", collation="utf8mb4_bin", use_pure=False, connection_timeout=5, ssl_disabled=True,
        )  # fmt: skip
        try:
            yield connection.cursor()
        finally:
            connection.close()

    @contextmanager
    def mariadb_with(self, **variables: int) -> Iterator[None]:
        """Let MariaDB have other values of global variables in a `with` block; new connections see them."""
        before = {name: self.ask(f"SELECT @@GLOBAL.{name}")[0][0] for name in variables}
        try:
            for name, value in variables.items():
                self.ask(f"SET GLOBAL {name} = {int(value)}")
            yield
        finally:
            for name, value in before.items():
                self.ask(f"SET GLOBAL {name} = {int(value)}")

    @contextmanager
    def frozen(self, pid: int) -> Iterator[None]:
        """Let a process stand still in a `with` block: `db_pid`, `redis_pid`, or that of a program."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program in the folder, with the addresses of the stores and more variables in its environment.

        The names of the addresses are those of .env.example. Its output goes to programs.log in the folder.
        """
        with (self.folder / "programs.log").open("ab") as log, postponed():
            program = subprocess.Popen(
                command, cwd=self.folder, env=self.environment | environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
            self._programs.append(program)
        return program

    @contextmanager
    def running(self, *command: str, port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server in a `with` block, which begins when the server takes connections at the port."""
        program = self.start(*command, **environment)
        try:
            self._wait_for(port, program)
            yield program
        finally:
            self.end(program)

    @contextmanager
    def gunicorn(self, app: str, *, workers: int = 1, threads: int = 1, **environment: str) -> Iterator[str]:
        """Serve `module:app` with Gunicorn's threaded worker in a `with` block, and give the address of the server."""
        (port,) = find_free_ports(1)
        command = [
            sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers),
            "--worker-class", "gthread", "--threads", str(threads), "--keep-alive", "75", "--backlog", "2048",
            "--no-control-socket", "--graceful-timeout", "2", app,
        ]  # fmt: skip
        with self.running(*command, port=port, **environment):
            yield f"http://127.0.0.1:{port}"

    def end(self, program: subprocess.Popen[bytes]) -> None:
        """End a program, and what is left of its session."""
        program.terminate()
        try:
            program.wait(END_S)
        except subprocess.TimeoutExpired:
            program.kill()
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait(END_S)
        if program in self._programs:
            self._programs.remove(program)

    def read_log_end(self) -> list[str]:
        """The last lines that the programs wrote."""
        log = self.folder / "programs.log"
        return log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []

    def end_all(self) -> None:
        """End every program that still runs."""
        for program in list(self._programs):
            self.end(program)

    def _wait_for(self, port: int, program: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and program.poll() is None:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the program did not take connections: see the end of {self.folder}/programs.log")


@contextmanager
def run_place(folder: Path) -> Iterator[Place]:
    """Run the stores in a folder for a `with` block; whatever ends it, nothing of them is left. Raises SystemExit."""
    try:
        _call_stores("up", folder)
        place = Place(folder)
        try:
            yield place
        finally:
            place.end_all()
    finally:
        with undisturbed():
            if list(folder.glob("*.pid")):
                _call_stores("down", folder)


def _call_stores(action: str, folder: Path) -> None:
    """Call stores.sh in a session of its own: it is ended by SIGTERM, so that it can undo what it began."""
    command = [str(PROJECT / "lessons" / "stores.sh"), action]
    where = os.environ | {"STACK_DIR": str(folder)}
    with started(command, _ask_to_end, env=where, stdout=subprocess.DEVNULL) as script:
        code = script.wait()
    if code:
        raise SystemExit(code)


def _ask_to_end(script: "subprocess.Popen[bytes]") -> None:
    script.terminate()
    script.wait()
