"""Builds of both services with protections taken out, run beside a stack's own: the controls of the guards."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from stack.ports import find_free_ports
from tests.support.books_services import choose_books_settings, end
from tests.support.read_models import wait_until
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack

APPS = {"auth": "app_jwt_redis:app", "books": "microservicioCQRSRedis:app"}
# A file if it matters which, a text that stands once in it or in all the code, and what is put in its place.
Change = tuple[str, str, str] | tuple[str, str]


class Services(NamedTuple):
    """Where the two services of a build answer, and their Gunicorn masters; what was not started is the stack's own."""

    auth: str
    books: str
    auth_pid: int
    books_pid: int


def list_own(stack: Stack) -> Services:
    """Return the services of the stack itself: the build with every protection."""
    return Services(stack["AUTH_URL"], stack["BOOKS_URL"], int(stack["AUTH_PID"]), int(stack["BOOKS_PID"]))


def copy_build(folder: Path, *changes: Change) -> Path:
    """Copy the services' code into `folder`, make the changes there, and return the folder."""
    shutil.copytree(PROJECT / "backend", folder / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app_jwt_redis.py", "microservicioCQRSRedis.py", "gunicorn.conf.py"):
        shutil.copy(PROJECT / name, folder / name)
    for *file, old, new in changes:
        holders = [
            path for path in (folder.rglob("*.py") if not file else [folder / file[0]]) if old in path.read_text()
        ]
        assert [path.read_text().count(old) for path in holders] == [1], (
            f"it does not hold once what to take out: {old!r}"
        )
        holders[0].write_text(holders[0].read_text().replace(old, new))
    return folder


def shift_clock(seconds: int) -> Change:
    """Return the change that lets a build's processes see another time than this machine's, the future if positive."""
    shifted = f"import time\n\n_machine_s = time.time\ntime.time = lambda: _machine_s() + {seconds}\n"
    return ("backend/__init__.py", "__version__ = ", f"{shifted}__version__ = ")


@contextmanager
def run_build(
    stack: Stack, folder: Path, *changes: Change, only: str = "", workers: str = "1", **settings: str
) -> Iterator[Services]:
    """Run a build with these changes on the stack's stores, of `workers` each; `only` names the one service needed.

    Their logs are `auth.log` and `books.log` in `folder`.
    """
    copy_build(folder, *changes)
    services = list_own(stack)
    with ExitStack() as running:
        for name in [only] if only else list(APPS):
            url, pid = running.enter_context(run_service(stack, folder, name, workers, **settings))
            if name == "auth":
                services = services._replace(auth=url, auth_pid=pid)
            else:
                services = services._replace(books=url, books_pid=pid)
        yield services


@contextmanager
def run_service(
    stack: Stack, folder: Path, name: str, workers: str = "1", **settings: str
) -> Iterator[tuple[str, int]]:
    """Run one service of a build, whether its stores answer or not; give its address and its Gunicorn master."""
    (port,) = find_free_ports(1)
    url, log = f"http://127.0.0.1:{port}", folder / f"{name}.log"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", workers, APPS[name]]
    environment = choose_environment(None) | choose_books_settings(stack) | {"BCRYPT_ROUNDS": "4"} | settings
    with log.open("ab") as output, subprocess.Popen(command, cwd=folder, env=environment, stderr=output) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(url), 30, f"{name} answers")
            assert process.poll() is None, log.read_text()[-3000:]
            yield url, process.pid
        finally:
            end(process)


def answers(url: str) -> bool:
    """Tell whether a service answers."""
    try:
        return requests.get(f"{url}/health", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
