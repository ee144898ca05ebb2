"""Outages of a private stack's stores, and what /ready and /health owe meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
import requests


def kill(pid: str) -> None:
    """Kill a process of this module's stack and wait until it is gone."""
    os.kill(int(pid), signal.SIGKILL)
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} did not end")


@contextmanager
def freeze(pid: str) -> Iterator[None]:
    """Stop a process of this module's stack and let it go on afterwards."""
    process = psutil.Process(int(pid))
    process.suspend()
    try:
        while process.status() != psutil.STATUS_STOPPED:  # its threads answer for a moment longer
            time.sleep(0.001)
        yield
    finally:
        os.kill(int(pid), signal.SIGCONT)


def check_not_ready(url: str, **stores: str) -> None:
    """Assert that /ready tells the state of both stores within two seconds, and /health stays good."""
    started = time.monotonic()
    answer = requests.get(f"{url}/ready", timeout=10)
    assert time.monotonic() - started < 2
    assert (answer.status_code, {name: answer.json()[name] for name in stores}) == (503, stores)
    health = requests.get(f"{url}/health", timeout=10)
    assert (health.status_code, health.json()["status"]) == (200, "ok")


def wait_until_ready(url: str, seconds: float) -> None:
    """Wait until /ready answers 200; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while requests.get(f"{url}/ready", timeout=10).status_code != 200:
        assert time.monotonic() < deadline, f"{url} did not recover"
        time.sleep(0.1)
    time.sleep(0.5)  # twice the pause after which the other workers ask a store again that did not answer


@contextmanager
def full_redis(store: "redis.Redis") -> Iterator[None]:
    """Let Redis refuse whatever needs memory during the block."""
    store.config_set("maxmemory", 1)
    try:
        yield
    finally:
        store.config_set("maxmemory", 0)
