"""How a load begins in Locust's page where it cannot begin everywhere, or not yet, or not again."""

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


def test_a_second_load_is_not_recorded_under_the_name_of_the_first(stack: Stack, folder: Path) -> None:
    write_run_file(folder, stack)
    with serve_page(stack, folder, "--record", "run") as page:
        swarm(page, 4)
        words = "run has the record of a load already; start Locust again with another --record"
        wait_until(lambda: press_start(page, 4) == words, 5)
        assert ask_stats(page)["user_count"] == 0
    remove_books(folder, stack)
