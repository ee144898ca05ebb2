"""The read model is built anew when it is lost or not right, once, under traffic, and nobody sees a part of it."""

import random
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.altered_services import copy_services, run_in_place_of_own
from tests.support.beside import repeat_beside
from tests.support.clients import Client, Json, check_problem, register, sign_in
from tests.support.projector_runs import check_verified, run_projector
from tests.support.read_models import (
    LONG,
    STALE_S,
    STANDS_AGAIN_S,
    connect_to_redis,
    find_miscounts,
    read_both_ways,
    read_version,
    wait_until,
    wait_until_projected,
    wait_until_standing,
)
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import PROJECT, Stack, connect_to_mariadb, run_local_stack
from tests.support.visitors import Visitor

SEVERAL_PASSES_S = 1.5  # of every projector


@pytest.fixture
def visit(model_stack: Stack) -> Iterator[Callable[[], Visitor]]:
    """A function that returns a new visitor; all have one account."""
    account, visitors = register(model_stack["AUTH_URL"]), list[Visitor]()

    def make() -> Visitor:
        visitors.append(Visitor(model_stack, account))
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


@pytest.fixture
def log(model_settings: dict[str, str]) -> Path:
    """The log of the stack's books service."""
    return Path(model_settings["STACK_DIR"]) / "books.log"


def count_rebuilds(log: Path) -> int:
    """Return how often the books service of that log has begun to build the read model."""
    return log.read_text().count("read model: building generation")


def wait_for_one_rebuild(log: Path, visitor: Visitor, before: int) -> None:
    """Wait until the read model stands again, and assert that one process built it, once."""
    wait_until(lambda: stands(visitor), STANDS_AGAIN_S, "the read model stands")
    time.sleep(SEVERAL_PASSES_S)
    assert count_rebuilds(log) == before + 1
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


@pytest.mark.parametrize("lose", [lose_everything, give_it_another_layout, give_it_another_epoch])
def test_a_lost_read_model_is_built_anew_once_and_no_reader_notices(
    model_stack: Stack,
    model_books: Client,
    log: Path,
    visit: Callable[[], Visitor],
    lose: Callable[[Stack], None],
) -> None:
    known = {path: model_books.get(path).content for path in QUESTIONS}
    readers, me = [ask_for_what_is_known(visit(), known) for _ in range(3)], visit()
    before, generation = count_rebuilds(log), read_version(model_books.get("/api/books"))
    with repeat_beside(*readers):
        lose(model_stack)
        if lose is give_it_another_epoch:
            wait_until(lambda: count_rebuilds(log) > before, STALE_S, "a rebuild has begun")
        wait_for_one_rebuild(log, me, before)
    after = read_version(me.ask("GET", "/api/books"))
    assert after is not None and generation is not None and after[0] > generation[0]


@pytest.mark.skipif(not LONG, reason="long form only")
def test_without_the_lock_several_processes_would_build_it(
    model_settings: dict[str, str], model_stack: Stack, model_books: Client, tmp_path: Path
) -> None:
    lock = "if redis.call('EXISTS', KEYS[2]) == 1 then return false end\n"
    altered, log = copy_services(tmp_path, "backend/read_model/generations.py", lock, ""), tmp_path / "books.log"
    with run_in_place_of_own(model_settings, log, "--workers", "4", folder=altered):
        lose_the_catalogue(model_stack)
        wait_until(lambda: count_rebuilds(log) > 1, STANDS_AGAIN_S, "a second rebuild has begun")


def test_of_a_replaced_generation_nothing_is_left(model_stack: Stack, model_books: Client) -> None:
    for _ in range(2):
        assert run_projector(model_stack, "rebuild")[0] == 0
    with connect_to_redis(model_stack) as store:
        standing = str(store.hget("catalogue", "generation"))
        keys = [str(key).split(":") for key in store.scan_iter("catalogue:*", count=1000)]
    assert len(keys) > 100
    assert {key[1] for key in keys} == {standing}


def test_a_reset_brings_the_first_catalogue_back(
    model_settings: dict[str, str], model_stack: Stack, model_books: Client
) -> None:
    gone, new = "9780307474728", make_book()
    assert model_books.delete(f"/api/books/{gone}").status_code == 204
    assert model_books.post("/api/books", json=new).status_code == 201
    run_local_stack("reset", model_settings)
    token = sign_in(model_stack["AUTH_URL"], register(model_stack["AUTH_URL"]))["access_token"]
    with Client(model_stack["BOOKS_URL"], token) as anew:
        wait_until(lambda: read_version(anew.get("/api/books")) is not None, STANDS_AGAIN_S, "the read model stands")
        check_problem(read_both_ways(anew, f"/api/books/{new['isbn']}"), 404)
        assert read_both_ways(anew, f"/api/books/{gone}").status_code == 200
        assert anew.get("/api/books?limit=1").json()["total"] == 5000
    check_verified(model_stack)


def test_books_that_init_sql_adds_to_an_emptied_database_are_seen(
    model_settings: dict[str, str], model_stack: Stack, model_books: Client
) -> None:
    new = make_book()
    assert model_books.post("/api/books", json=new).status_code == 201
    wait_until_projected(model_stack)  # an event that waits would bring the book in after it was deleted by hand
    with connect_to_mariadb(model_stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM books")
    load_init_sql(model_settings)
    path = f"/api/books/{new['isbn']}"
    wait_until(lambda: model_books.get(path).status_code == 404, STALE_S + STANDS_AGAIN_S, "the old book is gone")
    wait_until_standing(model_books)
    assert read_both_ways(model_books, "/api/books/9780307474728").status_code == 200
    check_verified(model_stack)


def test_a_book_that_was_brought_in_by_hand_without_authors_keeps_no_other_out(
    model_stack: Stack, model_books: Client
) -> None:
    isbn = make_isbn()
    with connect_to_mariadb(model_stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO books (isbn, title, title_key, year, price, stock, genre_id, format_id, version)"
            " SELECT %s, 'Bare', 'bare', 1999, 1, 1, genre_id, format_id, 1 FROM books LIMIT 1",
            [isbn],
        )
    give_it_another_epoch(model_stack)
    wait_until_standing(model_books)
    wait_until(lambda: model_books.get(f"/api/books/{isbn}").status_code == 200, STANDS_AGAIN_S, "the book is there")
    wait_until_standing(model_books)
    assert read_both_ways(model_books, f"/api/books/{isbn}").json()["authors"] == []
    assert model_books.delete(f"/api/books/{isbn}").status_code == 204
    check_verified(model_stack)


def load_init_sql(settings: dict[str, str]) -> None:
    """Run init.sql as the administrator of the stack's MariaDB."""
    data = Path(settings["STACK_DIR"]) / "data"
    command = ["mariadb", "--no-defaults", "--protocol=socket", f"--socket={data}/mariadb.sock", "--user=root"]
    with (PROJECT / "init.sql").open() as text:
        subprocess.run([*command, "--default-character-set=utf8mb4"], stdin=text, check=True, timeout=60)


def test_a_rebuild_under_writes_ends_right(
    model_stack: Stack, model_books: Client, visit: Callable[[], Visitor]
) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    writers = [write_without_end(visit(), random.Random(seed + number)) for number in range(2)]
    with repeat_beside(*writers):
        assert run_projector(model_stack, "rebuild")[0] == 0
        lose_the_catalogue(model_stack)
        time.sleep(1)
        lose_everything(model_stack)
        time.sleep(1)
        give_it_another_layout(model_stack)
        time.sleep(1)
        run_projector(model_stack, "rebuild")
    me = visit()
    wait_until(lambda: stands(me), STANDS_AGAIN_S, "the read model stands")
    check_verified(model_stack)
    assert find_miscounts(model_stack) == {}


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
