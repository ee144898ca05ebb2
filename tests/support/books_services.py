"""Starts books services beside a stack's own: with other settings, from another WSGI file or another folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import requests

from stack.ports import find_free_ports
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack

GIVEN = ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "REDIS_URL", "JWT_SECRET", "METRICS_TOKEN")
START_S = 30


class BooksService(NamedTuple):
    """A books service that runs: where it answers, its Gunicorn master, and what it says."""

    url: str
    pid: int
    log: Path


@contextmanager
def run_books_service(
    stack: Stack,
    log: Path,
    *options: str,
    app: str = "microservicioCQRSRedis:app",
    folder: Path = PROJECT,
    **settings: str,
) -> Iterator[BooksService]:
    """Run a books service on the stack's stores until the end of the block; `options` are Gunicorn's."""
    (port,) = find_free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, app]
    environment = choose_environment(None) | choose_books_settings(stack) | settings
    with log.open("ab") as output, subprocess.Popen(command, cwd=folder, env=environment, stderr=output) as process:
        try:
            wait_until_serving(f"http://127.0.0.1:{port}", process, log)
            yield BooksService(f"http://127.0.0.1:{port}", process.pid, log)
        finally:
            end(process)


def choose_books_settings(stack: Stack) -> dict[str, str]:
    """Return the settings of a books service on the stores of that stack, with the default read model."""
    return {name: stack[name] for name in GIVEN} | {"READ_MODEL": "redis", "STACK_DIR": ""}


def wait_until_serving(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until /ready answers 200; fail with the end of the log when that takes too long."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/ready", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} does not serve:\n{log.read_text()[-3000:]}")


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a service with its workers, without waiting for connections that are kept alive."""
    workers = list_workers(process.pid)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        for worker in workers:
            worker.kill()


def list_workers(pid: int) -> list[psutil.Process]:
    """Return the worker processes of a Gunicorn master that live now."""
    try:
        return [each for each in psutil.Process(pid).children() if each.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def stop_own_books_service(stack: Stack) -> None:
    """End the stack's own books service, so that nothing but what a test starts works on its stores."""
    master = psutil.Process(int(stack["BOOKS_PID"]))
    os.kill(master.pid, signal.SIGINT)  # at once
    for _ in range(600):
        if not master.is_running() or master.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the stack's books service did not end")
