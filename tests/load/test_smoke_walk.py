"""The smoke walk under refusals, lost answers and wrong ones: each is counted as what it is, and no step after it."""

import csv
import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from analysis.records.counts import Counts
from analysis.records.endpoints import count_ledger_writes
from analysis.records.results_folder import name_endpoint
from tests.support.answering_front import (
    IN_DOUBT,
    Answer,
    Asked,
    Fate,
    once,
    shed,
)
from tests.support.read_models import LONG
from tests.support.records_of_load import (
    add_accounts,
    count_answers,
    read_failures,
    read_writes,
    record_load,
    remove_books,
)
from tests.support.records_of_load import read_rows as read_seconds
from tests.support.scripts import run_locust
from tests.support.smoke_loads import is_of_a_walk, walk
from tests.support.stacks import Stack

CHANGING = ("POST", "PATCH", "DELETE")


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with accounts and sessions."""
    return add_accounts(tmp_path, ready)


def count_requests(folder: Path) -> dict[tuple[str, str], int]:
    """Return the requests by method and name."""
    with open(folder / "run_stats.csv", newline="", encoding="utf-8") as file:
        return {(row["Type"], row["Name"]): int(row["Request Count"]) for row in csv.DictReader(file)}


def shed_each_step_once() -> Fate:
    """Return a fate that refuses every request of a walk that may change something, and passes its repetition on."""
    turn, refused = threading.Lock(), set[tuple[object, ...]]()

    def decide(asked: Asked, pass_on: Callable[[], Answer]) -> Answer:
        headers = {name: value for name, value in asked.headers.items() if name != "X-Request-ID"}
        request = (asked.method, asked.path, *sorted(headers.items()), asked.body)
        with turn:
            is_new = is_of_a_walk(asked) and asked.method in CHANGING and request not in refused
            refused.symmetric_difference_update({request} if is_of_a_walk(asked) else ())
        return shed() if is_new else pass_on()

    return decide


def test_a_step_that_is_shed_is_asked_again_and_accuses_nobody(stack: Stack, folder: Path) -> None:
    fates = {"auth": shed_each_step_once(), "books": shed_each_step_once()}
    walk(stack, folder, fates, "-u", "2", "-r", "2", "-t", "14s")
    failures = read_failures(folder)
    assert {text for _, _, text in failures} == {"shed: 503"}
    counts = count_requests(folder)
    changing = {names for names in counts if names[0] in CHANGING}
    assert {names[:2] for names in failures} == changing
    assert {("POST", "/register 201"), ("POST", "/refresh 200"), ("DELETE", "/api/books/{isbn} 204")} < changing
    assert counts["POST", "/register 201"] == 4 and counts["POST", "/login 429"] == 2  # half of them shed
    assert counts["POST", "/logout/all 204"] >= 4


def is_register(asked: Asked) -> bool:
    return (asked.method, asked.path) == ("POST", "/register") and b'"password"' in asked.body


def test_a_step_is_asked_again_after_the_time_that_was_asked_for(stack: Stack, folder: Path) -> None:
    fronts = walk(stack, folder, {"auth": once(is_register, lambda *_: shed(wait="2"))}, "-u", "1", "-t", "7s")
    first, second = [asked.at for asked in fronts["auth"].seen if is_register(asked)][:2]
    assert 2 <= second - first < 3
    assert read_failures(folder) == {("POST", "/register 201", "shed: 503"): 1}


def test_a_step_that_is_shed_for_ever_ends_with_the_load(stack: Stack, folder: Path) -> None:
    def refuse(asked: Asked, pass_on: Callable[[], Answer]) -> Answer:
        return shed(wait="3000") if is_register(asked) else pass_on()

    walk(stack, folder, {"auth": refuse}, "-u", "1", "-t", "7s")
    failures = read_failures(folder)
    (judged,) = [text for method, _, text in failures if method == "WALK"]
    assert judged.startswith("no answer: none of 1 walks got past ") and "POST /register 201" in judged
    assert failures["POST", "/register 201", "shed: 503"] == 2  # five seconds apart
    assert len(failures) == 2


LOST = {  # by the service, the method and the path: what may get another answer once it was done
    "register": ("auth", "POST", "/register"),
    "login": ("auth", "POST", "/login"),
    "refresh": ("auth", "POST", "/refresh"),
    "logout": ("auth", "POST", "/logout"),
    "logout/all": ("auth", "POST", "/logout/all"),
    "add": ("books", "POST", "/api/books"),
    "change": ("books", "PATCH", "/api/books/{isbn}"),
    "delete": ("books", "DELETE", "/api/books/{isbn}"),
}


def lose(_: Asked, pass_on: Callable[[], Answer]) -> None:
    """Have it done, and give no answer."""
    pass_on()


def doubt(_: Asked, pass_on: Callable[[], Answer]) -> Answer:
    """Have it done, and say that nobody knows."""
    pass_on()
    return shed(IN_DOUBT)


def answer(status: int) -> Fate:
    """Return a fate that has it done, and answers something that no contract knows."""
    return lambda _, pass_on: pass_on()._replace(status=status, body=b"{}")


def meet_each_once(service: str, kinds: Iterable[str], how: Fate) -> Fate:
    """Return a fate that meets the first request of each kind that was done: one in a walk, for it ends with that."""
    turn, unmet = threading.Lock(), {LOST[kind][1:] for kind in kinds if LOST[kind][0] == service}

    def decide(asked: Asked, pass_on: Callable[[], Answer]) -> Answer | None:
        answer = pass_on()
        with turn:
            is_met = is_of_a_walk(asked) and answer.status < 300 and asked[:2] in unmet
            unmet.difference_update({asked[:2]} if is_met else ())
        return how(asked, lambda: answer) if is_met else answer

    return decide


@pytest.mark.parametrize(
    ("how", "words", "kinds"),
    [
        (lose, "no answer: ", list(LOST)),
        pytest.param(doubt, "shed: 503", list(LOST), marks=pytest.mark.skipif(not LONG, reason="long form only")),
        (answer(500), "500 instead of ", list(LOST)),
    ],
    ids=["no answer", "in doubt", "wrong"],
)
def test_what_was_done_with_another_answer_is_counted_once_and_accuses_no_step_after_it(
    stack: Stack, folder: Path, how: Fate, words: str, kinds: list[str]
) -> None:
    fates = {service: meet_each_once(service, kinds, how) for service in ("auth", "books")}
    walk(stack, folder, fates, "-u", "4", "-r", "4", "-t", "15s")
    failures = read_failures(folder)
    assert {text[: len(words)] for _, _, text in failures} == {words}
    assert failures.total() == len(kinds)
    assert count_requests(folder)["POST", "/logout/all 204"] > 1  # one was met; a walk came to its end after all that


def answer_another_page(wrong: int) -> Fate:
    """Return a fate that answers the last of so many lists of a walk, which ends with that, with its first page."""
    pages: list[bytes] = []

    def fate(asked: Asked, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        is_of_walk = "requests" not in asked.headers.get("User-Agent", "")  # who reads the catalogue before the load
        if (asked.method, asked.path, answer.status) != ("GET", "/api/books", 200) or not is_of_walk:
            return answer
        page = json.loads(answer.body)
        pages.append(json.dumps({**page, "items": page["items"] * 2}).encode() if wrong == 1 else answer.body)
        return answer._replace(body=pages[0]) if len(pages) % wrong == 0 else answer

    return fate


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (1, "more books than the limit"),
        (2, "200 with books of another page"),
        (3, "200 with a book that the filter should have left out"),
    ],
)
def test_a_page_of_other_books_than_were_asked_for_fails(stack: Stack, folder: Path, wrong: int, words: str) -> None:
    walk(stack, folder, {"books": answer_another_page(wrong)}, "-u", "1", "-t", "4s")
    assert {text for method, _, text in read_failures(folder) if method == "GET"} == {words}


def test_the_ledger_of_a_real_walk_has_just_the_writes_that_are_counted(stack: Stack, folder: Path) -> None:
    record_load(folder, stack, "locustfile_smoke.py", "-u", "2", "-r", "2", "-t", "5s")
    asked = count_answers(read_seconds(folder))
    endpoints = {name_endpoint(*names): Counts(right=count) for names, count in asked.items()}
    assert count_ledger_writes(endpoints) == len(read_writes(folder)) > 30
    # The control: these are asked too, and can be no write.
    for names in (("PUT", "/api/books 405"), ("POST", "/api/books 413"), ("PATCH", "/api/books/{isbn} 415")):
        assert asked[names] > 0
    remove_books(folder, stack)


# What new_book() draws at random is always what a step sends as something else.
UNLUCKY = """
import random
random.randint = lambda low, high: 8
from locustfile_smoke import SmokeUser
"""


def test_no_book_of_the_walk_is_by_chance_the_one_that_a_step_sends_instead(
    project: Path, stack: Stack, folder: Path
) -> None:
    (folder / "unlucky.py").write_text(UNLUCKY)
    load = ("-u", "1", "-t", "4s")
    ran = run_locust(str(folder / "unlucky.py"), *load, folder=folder, stack=stack, PYTHONPATH=str(project))
    assert (ran.returncode, read_failures(folder).total()) == (0, 0), ran.stdout
    assert count_requests(folder)["POST", "/api/books 422"] > 0
