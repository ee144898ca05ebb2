"""What a load wrote is read back and removed, and every damage behind the service's back is found, with its ISBN."""

import json
import re
import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from analysis.checks.guarantees import WriteAudit, audit_writes
from analysis.records.book_histories import State, follow_books
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data, read_read_back
from load.run import book_sources
from tests.support.beside import repeat_beside
from tests.support.clients import Client
from tests.support.projector_runs import run_projector
from tests.support.read_models import connect_to_redis, find_generation
from tests.support.records_of_load import (
    add_accounts,
    read_writes,
    record_load,
    start_load,
    wait_for_lines,
    write_run_file,
)
from tests.support.relay import run_relay
from tests.support.scripts import run_script
from tests.support.shelf import make_book
from tests.support.stacks import Stack, connect_to_mariadb

NOWHERE = {"url": "http://127.0.0.1:9"}


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with the accounts and sessions of `ready`."""
    return add_accounts(tmp_path, ready)


@pytest.fixture
def mended(stack: Stack) -> Iterator[None]:
    """Build the read model of the stack anew after the test has damaged it."""
    yield
    assert run_projector(stack, "rebuild")[0] == 0


def write_books(folder: Path, stack: Stack) -> None:
    """Note the state of the data and let a load write for a few seconds."""
    write_run_file(folder, stack)
    assert run_script("load/run/read_back.py", "run", ".", "--before", folder=folder, stack=stack).returncode == 0
    record_load(folder, stack, "locustfile_write_heavy.py", "-u", "40", "-r", "40", "-t", "5s")


def read_back(folder: Path, stack: Stack) -> WriteAudit:
    """Read the books of the load back and return what the analysis finds."""
    ran = run_script("load/run/read_back.py", "run", ".", folder=folder, stack=stack)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = read_read_back(folder, "run", Gaps())
    assert found and found.complete
    assert set(found.isbns) == {sent.isbn for sent, _ in read_writes(folder)}
    return audit_writes(read_writes(folder), found)


def read_states(folder: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many books there were, and how many of them a load's own, before and after."""
    gaps = Gaps()
    states = read_data(folder, "run", gaps)
    assert gaps == []
    return (states["before"].books, states["before"].own), (states["after"].books, states["after"].own)


def test_what_was_written_is_found_on_both_roads_and_then_removed(stack: Stack, folder: Path) -> None:
    write_books(folder, stack)
    audit = read_back(folder, stack)
    assert (audit.violations, audit.unread) == ([], [])
    assert audit.acknowledged == audit.sent > 40
    assert audit.lag_s is not None and audit.lag_s < 10
    before, after = read_states(folder)
    assert before == after
    first = (folder / "run_read_back.json").read_bytes()
    assert run_script("load/run/read_back.py", "run", ".", folder=folder, stack=stack).returncode == 0
    assert (folder / "run_read_back.json").read_bytes() == first  # the books are gone by now: that says nothing


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("heals", [True, False])
def test_a_book_that_lagged_is_asked_for_again_however_long_the_first_asking_took(
    stack: Stack, folder: Path, heals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_sources, "LONGEST_LAG_S", 0.5)
    (session, *_) = json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]].values()
    with Client(stack["BOOKS_URL"], session["access_token"]) as client:
        shelf = {book["isbn"]: book for book in client.get("/api/books?limit=100").json()["items"]}
    first = min(shelf)
    change_read_model(stack, first, {"stock": shelf[first]["stock"] + 1})
    healing = threading.Timer(0.4, change_read_model, (stack, first, {"stock": shelf[first]["stock"]}))
    address = urlsplit(stack["BOOKS_URL"])
    with run_relay("127.0.0.1", (str(address.hostname), int(address.port or 0))) as relay:
        relay.delay_s = 0.05  # 200 requests, 8 at a time, take over a second
        if heals:
            healing.start()
        found = book_sources.read_back(book_sources.BooksService(relay.url, session["access_token"]), set(shelf))
    assert found.complete and (found.lag_s is not None) is heals
    assert found.isbns[first]["read_model"].book != found.isbns[first]["database"].book or heals


def choose_books(folder: Path, count: int) -> list[tuple[str, State]]:
    """Return ISBNs of which the ledger says for certain that there is a book, with that book."""
    certain = [
        (isbn, account.states[0])
        for isbn, account in follow_books(read_writes(folder)).items()
        if len(account.states) == 1 and account.states[0].fields and account.acknowledged
    ]
    assert len(certain) >= count
    return certain[:count]


def change_mariadb(stack: Stack, statement: str, isbn: str) -> None:
    """Change one row behind the service's back."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute(statement, [isbn])
        assert cursor.rowcount == 1


def change_read_model(stack: Stack, isbn: str, book: dict[str, Any] | None) -> None:
    """Replace or remove what the read model shows of an ISBN, so that the services do not miss it."""
    with connect_to_redis(stack) as store:
        books = f"{find_generation(store)}books"
        if book is None:
            assert store.hdel(books, isbn) == 1
            store.hincrby(f"{find_generation(store)}counts", "books", -1)
        else:
            store.hset(books, isbn, json.dumps({**json.loads(str(store.hget(books, isbn))), **book}))


@pytest.mark.usefixtures("mended")
def test_every_damage_behind_the_services_back_is_found_and_nothing_else(stack: Stack, folder: Path) -> None:
    write_books(folder, stack)
    (gone, altered, doubled, unseen, stale), books = zip(*choose_books(folder, 5), strict=True)
    deleted = next(isbn for isbn, account in follow_books(read_writes(folder)).items() if is_deleted(account.states))
    change_mariadb(stack, "DELETE FROM books WHERE isbn = %s", gone)
    change_mariadb(stack, "UPDATE books SET price = price + 1 WHERE isbn = %s", altered)
    change_mariadb(stack, "UPDATE books SET version = version + 1 WHERE isbn = %s", doubled)
    change_read_model(stack, unseen, None)
    change_read_model(stack, stale, {"stock": books[4].fields["stock"] + 1})
    add_again(stack, folder, deleted)
    audit = read_back(folder, stack)
    found = {(violation.isbn, violation.kind, violation.where) for violation in audit.violations}
    assert found == {
        (gone, "lost", "database"),
        (altered, "differing", "database"),
        (doubled, "doubled", "database"),
        (unseen, "lost", "read_model"),
        (stale, "differing", "read_model"),
        (deleted, "lost", "database"),
        (deleted, "lost", "read_model"),
    }
    assert audit.lag_s is None  # the two sources never came to agree


def is_deleted(states: list[State]) -> bool:
    """Tell whether the ledger says for certain that a book was there and was deleted."""
    return len(states) == 1 and states[0].fields is None and states[0].version is not None


def add_again(stack: Stack, folder: Path, isbn: str) -> None:
    """Add a book that the load has deleted, without the load."""
    session = next(iter(json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]].values()))
    sent = next(sent.fields for sent, _ in read_writes(folder) if (sent.isbn, sent.method) == (isbn, "POST"))
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    answer = requests.post(f"{stack['BOOKS_URL']}/api/books", json=sent, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text


def test_the_books_of_a_load_that_was_killed_are_read_back_and_removed_too(stack: Stack, folder: Path) -> None:
    write_run_file(folder, stack)
    assert run_script("load/run/read_back.py", "run", ".", "--before", folder=folder, stack=stack).returncode == 0
    load = start_load(folder, stack, "locustfile_write_heavy.py", "-u", "40", "-r", "40", "-t", "60s")
    wait_for_lines(folder / "run_generator.csv", 5)
    load.kill()
    load.wait(10)
    with open(folder / "run_ledger.jsonl", "a", encoding="utf-8") as ledger:
        ledger.write('{"at":1,"n":99999,"isb')  # as a machine that stopped would leave it
    audit = read_back(folder, stack)
    assert (audit.violations, audit.unread) == ([], [])
    assert audit.acknowledged > 20
    before, after = read_states(folder)
    assert before == after


def test_books_that_others_have_made_are_asked_for_and_stay(stack: Stack, folder: Path) -> None:
    write_run_file(folder, stack)
    session = next(iter(json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]].values()))
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    url = f"{stack['BOOKS_URL']}/api/books"
    book = requests.get(f"{url}?limit=1", headers=headers, timeout=10).json()["items"][0]
    sent = {"at": 1.0, "n": 1, "isbn": book["isbn"], "method": "POST", "key": None, "if_match": None}
    lines = [
        {**sent, "fields": book, "digest": None},
        {"at": 1.1, "n": 1, "outcome": "refused", "status": 409, "version": None},
        {**sent, "n": 2, "method": "PATCH", "fields": {}, "digest": None},
    ]
    (folder / "run_ledger.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert run_script("load/run/read_back.py", "run", ".", folder=folder, stack=stack).returncode == 0
    found = read_read_back(folder, "run", Gaps())
    assert found and [*found.isbns] == [book["isbn"]]
    assert requests.get(f"{url}/{book['isbn']}", headers=headers, timeout=10).json() == book


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        ("", 64, "run.json is missing or damaged"),
        ('{"services": 1}', 64, "run.json is missing or damaged"),
        (json.dumps({"services": {"auth": NOWHERE, "books": NOWHERE}}), 3, "nothing answers at http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_read_back_is_told_in_one_line(folder: Path, run: str, code: int, words: str) -> None:
    if run:
        (folder / "run.json").write_text(run)
    ran = run_script("load/run/read_back.py", "run", ".", folder=folder)
    assert (ran.returncode, ran.stderr.count("\n")) == (code, 1), ran.stderr
    assert words in ran.stderr


def test_the_books_of_a_load_that_left_no_record_are_told_before_the_next_and_removed_with_the_command_that_is_named(
    stack: Stack, folder: Path
) -> None:
    load = start_load(folder, stack, "locustfile_write_heavy.py", "-u", "40", "-r", "40", "-t", "60s")
    wait_for_lines(folder / "run_generator.csv", 4)
    load.kill()
    load.wait(10)
    for record in folder.glob("run_*"):
        record.unlink()
    session = next(iter(json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]].values()))
    mine = make_book(title="The Other Shelf")  # with an ISBN from 979 on
    with Client(stack["BOOKS_URL"], session["access_token"]) as client:
        assert client.post("/api/books", json=mine).status_code == 201
        try:
            said = run_script("load/run/read_back.py", "run", ".", "--before", folder=folder, stack=stack).stderr
            found = re.search(r"catalogue: (\d+); that makes run INVALID; remove with: python (.+)\n", said)
            assert found and int(found[1]) > 5, said
            ran = run_script(*shlex.split(found[2]), folder=folder, stack=stack)
            assert (ran.returncode, ran.stderr) == (0, "")
            assert ran.stdout == f"books of earlier loads removed from {stack['BOOKS_URL']}: {found[1]}\n"
            assert run_script("load/run/read_back.py", "run", ".", "--before", folder=folder, stack=stack).stderr == ""
            assert client.get(f"/api/books/{mine['isbn']}").status_code == 200
        finally:
            client.delete(f"/api/books/{mine['isbn']}")


@pytest.mark.parametrize("pause_s", [0.0, 1.0])  # that of one user is about two seconds
def test_books_are_not_removed_under_a_load_that_runs(stack: Stack, folder: Path, pause_s: float) -> None:
    session = next(iter(json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]].values()))
    book = make_book(title="Another Shelf")

    def ask_for_books() -> None:
        requests.get(f"{stack['BOOKS_URL']}/api/books", timeout=5)
        time.sleep(pause_s)

    with Client(stack["BOOKS_URL"], session["access_token"]) as client:
        assert client.post("/api/books", json=book).status_code == 201
        with repeat_beside(ask_for_books):
            ran = run_script("remove_leftovers.py", folder=folder, stack=stack)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert f"{stack['BOOKS_URL']} is under load from elsewhere" in ran.stderr
        assert client.delete(f"/api/books/{book['isbn']}").status_code == 204
