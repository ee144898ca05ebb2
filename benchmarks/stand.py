"""The stand: private stacks that local_stack.sh brings up and takes down."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mysql.connector
import psutil
from dotenv import dotenv_values

from load.client.http_client import open_http
from stack.ports import find_free_ports
from stack.programs import started, undisturbed

PROJECT = Path(__file__).resolve().parent.parent
SETTINGS = {"BCRYPT_ROUNDS": "12", "READ_MODEL": "redis", "ACCESS_TOKEN_TTL": "86400"}  # a token outlives the whole run
UP_S, REBUILD_S = 600, 120


class StandError(Exception):
    """Something of the stand does not work; the text says what."""


@dataclass(frozen=True)
class Stack:
    """A running stack: its stack.env, an account with an access token, and the JSON of a book of middle length."""

    values: dict[str, str]
    account: dict[str, str]
    token: str
    book: str

    def settings(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that belongs to this stack, the defaults of .env.example in it."""
        defaults = {name: value for name, value in dotenv_values(PROJECT / ".env.example").items() if value}
        return {**os.environ, **defaults, **self.values, **SETTINGS, **more}

    def connect(self) -> Any:
        """Return a connection to MariaDB, in autocommit."""
        names = {"host": "DB_HOST", "port": "DB_PORT", "user": "DB_USER", "password": "DB_PASSWORD"}
        given: dict[str, Any] = {name: self.values[variable] for name, variable in names.items()}
        given |= {"database": self.values["DB_NAME"], "charset": "utf8mb4", "collation": "utf8mb4_bin"}
        return mysql.connector.connect(**given, autocommit=True, use_pure=False)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, none for a change."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def open_stack(folder: Path, project: Path = PROJECT, /, **settings: str) -> Iterator[Stack]:
    """Bring up a stack with its state in `folder` and take it down afterwards, whatever happens; of another build if
    that is its `project`.
    """
    auth_port, books_port = find_free_ports(2)
    ports = {"AUTH_PORT": str(auth_port), "BOOKS_PORT": str(books_port)}
    chosen = {**SETTINGS, "STACK_DIR": str(folder), **ports, **settings}
    try:
        run_local_stack("up", chosen, project)
        values = {name: value or "" for name, value in dotenv_values(folder / "stack.env", interpolate=False).items()}
        account, token = open_account(values["AUTH_URL"])
        if chosen["READ_MODEL"] == "redis":
            await_read_model(values["BOOKS_URL"], token)
        yield Stack(values, account, token, read_book(values["BOOKS_URL"], token))
    finally:
        with undisturbed():
            run_local_stack("down", chosen, project)


def run_local_stack(command: str, settings: dict[str, str], project: Path) -> None:
    """Run one command of local_stack.sh out of reach of Ctrl-C; raises StandError with its last words."""
    environment = {**os.environ, **settings}
    if project != PROJECT:
        environment.pop("VIRTUAL_ENV", None)  # it has requirements of its own
    log = Path(settings["STACK_DIR"] + ".log")
    with log.open("a", encoding="utf-8") as words:
        call, to = [str(project / "local_stack.sh"), command], {"stdout": words, "stderr": subprocess.STDOUT}
        code = run_script(call, UP_S, cwd=project, env=environment, **to)
    if code:
        raise StandError(f"local_stack.sh {command} ended with {code}:\n{read_last(log)}")


def run_script(call: list[str], seconds: float, **options: Any) -> int:
    """Run a script to its end and return its exit code; an interrupt lets it stop what it has started first."""
    with started(call, end_script, **options) as process:
        return process.wait(timeout=seconds)


def end_script(process: "subprocess.Popen[bytes]") -> None:
    """Ask a script to end, and wait until it has stopped what it has started."""
    process.terminate()
    process.wait(timeout=90)


def read_last(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8").splitlines()[-8:])


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder for everything that a block writes, and remove it even if asked to end meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="libros-benchmark-"))
    try:
        yield folder
    finally:
        with undisturbed():
            shutil.rmtree(folder)


def open_account(auth_url: str) -> tuple[dict[str, str], str]:
    """Register an account; return its name and password, and an access token."""
    account = {"username": f"bench_{secrets.token_hex(6)}", "password": secrets.token_urlsafe(18)}
    http = open_http()
    http.post(f"{auth_url}/register", json={**account, "email": f"{account['username']}@example.com"}, timeout=30)
    answer = http.post(f"{auth_url}/login", json=account, timeout=30)
    if not answer.ok:
        raise StandError(f"the new account could not log in: {answer.status_code} {answer.text[:200]}")
    return account, str(answer.json()["access_token"])


def await_read_model(books_url: str, token: str) -> str:
    """Wait while queries are answered from MariaDB for want of a read model; return what the last one came from."""
    deadline = time.monotonic() + REBUILD_S
    while True:
        answer = open_http().get(
            f"{books_url}/api/books", params={"limit": 1}, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        source = answer.headers.get("Catalogue-Version", "")
        if source != "mariadb" or time.monotonic() > deadline:
            return source
        time.sleep(0.2)


def read_book(books_url: str, token: str) -> str:
    """Return the JSON of a book of middle length among a hundred."""
    headers = {"Authorization": f"Bearer {token}"}
    page = open_http().get(f"{books_url}/api/books", params={"limit": 100}, headers=headers, timeout=30).json()
    books = [json.dumps(book, separators=(",", ":"), ensure_ascii=False) for book in page["items"]]
    return sorted(books, key=len)[len(books) // 2]


def end_services(stack: Stack) -> None:
    """End the stack's own two services, so that only the worker under test works."""
    for name in ("AUTH_PID", "BOOKS_PID"):
        service = psutil.Process(int(stack.values[name]))
        service.terminate()
        service.wait(timeout=60)
