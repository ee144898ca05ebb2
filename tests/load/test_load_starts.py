"""How a load begins in Locust's page where it cannot begin everywhere, or not yet, or not again."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.records_of_load import add_accounts, remove_books, write_run_file
from tests.support.scripts import run_on
from tests.support.stacks import PROJECT, Stack
from tests.support.web_pages import ask_stats, serve_page, swarm, wait_until

# One of the worker processes looks for the services where none is.
ASTRAY = """
import os
from locust import events
from locust.runners import WorkerRunner
from load.run.hooks import install_hooks
from load.users.reads import list_books
from load.users.user import LibraryUser

@events.init.add_listener
def go_astray(environment, runner, **_):
    if isinstance(runner, WorkerRunner) and runner.worker_index == 1:
        os.environ["AUTH_URL"] = "http://127.0.0.1:9"

install_hooks()

class ListUser(LibraryUser):
    tasks = [list_books]
    think_time = lambda self: 0.3
"""
HOST = "http://127.0.0.1"


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with accounts and sessions."""
    return add_accounts(tmp_path, ready)


def press_start(page: str, users: int) -> str:
    """Press Start as the page does, and return what it says: "" when a load begins."""
    form = {"user_count": users, "spawn_rate": 100, "host": HOST}
    said = requests.post(f"{page}/swarm", data=form, timeout=10).json()
    return "" if said["success"] else str(said["message"])


def test_a_process_that_cannot_begin_says_why_and_leaves_the_next_loads_to_the_others(
    stack: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    (folder / "astray.py").write_text(ASTRAY)
    with serve_page(stack, folder, *run_on(2), locustfile=str(folder / "astray.py")) as page:
        wait_until(lambda: len(ask_stats(page)["workers"]) == 2)
        wait_until(lambda: not press_start(page, 6))
        wait_until(lambda: len(ask_stats(page)["workers"]) == 1)
        (told,) = requests.get(f"{page}/exceptions", timeout=5).json()["exceptions"]
        words = "a process of the load ends because it cannot begin: nothing answers at http://127.0.0.1:9"
        assert told["msg"].startswith(words)
        requests.post(f"{page}/stop", timeout=20)
        wait_until(lambda: ask_stats(page)["user_count"] == 0)
        swarm(page, 6)
    log = (folder / "log").read_text()
    assert words in log and "not every process of the load has sent its last report" not in log


@pytest.mark.parametrize("processes", [1, 2])
def test_the_next_load_begins_once_the_files_of_the_last_are_written_and_has_an_end_of_its_own(
    stack: Stack, folder: Path, processes: int
) -> None:
    many = run_on(processes) if processes > 1 else []
    with serve_page(stack, folder, "--csv", "run", *many) as page:
        wait_until(lambda: not press_start(page, 4))
        wait_until(lambda: ask_stats(page)["total_rps"] > 1)
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(stop, page)
            wait_until(lambda: ask_stats(page)["state"] == "stopped")
            wait_until(lambda: not press_start(page, 4), 60)
            began = time.time()
            assert stopping.result() < began + 0.6
        wait_until(lambda: ask_stats(page)["user_count"] == 4)
        ended = stop(page)
    totals = json.loads((folder / "run_requests.json").read_text())
    assert began < totals["stopped_at"] < ended


def stop(page: str) -> float:
    """Stop a load, and return when its end was through."""
    assert requests.post(f"{page}/stop", timeout=30).ok
    return time.time()


def test_a_second_load_is_not_recorded_under_the_name_of_the_first(stack: Stack, folder: Path) -> None:
    write_run_file(folder, stack)
    with serve_page(stack, folder, "--record", "run") as page:
        swarm(page, 4)
        words = "run has the record of a load already; start Locust again with another --record"
        wait_until(lambda: press_start(page, 4) == words, 5)
        assert ask_stats(page)["user_count"] == 0
    remove_books(folder, stack)
