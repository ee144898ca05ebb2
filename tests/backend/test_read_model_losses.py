"""Keys of the read model that Redis loses: no answer is wrong, and it is built anew."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.altered_services import copy_services, run_in_place_of_own
from tests.support.beside import repeat_beside
from tests.support.clients import Client, Json, check_problem
from tests.support.outages import full_redis
from tests.support.projector_runs import check_verified, run_projector
from tests.support.read_models import (
    LONG,
    NO_CACHE,
    STALE_S,
    STANDS_AGAIN_S,
    bound,
    connect_to_redis,
    find_generation,
    find_miscounts,
    read_both_ways,
    read_metric,
    read_version,
    wait_until,
    wait_until_projected,
    wait_until_standing,
)
from tests.support.shelf import make_book
from tests.support.stacks import Stack, connect_to_mariadb

MAIN = ("books", "places", "all", "deleted", "counts")
KINDS = (*MAIN, "author", "genre", "format", "genre+format")
REFUSED = (503, b"")  # a machine with other work keeps Redis waiting: no answer, but no wrong one
FOUND_S = bound(3)  # a loss that nobody asks for: a projector walks through the indexes a part at a time


@pytest.fixture
def book(model_books: Client) -> Iterator[Json]:
    """A book in the catalogue, alone in its genre and format; another of the same names was deleted."""
    names = {"genre": f"Genre {secrets.token_hex(6)}", "authors": [f"Author {secrets.token_hex(6)}"]}
    made, gone = make_book(**names), make_book(**names)
    for each in (made, gone):
        assert model_books.post("/api/books", json=each).status_code == 201
    assert model_books.delete(f"/api/books/{gone['isbn']}").status_code == 204
    yield {**made, "gone": gone}
    model_books.delete(f"/api/books/{made['isbn']}")


def list_questions(book: Json) -> list[tuple[str, dict[str, str]]]:
    """Return a query of each kind whose answer the loss of a key could change."""
    names = {"author": book["authors"][0], "genre": book["genre"], "format": book["format"]}
    chosen: list[dict[str, str]] = [
        *({name: value} for name, value in names.items()),
        {"genre": names["genre"], "format": names["format"]},
        names,
        {},
        {"limit": "100", "genre": "Fiction"},
        {"author": "Nobody at all"},
    ]
    isbns = (book["isbn"], book["gone"]["isbn"], "9780307474728")
    return [(f"/api/books/{isbn}", {}) for isbn in isbns] + [("/api/books", query) for query in chosen]


def ask(books: Client, question: tuple[str, dict[str, str]], **headers: str) -> tuple[int, bytes]:
    """Return status and content of an answer; the content of an error holds nothing of the catalogue."""
    answer = books.get(question[0], params=question[1], headers=headers)
    return answer.status_code, answer.content if answer.ok else b""


def find_key(store: Any, kind: str, book: Json) -> str:
    """Return the key of that kind in which the book stands, or should."""
    prefix = find_generation(store)
    if kind in MAIN:
        return prefix + kind
    names = str(store.hget(f"{prefix}places", book["isbn"])).split("\0")[2:]
    return prefix + next(name for name in names if name.partition(":")[0] == kind)


def count_losses(stack: Stack) -> float:
    """Return how many losses the services have counted."""
    return read_metric(stack, stack["BOOKS_URL"], "read_model_losses_total")


def wait_until_mended(stack: Stack, books: Client, losses: float, generation: str) -> None:
    """Wait until one more loss is counted and another generation is in use."""
    wait_until(lambda: count_losses(stack) == losses + 1, FOUND_S, "the loss is counted")
    with connect_to_redis(stack) as store:
        wait_until(
            lambda: store.hexists("catalogue", "layout") and find_generation(store) != generation,
            STANDS_AGAIN_S,
            "another generation is in use",
        )
    assert read_version(books.get("/api/books?limit=1")) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_a_key_makes_no_answer_wrong_and_is_mended(
    model_stack: Stack, model_books: Client, token: str, book: Json, kind: str
) -> None:
    questions = list_questions(book)
    known = [(question, ask(model_books, question, **NO_CACHE)) for question in questions]
    before = count_losses(model_stack)

    def read_all(client: Client) -> Callable[[], None]:
        def step() -> None:
            for question, right in known:
                assert ask(client, question) in (right, REFUSED), (kind, question)

        return step

    with (
        Client(model_stack["BOOKS_URL"], token) as one,
        Client(model_stack["BOOKS_URL"], token) as other,
        connect_to_redis(model_stack) as store,
    ):
        generation = find_generation(store)
        with repeat_beside(read_all(one), read_all(other)):
            assert store.unlink(find_key(store, kind, book)) == 1
            wait_until_mended(model_stack, model_books, before, generation)
        assert count_losses(model_stack) == before + 1


def test_a_loss_that_nobody_asks_for_is_found(model_stack: Stack, model_books: Client, book: Json) -> None:
    before = count_losses(model_stack)
    with connect_to_redis(model_stack) as store:
        generation = find_generation(store)
        assert store.unlink(find_key(store, "author", book)) == 1
        wait_until_mended(model_stack, model_books, before, generation)
    check_verified(model_stack)


def test_a_key_that_somebody_wrote_something_else_into_is_found(model_stack: Stack, model_books: Client) -> None:
    before = count_losses(model_stack)
    with connect_to_redis(model_stack) as store:
        generation = find_generation(store)
        store.set(f"{generation}all", "something else")
        wait_until_mended(model_stack, model_books, before, generation)
    assert read_version(model_books.get("/api/books")) is not None


def test_the_loss_of_the_hash_that_says_what_stands_is_counted_once(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    before = count_losses(model_stack)
    wait_until_projected(model_stack)
    time.sleep(1)  # every projector has seen that it stands
    with connect_to_redis(model_stack) as store:
        generation = find_generation(store)
        assert store.unlink("catalogue") == 1
        for question in list_questions(book):
            assert ask(model_books, question) == ask(model_books, question, **NO_CACHE)
        wait_until_mended(model_stack, model_books, before, generation)
    time.sleep(1)
    assert count_losses(model_stack) == before + 1


def test_an_author_whom_nobody_knows_is_no_loss_and_needs_no_mariadb(model_stack: Stack, model_books: Client) -> None:
    before = count_losses(model_stack)
    for query in ("author=Nobody+at+all", "genre=None+such&format=None+either", "author=Nobody&genre=Fiction"):
        answer = model_books.get(f"/api/books?{query}")
        assert (answer.json(), read_version(answer) is not None) == ({"items": [], "next": None, "total": 0}, True)
    assert count_losses(model_stack) == before


WITHOUT_COUNTS = [
    ("all", "/api/books", "total ~= tonumber(counts[i - 3] or 0)", b'"total":0'),
    ("books", "/api/books/9780307474728", "redis.call('HLEN', prefix .. 'books') ~= tonumber(count)", b'"status": 404'),
]


@pytest.mark.skipif(not LONG, reason="long form only")
@pytest.mark.parametrize("case", WITHOUT_COUNTS, ids=["an index", "the books"])
def test_without_the_counts_a_lost_key_would_be_taken_for_an_empty_one(
    model_settings: dict[str, str], model_stack: Stack, token: str, tmp_path: Path, case: tuple[str, str, str, bytes]
) -> None:
    kind, path, compared, wrong = case
    altered = copy_services(tmp_path, "backend/read_model/lookup.py", compared, "false")
    with (
        run_in_place_of_own(model_settings, tmp_path / "books.log", "--workers", "1", folder=altered) as service,
        Client(service.url, token) as client,
        connect_to_redis(model_stack) as store,
    ):
        wait_until_standing(client)
        assert store.unlink(find_generation(store) + kind) == 1
        assert wrong in client.get(path).content


# What is written after a loss that nobody has noticed yet.


@pytest.mark.parametrize("kind", [*KINDS, "catalogue"] if LONG else ["places", "genre", "counts"])
def test_a_change_after_a_loss_is_read_as_it_was_written(
    model_stack: Stack, model_books: Client, book: Json, kind: str
) -> None:
    old = {"genre": book["genre"]}
    new = {"genre": f"Another-{secrets.token_hex(6)}"}
    path = f"/api/books?genre={new['genre']}"
    with connect_to_redis(model_stack) as store:
        assert store.unlink("catalogue" if kind == "catalogue" else find_key(store, kind, book)) == 1
    assert model_books.patch(f"/api/books/{book['isbn']}", json=new).status_code == 200
    for _ in range(3):
        assert read_both_ways(model_books, f"/api/books/{book['isbn']}").json()["genre"] == new["genre"]
        assert model_books.get("/api/books", params=old).json()["total"] == 0
        assert [each["isbn"] for each in model_books.get("/api/books", params=new).json()["items"]] == [book["isbn"]]
    wait_until_standing(model_books)
    assert find_miscounts(model_stack) == {}
    assert [each["isbn"] for each in read_both_ways(model_books, path).json()["items"]] == [book["isbn"]]


def put_old_event(stack: Stack, book: Json) -> None:
    """Put the event of a book's first version into the outbox, as if it had been under way all the time."""
    text = json.dumps({**book, "version": 1}, separators=(",", ":"))
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO outbox (isbn, version, book) VALUES (%s, 1, %s)", [book["isbn"], text])


def test_an_old_event_after_the_marks_of_deleted_books_were_lost_brings_none_back(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    path = f"/api/books/{book['gone']['isbn']}"

    def see_none() -> None:
        assert model_books.get(path).status_code in (404, 503)

    with connect_to_redis(model_stack) as store, repeat_beside(see_none):
        prefix = find_generation(store)
        marks = [key for key in store.scan_iter(f"{prefix}*", count=1000) if key.startswith(f"{prefix}deleted")]
        assert store.unlink(*marks) >= 1
        put_old_event(model_stack, book["gone"])
        wait_until_projected(model_stack)
        time.sleep(1)
    wait_until_standing(model_books)
    check_problem(read_both_ways(model_books, path), 404)
    check_verified(model_stack)


# What is counted.


def test_entries_stay_counted_through_all_that_can_happen_to_a_book(
    model_stack: Stack, model_books: Client, book: Json
) -> None:
    path, before = f"/api/books/{book['isbn']}", count_losses(model_stack)
    plain = {name: value for name, value in book.items() if name != "gone"}
    for number in range(5):
        authors = [f"Author {place} {number % 3}" for place in range(number)] or book["authors"]
        changes = {"title": f"Title {number}", "authors": authors, "format": f"Format {number % 2}"}
        assert model_books.patch(path, json=changes).status_code == 200
        assert model_books.patch(path, json={"stock": number}).status_code == 200
        put_old_event(model_stack, plain)
    for _ in range(2):
        assert model_books.delete(path).status_code == 204
        put_old_event(model_stack, plain)
        assert model_books.post("/api/books", json=plain).status_code == 201
    wait_until_projected(model_stack)
    assert find_miscounts(model_stack) == {}
    assert model_books.delete(path).status_code == 204
    assert find_miscounts(model_stack) == {}
    assert count_losses(model_stack) == before
    check_verified(model_stack)


def test_a_full_redis_takes_no_part_of_a_change(model_stack: Stack, model_books: Client, book: Json) -> None:
    path, before = f"/api/books/{book['isbn']}", count_losses(model_stack)
    with connect_to_redis(model_stack) as store:
        for change in ({"stock": 99}, {"genre": f"Another {secrets.token_hex(4)}", "stock": 98}):
            with full_redis(store):
                assert model_books.patch(path, json=change).status_code == 200
                assert not store.hexists("catalogue", "layout") or find_miscounts(model_stack) == {}
                assert read_both_ways(model_books, path).json()["stock"] == change["stock"]
            wait_until_standing(model_books)
            assert read_both_ways(model_books, path).json()["stock"] == change["stock"]
            assert find_miscounts(model_stack) == {}
    assert count_losses(model_stack) == before
    check_verified(model_stack)


# What is told of it.


def test_ready_and_status_tell_that_it_is_being_built(model_stack: Stack, model_books: Client, book: Json) -> None:
    def ask_ready() -> tuple[int, Json]:
        answer = requests.get(f"{model_stack['BOOKS_URL']}/ready", timeout=5)
        return answer.status_code, answer.json()

    well = {"database": "ok", "redis": "ok"}
    with connect_to_redis(model_stack) as store:
        wait_until(lambda: ask_ready() == (200, {**well, "read_model": "ok"}), bound(3), "it is told that it stands")
        try:
            store.set("catalogue:building", "99999999999999:another", px=20000)  # so that nobody builds it
            assert store.unlink(find_key(store, "all", book)) == 1
            told = (200, {**well, "read_model": "rebuilding"})
            wait_until(lambda: ask_ready() == told, bound(3), "it is told that it does not")
            code, output, _ = run_projector(model_stack, "status")
            assert (code, "none stands" in output) == (1, True)
            for _ in range(10):
                assert ask_ready() == told
        finally:
            store.delete("catalogue:building")
        wait_until(lambda: ask_ready() == (200, {**well, "read_model": "ok"}), STALE_S + STANDS_AGAIN_S, "it stands")
