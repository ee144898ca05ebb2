"""A Redis that evicts keys where memory is short, as hosted ones are often set to: answers stay right."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus

from tests.support.beside import repeat_beside
from tests.support.clients import register
from tests.support.own_redis import SNAPSHOTS, OwnRedis, run_own_redis
from tests.support.read_models import NO_CACHE, STANDS_AGAIN_S, read_metric, read_version, wait_until
from tests.support.stacks import Stack
from tests.support.visitors import Visitor
from tests.support.weak_builds import run_build

QUESTIONS = [
    "/api/books?limit=5", "/api/books?genre=Fiction", "/api/books?author=Gabriel+García+Márquez",
    "/api/books?genre=Fiction&format=Paperback&limit=5", "/api/books/9780307474728", "/api/books?author=Nobody+at+all",
]  # fmt: skip
JUNK = 50  # values
SIZE = 40_000  # bytes of each


def crowd_out(store: OwnRedis) -> None:
    """Let Redis have no more memory than it uses, and write something else into it, twice that which is left over."""
    store.client.config_set("maxmemory", store.client.info("memory")["used_memory"] + JUNK * SIZE // 2)
    for number in range(JUNK):
        store.client.set(f"junk:{number}", secrets.token_bytes(SIZE))


def test_answers_stay_right_while_redis_evicts_and_the_read_model_stands_again_afterwards(
    stack: Stack, tmp_path: Path
) -> None:
    with (
        run_own_redis(stack, tmp_path, *SNAPSHOTS, "--maxmemory-policy", "allkeys-lru") as store,
        run_build(stack, tmp_path / "build", REDIS_URL=store.url) as services,
    ):
        mine = {**stack, "AUTH_URL": services.auth, "BOOKS_URL": services.books}
        account = register(services.auth)
        visitors = [Visitor(mine, account) for _ in range(4)]
        me = visitors.pop()
        wait_until(lambda: stands(me), 30, "the read model stands")
        known = {path: me.client.get(path, headers=NO_CACHE).content for path in QUESTIONS}
        forgotten = {path: me.client.get(path, headers=NO_CACHE).content for path in list_authors(me)}

        def count_losses() -> float:
            return read_metric(stack, services.books, "read_model_losses_total")

        with repeat_beside(*(ask_for(each, known) for each in visitors)):
            for _ in range(10):
                crowd_out(store)
                ask_for(me, forgotten)()  # what nobody has asked for goes first
                if count_losses() > 0:
                    break
            store.client.config_set("maxmemory", 0)
            assert count_losses() > 0
            assert store.client.info("stats")["evicted_keys"] > 0
            wait_until(lambda: stands(me), STANDS_AGAIN_S, "the read model stands again")
        for each in (*visitors, me):
            each.client.close()


def list_authors(visitor: Visitor) -> list[str]:
    """Return the lists of the authors of a page of books."""
    items = visitor.client.get("/api/books?limit=100", headers=NO_CACHE).json()["items"]
    return [f"/api/books?limit=1&author={quote_plus(name)}" for name in sorted({book["authors"][0] for book in items})]


def ask_for(visitor: Visitor, known: dict[str, bytes]) -> Callable[[], None]:
    """Return a step that asks every question and asserts that its answer is the known one."""

    def step() -> None:
        for path, content in known.items():
            answer = visitor.ask("GET", path)
            assert (answer.status_code, json.loads(answer.content)) == (200, json.loads(content)), path

    return step


def stands(visitor: Visitor) -> bool:
    """Tell whether queries are answered from the read model."""
    return read_version(visitor.ask("GET", "/api/books?limit=1")) is not None
