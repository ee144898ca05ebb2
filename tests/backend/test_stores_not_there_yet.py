"""Services that start before their stores: they come up, say what is missing, and recover by themselves."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from stack.ports import find_free_ports
from tests.support.clients import Client, register, sign_in
from tests.support.outages import check_not_ready, kill, wait_until_ready
from tests.support.stacks import PROJECT, Stack, start_stack

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "1"}
SETTINGS = ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "REDIS_URL", "JWT_SECRET")


@contextmanager
def run_service(own: Stack, app: str) -> Iterator[str]:
    """Start a service as the README does, on a port of its own, and yield its URL."""
    (port,) = find_free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", app]
    environment = {**os.environ, **{key: own[key] for key in SETTINGS}, "BCRYPT_ROUNDS": "4"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_until_healthy(url: str) -> None:
    """Wait until the service answers /health; fail after ten seconds."""
    for _ in range(100):
        try:
            assert requests.get(f"{url}/health", timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not start")


def test_services_started_while_the_stores_are_down_come_up_and_recover(
    own_settings: dict[str, str],
) -> None:
    own = start_stack(own_settings)
    account = register(own["AUTH_URL"])
    kill(own["DB_PID"])
    kill(own["REDIS_PID"])
    with run_service(own, "app_jwt_redis:app") as auth_url, run_service(own, "microservicioCQRSRedis:app") as books_url:
        for url in (auth_url, books_url):
            wait_until_healthy(url)
            check_not_ready(url, database="down", redis="down")
        start_stack(own_settings)
        for url in (auth_url, books_url):
            wait_until_ready(url, 5)
        token = sign_in(auth_url, account)["access_token"]
        with Client(books_url, token) as books:
            assert books.get("/api/books").status_code == 200
