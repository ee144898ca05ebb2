"""The read model is built anew when it is lost or not right, once, under traffic, and nobody sees a part of it."""

import random
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from beside import repeat_beside
from clients import Account, Client, Json, check_problem, register, sign_in
from projector_runs import check_verified, run_projector, start_projector
from read_models import (
    STALE_S,
    bound,
    connect_to_redis,
    read_both_ways,
    read_version,
    wait_until,
    wait_until_projected,
    wait_until_standing,
)
from shelf import make_book
from stacks import PROJECT, Stack, connect_to_mariadb, run_local_stack

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "4", "READ_MODEL": "redis"}
STANDS_AGAIN_S = bound(5)
SEVERAL_PASSES_S = 1.5  # of every projector


class Visitor:
    """A client that signs in again when its session was lost with all others."""

    def __init__(self, stack: Stack, account: Account) -> None:
        self.stack, self.account = stack, account
        self.client = Client(stack["BOOKS_URL"])
        self.sign_in()

    def sign_in(self) -> None:
        """Open a session."""
        token = sign_in(self.stack["AUTH_URL"], self.account)["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        """Send a request, and again in a new session if the old one was lost."""
        for _ in range(5):
            answer = self.client.request(method, path, json=body)
            if answer.status_code != 401:
                return answer
            self.sign_in()
        pytest.fail("every new session was lost at once")


@pytest.fixture
def visit(own_stack: Stack) -> Iterator[Callable[[], Visitor]]:
    """A function that returns a new visitor; all have one account."""
    account, visitors = register(own_stack["AUTH_URL"]), list[Visitor]()

    def make() -> Visitor:
        visitors.append(Visitor(own_stack, account))
        return visitors[-1]

    yield make
    for each in visitors:
        each.client.close()


QUESTIONS = [
    "/api/books", "/api/books?limit=100", "/api/books?genre=Fiction", "/api/books?author=Gabriel+García+Márquez",
    "/api/books?genre=Fiction&format=Paperback&limit=5", "/api/books?author=Nobody+at+all", "/api/books/9780307474728",
]  # fmt: skip


def ask_for_what_is_known(visitor: Visitor, known: dict[str, bytes]) -> Callable[[], None]:
    """Return a step that asks every question and asserts that its answer is the known one."""

    def step() -> None:
        for path, content in known.items():
            answer = visitor.ask("GET", path)
            assert (answer.status_code, answer.content) == (200, content), path

    return step


def count_rebuilds(settings: dict[str, str]) -> int:
    """Return how often the stack's books service has begun to build the read model."""
    return (Path(settings["STACK_DIR"]) / "books.log").read_text().count("read model: building generation")


def wait_for_one_rebuild(settings: dict[str, str], visitor: Visitor, before: int) -> None:
    """Wait until the read model stands again, and assert that one process built it, once."""
    wait_until(lambda: stands(visitor), STANDS_AGAIN_S, "the read model stands")
    time.sleep(SEVERAL_PASSES_S)
    assert count_rebuilds(settings) == before + 1
    assert stands(visitor)


def stands(visitor: Visitor) -> bool:
    """Tell whether queries are answered from the read model."""
    return read_version(visitor.ask("GET", "/api/books?limit=1")) is not None


def lose_everything(stack: Stack) -> None:
    """Empty Redis."""
    with connect_to_redis(stack) as store:
        store.flushall()


def lose_the_catalogue(stack: Stack) -> None:
    """Take the hash that says what stands."""
    with connect_to_redis(stack) as store:
        store.delete("catalogue")


def give_it_another_layout(stack: Stack) -> None:
    """Make the read model one of a version of the program that stores it otherwise."""
    with connect_to_redis(stack) as store:
        store.hset("catalogue", "layout", "0")


def give_it_another_epoch(stack: Stack) -> None:
    """Make the catalogue in MariaDB one that books came into past the commands."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE catalogue SET epoch = UUID()")


@pytest.mark.parametrize("lose", [lose_everything, lose_the_catalogue, give_it_another_layout, give_it_another_epoch])
def test_a_lost_read_model_is_built_anew_once_and_no_reader_notices(
    own_settings: dict[str, str],
    own_stack: Stack,
    own_books: Client,
    visit: Callable[[], Visitor],
    lose: Callable[[Stack], None],
) -> None:
    known = {path: own_books.get(path).content for path in QUESTIONS}
    readers, me = [ask_for_what_is_known(visit(), known) for _ in range(3)], visit()
    before, generation = count_rebuilds(own_settings), read_version(own_books.get("/api/books"))
    with repeat_beside(*readers):
        lose(own_stack)
        if lose is give_it_another_epoch:
            wait_until(lambda: count_rebuilds(own_settings) > before, STALE_S, "a rebuild has begun")
        wait_for_one_rebuild(own_settings, me, before)
    after = read_version(me.ask("GET", "/api/books"))
    assert after is not None and generation is not None and after[0] > generation[0]
    check_verified(own_stack)


def test_of_a_replaced_generation_nothing_is_left(own_stack: Stack, own_books: Client) -> None:
    for _ in range(2):
        assert run_projector(own_stack, "rebuild")[0] == 0
    with connect_to_redis(own_stack) as store:
        standing = str(store.hget("catalogue", "generation"))
        keys = [str(key).split(":") for key in store.scan_iter("catalogue:*", count=1000)]
    assert len(keys) > 100
    assert {key[1] for key in keys} == {standing}


def test_a_reset_brings_the_first_catalogue_back(
    own_settings: dict[str, str], own_stack: Stack, own_books: Client, visit: Callable[[], Visitor]
) -> None:
    first = own_books.get("/api/books?limit=1")
    gone, new = first.json()["items"][0]["isbn"], make_book()
    assert own_books.delete(f"/api/books/{gone}").status_code == 204
    assert own_books.post("/api/books", json=new).status_code == 201
    run_local_stack("reset", own_settings)
    register(own_stack["AUTH_URL"])
    token = sign_in(own_stack["AUTH_URL"], register(own_stack["AUTH_URL"]))["access_token"]
    with Client(own_stack["BOOKS_URL"], token) as anew:
        wait_until(lambda: read_version(anew.get("/api/books")) is not None, STANDS_AGAIN_S, "the read model stands")
        check_problem(read_both_ways(anew, f"/api/books/{new['isbn']}"), 404)
        assert read_both_ways(anew, f"/api/books/{gone}").status_code == 200
        assert anew.get("/api/books?limit=1").json() == first.json()
    check_verified(own_stack)


def test_books_that_init_sql_adds_to_an_emptied_database_are_seen(
    own_settings: dict[str, str], own_stack: Stack, own_books: Client
) -> None:
    new = make_book()
    assert own_books.post("/api/books", json=new).status_code == 201
    wait_until_projected(own_stack)  # an event that waits would bring the book in after it was deleted by hand
    with connect_to_mariadb(own_stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM books")
    load_init_sql(own_settings)
    path = f"/api/books/{new['isbn']}"
    wait_until(lambda: own_books.get(path).status_code == 404, STALE_S + STANDS_AGAIN_S, "the old book is gone")
    wait_until_standing(own_books)
    assert read_both_ways(own_books, "/api/books/9780307474728").status_code == 200
    check_verified(own_stack)


def load_init_sql(settings: dict[str, str]) -> None:
    """Run init.sql as the administrator of the stack's MariaDB."""
    data = Path(settings["STACK_DIR"]) / "data"
    command = ["mariadb", "--no-defaults", "--protocol=socket", f"--socket={data}/mariadb.sock", "--user=root"]
    with (PROJECT / "init.sql").open() as text:
        subprocess.run([*command, "--default-character-set=utf8mb4"], stdin=text, check=True, timeout=60)


def test_a_rebuild_under_writes_ends_right(own_stack: Stack, own_books: Client, visit: Callable[[], Visitor]) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    writers = [write_without_end(visit(), random.Random(seed + number)) for number in range(4)]
    with repeat_beside(*writers):
        assert run_projector(own_stack, "rebuild")[0] == 0
        lose_the_catalogue(own_stack)
        time.sleep(1)
        lose_everything(own_stack)
        time.sleep(1)
        give_it_another_layout(own_stack)
        time.sleep(1)
        run_projector(own_stack, "rebuild")
    me = visit()
    wait_until(lambda: stands(me), STANDS_AGAIN_S, "the read model stands")
    check_verified(own_stack)


def write_without_end(visitor: Visitor, chance: random.Random) -> Callable[[], None]:
    """Return a step that adds, changes or deletes one of a few books, all over the order of ISBNs, and reads it."""
    books = [make_book() for _ in range(20)]
    for book in books[:10]:
        assert visitor.ask("POST", "/api/books", book).status_code == 201

    def step() -> None:
        book, there = chance.choice(books), None
        path = f"/api/books/{book['isbn']}"
        change: Json = {"stock": chance.randrange(10**6), "genre": f"Genre {chance.randrange(5)}"}
        method = chance.choice(["POST", "PATCH", "PATCH", "DELETE"])
        body = {"POST": {**book, **change}, "PATCH": change, "DELETE": None}[method]
        answer = visitor.ask(method, path if method != "POST" else "/api/books", body)
        assert answer.status_code in (200, 201, 204, 404, 409), answer.text
        if answer.ok:
            there = visitor.ask("GET", path)
            assert there.status_code == (404 if method == "DELETE" else 200)
            assert method == "DELETE" or there.json().items() >= change.items()

    return step


def test_two_rebuilds_at_once_do_no_harm(own_stack: Stack, own_books: Client) -> None:
    with start_projector(own_stack, "rebuild") as one, start_projector(own_stack, "rebuild") as other:
        ended = {each: each.communicate(timeout=60) for each in (one, other)}
    assert 0 in (one.returncode, other.returncode)
    assert all(each.returncode == 0 or "another process" in errors for each, (_, errors) in ended.items())
    assert run_projector(own_stack, "verify")[0] == 0


def test_a_rebuild_beside_another_says_so_and_does_nothing(own_stack: Stack, own_books: Client) -> None:
    before = read_version(own_books.get("/api/books"))
    with connect_to_redis(own_stack) as store:
        store.set("catalogue:building", "99999999999999:another", px=20000)
        code, _, errors = run_projector(own_stack, "rebuild")
        store.delete("catalogue:building")
    assert (code, "another process" in errors) == (1, True)
    assert read_version(own_books.get("/api/books")) == before


def test_the_lock_of_a_process_that_died_while_it_built_ends_by_itself(own_stack: Stack, own_books: Client) -> None:
    with connect_to_redis(own_stack) as store:
        store.set("catalogue:building", "99999999999999:dead", px=3000)
        store.delete("catalogue")
        for _ in range(10):
            answer = own_books.get("/api/books?limit=1")
            assert (answer.status_code, read_version(answer)) == (200, None)
        wait_until(lambda: read_version(own_books.get("/api/books")) is not None, 3 + STANDS_AGAIN_S, "it stands again")
    check_verified(own_stack)


def test_a_rebuild_that_is_killed_leaves_the_old_read_model(own_stack: Stack, own_books: Client) -> None:
    before = own_books.get("/api/books?limit=100")
    with start_projector(own_stack, "rebuild") as process, connect_to_redis(own_stack) as store:
        wait_until(lambda: bool(store.exists("catalogue:building")), 30, "the rebuild has begun")
        ttl = int(str(store.pttl("catalogue:building")))
        process.kill()
        process.communicate(timeout=10)
        assert 0 < ttl <= 30_000
        after = own_books.get("/api/books?limit=100")
        assert (after.content, read_version(after)) == (before.content, read_version(before))
        store.delete("catalogue:building")
    assert run_projector(own_stack, "rebuild")[0] == 0
    assert run_projector(own_stack, "verify")[0] == 0
