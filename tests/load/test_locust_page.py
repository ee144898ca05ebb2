"""Locust's web page: it is open at once, says how far a load is prepared, and sees each load from its start to its end.

The services are some way off here, and their tokens are good for a few seconds only.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from load.run.shared_sessions import plan_refreshes
from tests.faults.proxy import Proxy, run_proxy
from tests.support.browser import find_browser
from tests.support.browsing import Tab, browse
from tests.support.clients import Client, register, sign_in
from tests.support.read_models import LONG, NO_CACHE, bound, connect_to_redis
from tests.support.records_of_load import add_accounts
from tests.support.scripts import prepare_accounts, run_on
from tests.support.shelf import convert_isbn_10, make_book, make_isbn_10
from tests.support.stacks import PROJECT, Stack, start_stack
from tests.support.web_pages import ask_stats, serve_page, wait_until

STACK_SETTINGS = {"ACCESS_TOKEN_TTL": "10"}  # seconds
LATENCY_S = 0.1
HOST = "http://127.0.0.1"
USERS = 'document.querySelector("input[name=userCount]")'


@pytest.fixture(scope="module")
def near(own_settings: dict[str, str]) -> Stack:
    """The services without the way to them."""
    return start_stack(own_settings)


@pytest.fixture(scope="module")
def accounts(near: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with accounts that are registered."""
    folder = tmp_path_factory.mktemp("accounts")
    prepare_accounts(folder, near)
    return folder


@pytest.fixture(scope="module")
def proxies(near: Stack) -> Iterator[list[Proxy]]:
    """What makes the way to both services long."""
    ports = [int(near[name].rpartition(":")[2]) for name in ("AUTH_URL", "BOOKS_URL")]
    with run_proxy(ports[0]) as auth, run_proxy(ports[1]) as books:
        yield [auth, books]


@pytest.fixture
def far(near: Stack, proxies: list[Proxy]) -> Iterator[Stack]:
    """The services at the end of that way; it takes no time until the test says so."""
    auth, books = proxies
    yield {**near, "AUTH_URL": f"{HOST}:{auth.port}", "BOOKS_URL": f"{HOST}:{books.port}"}
    set_latency(proxies, 0)


@pytest.fixture
def folder(accounts: Path, tmp_path: Path) -> Path:
    """A new folder for the logs of a page, with accounts that have sessions at no address yet."""
    folder = add_accounts(tmp_path, accounts)
    (folder / "sessions.json").unlink()
    return folder


class Reader(Client):
    """A client whose token does not run out."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack["BOOKS_URL"])
        self._auth_url, self._account, self._until = stack["AUTH_URL"], register(stack["AUTH_URL"]), 0.0

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        if time.monotonic() > self._until:
            self._until = time.monotonic() + 3
            token = sign_in(self._auth_url, self._account)["access_token"]
            self.headers["Authorization"] = f"Bearer {token}"
        return super().request(*args, **kwargs)


@pytest.fixture
def reader(near: Stack) -> Iterator[Client]:
    """A client of the books service."""
    with Reader(near) as client:
        yield client


def set_latency(proxies: list[Proxy], seconds: float) -> None:
    """Make each round trip to the services longer by so much."""
    for proxy in proxies:
        proxy.latency_s = seconds


def ask_users(page: str) -> int:
    """Return how many users there are now; the numbers that the page asks for are up to two seconds old."""
    found = re.search(r'"user_count": (\d+)', requests.get(page, timeout=5).text)
    assert found
    return int(found[1])


def press_start(page: str, users: int) -> str:
    """Press Start as the page does, and return what it says: "" when a load begins."""
    form = {"user_count": users, "spawn_rate": 100, "host": HOST}
    said = requests.post(f"{page}/swarm", data=form, timeout=10).json()
    return "" if said["success"] else str(said["message"])


def start(page: str, users: int) -> set[str]:
    """Press Start until a load begins, wait until all users are there, and return what was said before."""
    said: set[str] = set()
    while words := press_start(page, users):
        said.add(words)
        assert len(said) < 30, said
        time.sleep(0.2)
    wait_until(lambda: ask_users(page) == users)
    return said


def stop(page: str) -> None:
    """Stop a load that has met no failure."""
    assert ask_stats(page)["errors"] == []
    requests.post(f"{page}/stop", timeout=20)


def count_books(reader: Client) -> int:
    """Return how many books MariaDB has."""
    return int(reader.get("/api/books?limit=1", headers=NO_CACHE).json()["total"])


def press(tab: Tab, name: str) -> None:
    """Press a button as soon as it is there."""
    wait_until(lambda: tab.press(name))


def watch_load(tab: Tab, page: str, users: int) -> None:
    """Start a load in the browser, see it there, and stop it there."""
    wait_until(lambda: tab.ask(f"{USERS} !== null"))
    tab.ask(f'{USERS}.value = "{users}"')
    press(tab, "Start")
    began = time.monotonic()
    wait_until(lambda: ask_users(page) > 0)
    assert time.monotonic() - began < bound(1.0)
    time.sleep(2.5)  # the page has asked by then, and goes on only if it was told of a load
    wait_until(lambda: read_header(tab) == ["RUNNING", str(users)], 5)
    press(tab, "Stop")
    wait_until(lambda: read_header(tab)[0] == "STOPPED", 10)


def read_header(tab: Tab) -> list[str]:
    """Return the state and the users that the top of the page shows."""
    lines = [line.strip().upper() for line in tab.read().splitlines() if line.strip()]
    return [lines[lines.index(name) + 1] if name in lines else "" for name in ("STATUS", "USERS")]


@pytest.mark.alone
@pytest.mark.skipif(not find_browser(), reason="no browser")
def test_the_page_is_open_at_once_says_how_far_it_is_and_sees_three_loads_in_a_row(
    far: Stack, proxies: list[Proxy], folder: Path, reader: Client
) -> None:
    before = count_books(reader)
    set_latency(proxies, LATENCY_S)
    with serve_page(far, folder) as page, browse(folder) as tab:
        tab.open(page)
        press(tab, "Start")
        wait_until(lambda: "The load is still being prepared" in tab.read())
        fields = [tab.ask(f'document.querySelector("input[name={name}]").value') for name in ("userCount", "spawnRate")]
        assert fields == ["200", "20"]
        wait_until(lambda: "prepared: a test starts at once" in (folder / "log").read_text())
        for number, users in enumerate((12, 7, 15)):
            if number:
                press(tab, "New")
            watch_load(tab, page, users)
        wait_until(lambda: count_books(reader) == before)
    log = (folder / "log").read_text()
    assert re.search(r"preparing the load: [\d,]+ of 5,000 books are read", log), log
    assert "cannot be carried on" not in log and "Traceback" not in log


# Looks at the first page alone, so that each change in it is met at once.
LISTS = """
from load.run.hooks import install_hooks
from load.users.reads import list_books
from load.users.user import LibraryUser

install_hooks()

class ListUser(LibraryUser):
    tasks = [list_books]
    think_time = lambda self: 0.3
"""


def test_what_has_changed_between_two_loads_is_found_when_the_next_one_starts(
    far: Stack, proxies: list[Proxy], folder: Path, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    (folder / "lists.py").write_text(LISTS)
    first = reader.get("/api/books").json()["items"][0]
    added = make_book(title="!", isbn=convert_isbn_10(make_isbn_10("X")))  # no book of a load

    def wait() -> None:
        """Nothing changes."""

    def change() -> None:
        assert reader.patch(f"/api/books/{first['isbn']}", json={"stock": first["stock"] + 1}).status_code == 200

    def add() -> None:
        assert reader.post("/api/books", json=added).status_code == 201

    def sign_out() -> None:
        with connect_to_redis(far) as store:
            store.flushall()

    def sleep() -> None:
        """Tokens run out meanwhile, and nobody refreshes them."""
        process = find_listener(page)
        process.suspend()
        time.sleep(9)
        process.resume()

    try:
        with serve_page(far, folder, locustfile=str(folder / "lists.py")) as page:
            for between in (wait, change, add, sign_out, sleep):
                between()
                start(page, 5)
                time.sleep(2)  # so long the page may show the numbers of the last load
                wait_until(lambda: ask_stats(page)["total_rps"] > 1)
                stop(page)
                time.sleep(2)  # what changes before the catalogue is looked at again is taken for the load's own
    finally:
        reader.delete(f"/api/books/{added['isbn']}")
        reader.patch(f"/api/books/{first['isbn']}", json={"stock": first["stock"]})


def find_listener(page: str) -> psutil.Process:
    """Return the process that serves a page."""
    port = int(page.rpartition(":")[2])
    (pid,) = {
        one.pid for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr == ("127.0.0.1", port)
    }
    return psutil.Process(pid)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_page_reads_that_a_load_runs_until_its_last_user_has_ended(
    far: Stack, proxies: list[Proxy], folder: Path, reader: Client, processes: int
) -> None:
    before = count_books(reader)
    many = run_on(processes) if processes > 1 else []
    with serve_page(far, folder, "--stop-timeout", "2", *many) as page:
        for _ in range(2 if LONG else 1):
            start(page, 10)
            wait_until(lambda: ask_stats(page)["total_rps"] > 1)
            set_latency(proxies, 0.4)
            with ThreadPoolExecutor(1) as pool:
                time.sleep(1)
                stopping = pool.submit(stop, page)
                states = [ask_stats(page)["state"]]
                while not stopping.done() or states[-1] != "stopped":
                    states.append(ask_stats(page)["state"])
                    time.sleep(0.05)
                stopping.result()
            set_latency(proxies, 0)
            assert [state for state, _ in groupby(states)] == ["running", "stopped"]
        wait_until(lambda: count_books(reader) == before)


def test_an_access_token_is_refreshed_in_small_batches_in_a_load_and_soon_enough_when_it_is_short_lived() -> None:
    assert plan_refreshes(285, 900) == (5.0, 10, 4)
    pause, batch, at_a_time = plan_refreshes(285, 6)
    rounds = ceil(285 / batch) * max(pause, ceil(batch / at_a_time) * LATENCY_S)
    assert rounds < 6 / 3 and at_a_time <= 32


PRESETS = """
import json, types
import locustfile
for users, autostart, shape, web_ui in {cases}:
    options = types.SimpleNamespace(num_users=users, spawn_rate=None, autostart=autostart)
    locustfile.open_page(types.SimpleNamespace(shape_class=shape, parsed_options=options), web_ui=web_ui)
    print(json.dumps([options.num_users, options.spawn_rate]))
"""
CASES = {
    (None, False, None, "page"): [200, 20],
    (30, False, None, "page"): [30, 20],
    (None, False, None, None): [None, None],
    (None, True, None, "page"): [None, None],
    (None, False, "shape", "page"): [None, None],
}


def test_the_fields_of_the_page_are_filled_in_and_no_other_load_is_changed() -> None:
    command = [sys.executable, "-c", PRESETS.format(cases=list(CASES))]
    ran = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True, timeout=60)
    assert [json.loads(line) for line in ran.stdout.splitlines()] == list(CASES.values())
