"""One service under test: started with a stack's settings, on one core or on all, and ended whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from benchmarks.stand import PROJECT, StandError
from load.client.http_client import open_http
from stack.ports import find_free_ports
from stack.programs import started

AUTH, BOOKS, BARE = "app_jwt_redis:app", "microservicioCQRSRedis:app", "benchmarks.bare:app"
PEER = "benchmarks.peers.fastapi_books:app"
START_S = 30


class Service(NamedTuple):
    """A running service: its address, and the process whose children are its workers, if it has any."""

    url: str
    pid: int


@contextmanager
def serve(
    app: str, settings: dict[str, str], folder: Path, core: int | None = None, workers: int = 1
) -> Iterator[Service]:
    """Run an app on some workers, held to a core if one is given; raises StandError when it does not start.

    It runs under this Python, or under that which BENCHMARK_PYTHON in the settings names.
    """
    python = settings.get("BENCHMARK_PYTHON", sys.executable)
    port = find_free_ports(1)[0]
    held = [] if core is None else ["taskset", "-c", str(core)]
    command = [*held, *name_command(python, app, port, workers)]
    with (
        (folder / "worker.log").open("w", encoding="utf-8") as log,
        started(command, end_group, cwd=PROJECT, env=settings, stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        await_answer(url, process, folder / "worker.log")
        yield Service(url, process.pid)


def name_command(python: str, app: str, port: int, workers: int) -> list[str]:
    """Return the command that serves an app: the peer has uvicorn, the others Gunicorn with gunicorn.conf.py."""
    if app == PEER:
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--port", str(port)]
        return [python, "-m", "uvicorn", *options, "--workers", str(workers), app]
    return [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers), app]


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return as soon as `url` answers anything; raises StandError when it does not."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            open_http().get(f"{url}/health", timeout=5)
            return
        except requests.RequestException:
            time.sleep(0.1)
    raise StandError(f"the worker did not start: {log.read_text(encoding='utf-8').strip()[-300:]}")


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end and end its group after 40 s, longer than Gunicorn's own patience."""
    process.terminate()
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
