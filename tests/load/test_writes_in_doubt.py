"""What a user does while it does not know what became of a write, and what it believes of the answers to that."""

import csv
import json
from collections import Counter
from pathlib import Path

from analysis.checks.guarantees import audit_writes
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_read_back
from tests.support.faulty_server import ANSWERS, forge, run_faulty_server
from tests.support.own_users import run_user
from tests.support.records_of_load import (
    add_accounts,
    assert_nothing_raised,
    read_failures,
    read_writes,
    remove_books,
    write_run_file,
)
from tests.support.stacks import Stack

LATE = """
import gevent
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add, change, delete, find_outcome

def live(user):
    own = user.own_books[0]

    def late(action, meanwhile=lambda: None):
        send(user, "GET", f"{user.load.books_url}/faults/late", "late", lambda answer: True)
        action(user, own)
        find_outcome(user, own)  # which shows the book as it was
        meanwhile()
        gevent.sleep(0.5)

    def meet(action, state):
        action(user, own)
        assert own.state == "unknown" and own.doubts
        find_outcome(user, own)
        assert own.state == state

    def lose():
        url = f"{user.books}/{own.isbn}"
        send(user, "DELETE", url, "behind its back", lambda answer: True, headers=user.bearer())

    add(user, own)
    for action in (change, delete):
        late(delete)
        meet(action, "free")
        add(user, own)
        assert own.state == "shelved" and not own.doubts
    late(delete, lambda: change(user, own))  # acknowledged: the deletion, when it comes, is for an older version
    find_outcome(user, own)
    assert own.state == "shelved"
    change(user, own)
    assert own.state == "shelved" and not own.doubts
    late(change)
    meet(change, "shelved")
    delete(user, own)
    late(add)
    meet(add, "shelved")
    change(user, own)
    assert own.state == "shelved" and not own.doubts
    for action in (change, delete):  # without a doubt the same answers are wrong
        lose()
        action(user, own)
        add(user, own)
    late(change)
    lose()
    delete(user, own)  # a change that came late has deleted nothing
    add(user, own)
    raise StopUser

install_hooks()

class LateUser(LibraryUser):
    tasks = [live]
"""
OUTAGE = """
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add_book, change_book, delete_book

def live(user):
    def tell():
        send(user, "GET", f"{user.load.books_url}/faults/next", "next", lambda answer: True)

    tell()
    for _ in range(4):
        for action in (add_book, change_book, delete_book):
            action(user)
            tell()
    raise StopUser

install_hooks()

class OutageUser(LibraryUser):
    tasks = [live]
"""
PROBES = """
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.send import send
from load.users.user import LibraryUser
from load.users.writes import add, change, delete, find_outcome

def live(user):
    own = user.own_books[0]

    def meet(answer, action, state):
        send(user, "GET", f"{user.load.books_url}/faults/{answer}", "plan", lambda answer: True)
        action(user, own)
        assert own.state == state, (answer, own)

    meet("real", add, "shelved")
    meet("text", change, "unknown")
    assert own.version == 1
    meet("real", find_outcome, "shelved")
    meet("real", change, "shelved")
    before = own.version, own.stock
    for number in range(WRONG):
        own.state = "unknown"
        meet(f"wrong-{number}", find_outcome, "unknown")
        assert (own.version, own.stock) == before
    meet("real", find_outcome, "shelved")
    meet("real", change, "shelved")
    meet("real", delete, "free")
    meet("dropped", add, "unknown")
    meet("real", find_outcome, "free")
    meet("real", add, "shelved")
    meet("done", delete, "unknown")
    meet("real", find_outcome, "free")
    meet("real", add, "shelved")
    meet("slow", change, "shelved")
    meet("dropped", change, "unknown")
    meet("gone", find_outcome, "free")
    meet("real", add, "unknown")  # it is there
    meet("real", find_outcome, "shelved")
    meet("body", delete, "unknown")
    raise StopUser

install_hooks()

class ProbingUser(LibraryUser):
    tasks = [live]
"""
BOOK: dict[str, object] = {
    "title": "Another one", "authors": ["Ana"], "genre": "Novel", "format": "Paper", "year": 1999, "price": "1.00",
    "stock": 1, "version": 2,
}  # fmt: skip
WRONG_BOOKS: list[tuple[dict[str, object] | bytes, str]] = [  # the fields that are wrong, or all; how that is told
    ({"isbn": "9790000000001"}, "another book than the one asked for"),
    ({"stock": None}, "not the fields of a book"),
    ({"version": "5"}, "not the fields of a book"),
    ({"version": True}, "not the fields of a book"),
    ({"price": "1.0"}, "the price has not two decimals"),
    ({"version": 1}, "a version that this book had before"),
    (b"[]", "200 with a malformed answer: TypeError"),
    (b"{", "200 with a malformed answer: JSONDecodeError"),
    (b"[" * 100_000, "200 with a malformed answer: RecursionError"),
]


def make_forged(name: str, isbn: str) -> bytes | None:
    """The answer of a name to a request for a book, None for that of the service."""
    kind, _, number = name.partition("-")
    if kind == "wrong":
        wrong = WRONG_BOOKS[int(number)][0]
        book = {"isbn": isbn, **BOOK, **(wrong if isinstance(wrong, dict) else {})}
        text = wrong if isinstance(wrong, bytes) else json.dumps(book).encode()
        return forge("200 OK", text, f'ETag: "{book["version"]}"')
    known = {
        "dropped": b"",
        "gone": forge("404 Not Found", b'{"detail": "gone"}'),
        "slow": forge("429 Too Many Requests", b"", "Retry-After: 1"),
        "text": forge("200 OK", json.dumps({"isbn": isbn, "version": "2"}).encode(), 'ETag: "2"'),
        "body": forge("409 Conflict", b"{}"),
    }
    return known.get(kind)


def test_what_shows_the_late_effect_of_an_unanswered_write_is_no_wrong_answer_and_without_doubt_it_is(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder = add_accounts(tmp_path, ready)
    with run_faulty_server(stack["BOOKS_URL"]) as server:
        behind = {**stack, "BOOKS_URL": server.url}
        write_run_file(folder, behind)
        run_user(folder, behind, LATE, "-u", "1", "-t", "7s")
        remove_books(folder, behind)
    assert_nothing_raised(folder)
    with open(folder / "run_failures.csv", newline="", encoding="utf-8") as file:
        failures = {(row["Method"], row["Error"].partition(":")[0]): row["Occurrences"] for row in csv.DictReader(file)}
    assert failures == {
        ("DELETE", "no answer"): "3",
        ("PATCH", "no answer"): "2",
        ("POST", "no answer"): "1",
        ("PATCH", "404 instead of 200"): "1",
        ("DELETE", "404 instead of 204"): "2",
    }
    writes = read_writes(folder)
    deletions = Counter((end.outcome, end.status) for sent, end in writes if end and sent.method == "DELETE")
    assert deletions == {("acknowledged", 204): 4, ("unknown", None): 3, ("unknown", 404): 1, ("refused", 404): 2}
    assert audit_writes(writes, read_read_back(folder, "run", Gaps())).violations == []


def test_each_action_sends_one_write_and_at_most_one_question_while_no_outcome_is_known(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    actions: list[Counter[str]] = []
    with run_faulty_server(stack["BOOKS_URL"]) as server:

        def shed(method: str, path: str) -> bytes | None:
            if path == "/faults/next":
                actions.append(Counter())
                return ANSWERS["whole"][0]
            if not actions:
                return None
            actions[-1]["question" if method == "GET" else "write"] += 1
            return forge("503 Overloaded", b"", "Retry-After: 1")

        server.forge = shed
        run_user(add_accounts(tmp_path, ready), {**stack, "BOOKS_URL": server.url}, OUTAGE, "-u", "1", "-t", "3s")
    assert actions == [{"write": 1}, *[{"question": 1, "write": 1}] * 11, {}]


def test_what_became_of_a_write_is_believed_only_of_an_answer_that_is_right(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder, planned = add_accounts(tmp_path, ready), ["real"]
    with run_faulty_server(stack["BOOKS_URL"]) as server:

        def answer(_: str, path: str) -> bytes | None:
            if path.startswith("/faults/"):
                planned[0] = path.removeprefix("/faults/")
                return ANSWERS["whole"][0]
            return make_forged(planned[0], path.rpartition("/")[2])

        server.forge, server.lose = answer, lambda method, path: planned[0] == "done" and method == "DELETE"
        behind = {**stack, "BOOKS_URL": server.url}
        write_run_file(folder, behind)
        run_user(folder, behind, PROBES.replace("WRONG", str(len(WRONG_BOOKS))), "-u", "1", "-t", "4s")
        assert_nothing_raised(folder)
        found = read_failures(folder)
        assert planned == ["body"]
        planned[0] = "real"
        remove_books(folder, behind)
    one, question, lost = "/api/books/{isbn}", "no-cache /api/books/{isbn}", "no answer: HTTPConnectionClosed"
    expected = Counter(("GET", question, words) for _, words in WRONG_BOOKS)
    expected["GET", question, "404 for a book that was there, and that no write can have deleted"] = 1
    expected["PATCH", one, "a version that is no whole number"] = 1
    expected["PATCH", one, "shed: 429"] = 1
    expected["DELETE", one, "409 instead of 204: no detail"] = 1
    expected |= Counter({("PATCH", one, lost): 1, ("POST", "/api/books", lost): 1, ("DELETE", one, lost): 1})
    (refused,) = [each for each in found if each[:2] == ("POST", "/api/books") and each[2].startswith("409 instead")]
    assert found == expected | Counter([refused])
