"""A Redis that refuses every write, and so also to have the read model taken out of use: answers stay right."""

import time
from pathlib import Path

from tests.support.clients import register
from tests.support.read_models import STANDS_AGAIN_S, connect_to_redis, read_version, wait_until
from tests.support.shelf import make_book
from tests.support.stacks import Stack, start_stack
from tests.support.visitors import Visitor
from tests.support.weak_builds import Change, run_build

TRUSTS_ON: Change = ("        trust.doubt()\n", "")
LEARN_S = 3.0
ANEW = {"Connection": "close"}  # so that any worker may answer


def change_while_refusing(stack: Stack, folder: Path, *changes: Change) -> tuple[int, set[int], int]:
    """Change a book while Redis refuses writes; return its stock as its writer reads it at once, as all processes of
    the service read it soon, and as it is read when all is well again.
    """
    with connect_to_redis(stack) as store, run_build(stack, folder, *changes, workers="3") as services:
        visitor = Visitor({**stack, "AUTH_URL": services.auth, "BOOKS_URL": services.books}, register(services.auth))
        path = f"/api/books/{(book := make_book(stock=1))['isbn']}"

        def stands() -> bool:
            return read_version(visitor.client.get(path, headers=ANEW)) is not None

        def read_stock(**headers: str) -> int:
            return int(visitor.client.get(path, headers=headers).json()["stock"])

        assert visitor.client.post("/api/books", json=book).status_code == 201
        try:
            wait_until(lambda: all(stands() for _ in range(20)), STANDS_AGAIN_S, "the read model stands")
            store.config_set("min-replicas-to-write", 1)
            assert visitor.client.patch(path, json={"stock": 2}).status_code == 200
            at_once = read_stock()  # on the same connection: the process that made the change
            time.sleep(LEARN_S)
            soon = {read_stock(**ANEW) for _ in range(60)}
            store.config_set("min-replicas-to-write", 0)
            wait_until(lambda: all(stands() for _ in range(20)), STANDS_AGAIN_S, "the read model stands again")
            wait_until(lambda: {read_stock(**ANEW) for _ in range(20)} == {2}, STANDS_AGAIN_S, "it has the change")
            return at_once, soon, read_stock()
        finally:
            store.config_set("min-replicas-to-write", 0)
            visitor.client.delete(path)
            visitor.client.close()


def test_a_change_that_redis_refuses_is_read_from_mariadb(own_settings: dict[str, str], tmp_path: Path) -> None:
    own = start_stack(own_settings)
    assert change_while_refusing(own, tmp_path / "build") == (2, {2}, 2)


def test_without_that_an_old_state_is_read(own_settings: dict[str, str], tmp_path: Path) -> None:
    own = start_stack(own_settings)
    at_once, soon, _ = change_while_refusing(own, tmp_path / "build", TRUSTS_ON)
    assert (at_once, soon) == (1, {1})
