"""A Redis that came back with a snapshot: nothing is answered from the read model that it holds of its run before."""

import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.clients import Client, Json, register, sign_in
from tests.support.own_redis import SNAPSHOTS, OwnRedis, run_own_redis
from tests.support.read_models import NO_CACHE, read_version, wait_until_standing
from tests.support.scripts import choose_environment
from tests.support.shelf import make_book
from tests.support.stacks import PROJECT, Stack
from tests.support.weak_builds import Services, run_build

PLAIN = ("--user", "plain", "on", ">secret", "~*", "&*", "+@all", "-@dangerous")  # who may not ask INFO
READERS, READS = 8, 25


def ask(
    client: Client, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None
) -> requests.Response:
    """Return the first answer that is none of a store which is away, or of a machine that has too much to do."""
    deadline = time.monotonic() + 20
    while True:
        answer = client.request(method, path, json=body, headers=headers)
        if answer.status_code != 503 or time.monotonic() > deadline:
            return answer
        time.sleep(0.02)


def read_early(url: str, token: str, path: str) -> list[int]:
    """Read a book until that many answers have come; return their statuses."""
    with Client(url, token) as client:
        return [ask(client, "GET", path).status_code for _ in range(READS)]


def delete_after_snapshot(services: Services, store: OwnRedis) -> tuple[str, str]:
    """Delete a book that a snapshot of Redis still has; return a token and the path of the book."""
    token = str(sign_in(services.auth, register(services.auth))["access_token"])
    book = make_book()
    path = f"/api/books/{book['isbn']}"
    with Client(services.books, token) as books:
        wait_until_standing(books)
        assert ask(books, "POST", "/api/books", book).status_code == 201
        assert ask(books, "GET", path).status_code == 200
        store.client.save()
        assert ask(books, "DELETE", path).status_code == 204
    return token, path


@pytest.mark.parametrize("user", ["", "plain:secret@"], ids=["may ask INFO", "may not ask INFO"])
def test_a_deleted_book_is_not_seen_again_in_a_redis_that_came_back_with_a_snapshot(
    stack: Stack, tmp_path: Path, user: str
) -> None:
    options = (*SNAPSHOTS, *PLAIN)
    with (
        run_own_redis(stack, tmp_path, *options) as store,
        run_build(stack, tmp_path / "build", REDIS_URL=store.url.replace("//", f"//{user}")) as services,
    ):
        token, path = delete_after_snapshot(services, store)
        old = store.client.hget("catalogue", "generation")
        store.kill()
        with ThreadPoolExecutor(READERS) as threads:
            reads = [threads.submit(read_early, services.books, token, path) for _ in range(READERS)]
            time.sleep(0.2)
            store.start(options)
            assert store.client.dbsize() > 100  # it came back with what it had
            statuses = [status for each in reads for status in each.result()]
        assert (len(statuses), set(statuses)) == (READERS * READS, {404})
        with Client(services.books, token) as books:
            wait_until_standing(books)
            assert store.client.hget("catalogue", "generation") != old
            assert [ask(books, "GET", path, headers=each).status_code for each in ({}, NO_CACHE)] == [404, 404]


def test_a_build_that_takes_every_mark_for_one_of_the_present_run_shows_it_again(stack: Stack, tmp_path: Path) -> None:
    asked = 'bool(ask("SCRIPT", "EXISTS", name)[0]) if kind == "script" else name == ask_info("server")["run_id"]'
    with (
        run_own_redis(stack, tmp_path, *SNAPSHOTS) as store,
        run_build(stack, tmp_path / "build", (asked, "True"), REDIS_URL=store.url) as services,
    ):
        token, path = delete_after_snapshot(services, store)
        store.kill()
        store.start(SNAPSHOTS)
        assert 200 in read_early(services.books, token, path)


ASK_AGAIN = """
import time
import redis
from backend.stores.redis_store import Script, ask, ask_script
print(ask("PING"), flush=True)
input()
for _ in range(4):
    try:
        ask("PING")
    except redis.ConnectionError as error:
        print(type(error), flush=True)
input()
time.sleep(0.3)
print(ask_script(Script("return 7"), [], []))
"""


def test_a_redis_that_came_back_without_its_scripts_is_given_them_at_the_first_probe(
    stack: Stack, tmp_path: Path
) -> None:
    settings = {"JWT_SECRET": secrets.token_urlsafe(48), "DB_USER": "libros"}
    with run_own_redis(stack, tmp_path, *SNAPSHOTS) as store, subprocess.Popen(
        [sys.executable, "-c", ASK_AGAIN], cwd=PROJECT, env=choose_environment(None, REDIS_URL=store.url, **settings),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdin is not None
        assert "PONG" in process.stdout.readline()
        store.kill()
        print(file=process.stdin, flush=True)
        assert all("ConnectionError" in process.stdout.readline() for _ in range(4))
        store.start(SNAPSHOTS)
        said, _ = process.communicate("\n", timeout=30)
    assert said.strip() == "7", said


def test_without_the_right_to_ask_info_one_read_model_serves_every_connection(stack: Stack, tmp_path: Path) -> None:
    with (
        run_own_redis(stack, tmp_path, *SNAPSHOTS, *PLAIN) as store,
        run_build(stack, tmp_path / "build", REDIS_URL=store.url.replace("//", "//plain:secret@")) as services,
    ):
        token = sign_in(services.auth, register(services.auth))["access_token"]
        book = make_book()
        with Client(services.books, token) as books:
            wait_until_standing(books)
            assert ask(books, "POST", "/api/books", book).status_code == 201
            generation = int(store.client.hget("catalogue", "generation") or 0)
            for _ in range(40):
                with Client(services.books, token) as other:
                    seen = read_version(ask(other, "GET", f"/api/books/{book['isbn']}"))
                    assert seen is not None and seen[0] == generation
            assert ask(books, "DELETE", f"/api/books/{book['isbn']}").status_code == 204
        assert (tmp_path / "build" / "books.log").read_text().count("read model: building generation") == 1
