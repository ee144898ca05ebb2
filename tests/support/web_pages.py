"""Serves the web page of Locust, and starts, watches and stops loads in it as a person does."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from stack.ports import find_free_ports
from tests.support.scripts import choose_environment, locust_command
from tests.support.stacks import Stack


def wait_until(holds: Any, seconds: float = 20) -> None:
    """Wait until it holds; AssertionError when it does not within the seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


@contextmanager
def serve_page(stack: Stack, folder: Path, *arguments: str, locustfile: str = "locustfile.py") -> Iterator[str]:
    """Serve Locust's web page and yield its address; the log is in `folder`."""
    (port,) = find_free_ports(1)
    command = locust_command(locustfile, "--web-port", str(port), "--web-host", "127.0.0.1", *arguments)
    with open(folder / "log", "w", encoding="utf-8") as log:
        running = subprocess.Popen(
            command, cwd=folder, env=choose_environment(stack), stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    page = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_up(page))
        yield page
    finally:
        running.terminate()
        running.wait(30)


def is_up(page: str) -> bool:
    """Tell whether the page answers."""
    try:
        return requests.get(page, timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def swarm(page: str, users: int) -> None:
    """Start a load in the page as soon as it is prepared, see it there, and stop it."""
    form = {"user_count": users, "spawn_rate": 20, "host": "http://127.0.0.1"}
    wait_until(lambda: requests.post(f"{page}/swarm", data=form, timeout=10).json()["success"])
    wait_until(lambda: ask_stats(page)["user_count"] == users)
    wait_until(lambda: ask_stats(page)["total_rps"] > 1)
    assert ask_stats(page)["errors"] == []
    requests.post(f"{page}/stop", timeout=20)
    wait_until(lambda: ask_stats(page)["user_count"] == 0)


def ask_stats(page: str) -> dict[str, Any]:
    """Return what the page shows."""
    return dict(requests.get(f"{page}/stats/requests", timeout=5).json())
