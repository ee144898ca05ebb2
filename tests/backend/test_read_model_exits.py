"""A books process ends itself at each step of a command: all of it took effect or nothing, and the rest catches up."""

import itertools
import secrets
import shutil
from pathlib import Path

import requests

from tests.support.altered_services import copy_services, run_in_place_of_own
from tests.support.books_services import BooksService
from tests.support.clients import Client
from tests.support.projector_runs import check_verified, find_isbns, run_projector
from tests.support.read_models import LONG, NO_CACHE, STALE_S, wait_until
from tests.support.sole_writer import SoleWriter, read_state
from tests.support.stacks import PROJECT, Stack

EXITS = 50 if LONG else 1  # at each step
EXIT_STATUS = 17  # of tests/support/exits.py, which only the service imports
FROM_COMMIT_ON = ("after COMMIT", "after the event")
# One worker, so that whatever is left over waits for the process that follows; forked from a master that has the code.
OPTIONS = ("--workers", "1", "--preload")


def has_same_book(one: requests.Response, other: requests.Response) -> bool:
    """Tell whether two answers show the same book, or both none."""
    return one.content == other.content if one.ok and other.ok else one.status_code == other.status_code


class Attempt:
    """One command after another to one ISBN, each with all names new, so that each takes every step."""

    def __init__(self, service: BooksService, token: str, command: str) -> None:
        self.writer = SoleWriter(service.url, token, "")
        self.command, self.log = command, service.log
        self.numbers = itertools.count(1)
        self.exits = 0
        self.exits_before = self.count_exits()
        self.takes_effect_at = 0  # a place among its steps

    def count_exits(self) -> int:
        """Return how many processes of the service have ended themselves."""
        return self.log.read_text().count(f"exited with code {EXIT_STATUS}")

    def prepare(self) -> None:
        """Bring the ISBN into the state in which the command takes effect, to be sent with names that nobody used."""
        (state,) = self.writer.ledger.states
        self.writer.mark = f"{self.writer.isbn} before {(number := next(self.numbers))}"
        if self.command == "POST" and state.number is not None:
            assert self.writer.delete() is not None
        if self.command != "POST" and state.number is None:
            assert self.writer.create(number, key=secrets.token_hex(8)) is not None
        self.number, self.key = next(self.numbers), secrets.token_hex(8)
        self.writer.mark = f"{self.writer.isbn} {self.number}"

    def send(self, exit_at: str = "", *, repeated: bool = False) -> requests.Response | None:
        """Send the command; a POST that is repeated has the key of the one before."""
        headers = {"X-Exit-At": exit_at}
        if self.command == "POST":
            return self.writer.create(self.number, key=self.key, repeated=repeated, **headers)
        return self.writer.change(self.number, **headers) if self.command == "PATCH" else self.writer.delete(**headers)

    def list_steps(self) -> list[str]:
        """Return the steps of the command, from one that is let through."""
        steps: list[str] = []
        for _ in range(2):  # the first POST finds no version to go on from
            self.prepare()
            answer = self.send()
            assert answer is not None and answer.ok
            steps = answer.headers["X-Steps"].split("|")
        # New names are committed before; the command itself with the last COMMIT.
        self.takes_effect_at = max(place for place, step in enumerate(steps) if step.endswith(" after COMMIT"))
        return steps

    def exit_at(self, step: str) -> None:
        """Send the command to a process that ends at the step; assert what is left, then send it again."""
        self.prepare()
        before = self.writer.ledger.states
        assert self.send(step) is None, f"{self.command} did not reach {step}"
        self.exits += 1
        wait_until(
            lambda: self.count_exits() == self.exits_before + self.exits, 5, f"{self.command} has ended at {step}"
        )
        found = self.writer.read(**NO_CACHE)
        committed = int(step.partition(" ")[0]) >= self.takes_effect_at
        (after,) = self.writer.ledger.states - before if committed else before
        assert (found.json()["stock"] if found.ok else None) == after.number, (self.command, step)
        wait_until(
            lambda: has_same_book(self.writer.read(), found),
            STALE_S,
            f"what {self.command} left at {step} is brought in",
        )
        self.repeat(committed)

    def repeat(self, committed: bool) -> None:
        """Send the command again, as a client without an answer does: it takes effect if it had none, and once."""
        again = self.send(repeated=True)
        assert again is not None
        expected = {"POST": 201, "PATCH": 200, "DELETE": 404 if committed else 204}[self.command]
        assert again.status_code == expected, again.text
        assert (again.headers.get("Idempotent-Replayed") == "true") is (committed and self.command == "POST")
        seen = self.writer.read()
        self.writer.ledger.check_read(seen.json()["stock"] if seen.ok else None)


def test_a_command_takes_effect_wholly_or_not_wherever_its_process_ends(
    model_settings: dict[str, str], model_stack: Stack, model_books: Client, token: str, tmp_path: Path
) -> None:
    log = tmp_path / "books.log"
    with run_in_place_of_own(model_settings, log, *OPTIONS, app="tests.support.exits:app") as service:
        for command in ("POST", "PATCH", "DELETE"):
            end_at_each_step(model_stack, Attempt(service, token, command))


def end_at_each_step(stack: Stack, attempt: Attempt) -> None:
    """Let the process end at each step of one command; assert that all it leaves is right, and the steps are known."""
    steps = attempt.list_steps()
    names = [step.partition(" ")[2] for step in steps]
    assert names[0] == "BEGIN" and names[-3:] == ["before COMMIT", *FROM_COMMIT_ON]
    assert sum(name.startswith("INSERT INTO outbox") for name in names) == 1
    for step in steps:
        for _ in range(EXITS):
            attempt.exit_at(step)
    check_verified(stack)
    attempt.writer.ledger.settle(read_state(stack, attempt.writer.isbn))
    assert attempt.exits == EXITS * len(steps)
    print(f"{attempt.command}: {EXITS} exits at each of {steps}")


def test_without_a_projector_a_change_would_stay_out_of_the_read_model(
    model_settings: dict[str, str], model_stack: Stack, model_books: Client, token: str, tmp_path: Path
) -> None:
    altered = copy_services(
        tmp_path, "backend/read_model/projector.py", "delete_applied, apply_leftovers)", "delete_applied)"
    )
    (altered / "tests" / "support").mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "support" / "exits.py", altered / "tests" / "support")
    log = tmp_path / "books.log"
    with run_in_place_of_own(model_settings, log, *OPTIONS, app="tests.support.exits:app", folder=altered) as service:
        attempt = Attempt(service, token, "PATCH")
        step = attempt.list_steps()[attempt.takes_effect_at]
        attempt.prepare()
        assert attempt.send(step) is None
        wait_until(lambda: attempt.writer.read(**NO_CACHE).json()["stock"] == attempt.number, STALE_S, "it is there")
        code, output, _ = run_projector(model_stack, "verify")
    assert (code, find_isbns(output)) == (1, {attempt.writer.isbn})
