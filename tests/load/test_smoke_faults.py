"""The smoke walk fails on builds and answers that break the contract, at the step that asks for it."""

from pathlib import Path

import pytest

from tests.support.read_models import wait_until
from tests.support.records_of_load import add_accounts, read_failures, start_load
from tests.support.short_form import pick
from tests.support.smoke_loads import run_fronts, walk
from tests.support.stacks import Stack
from tests.support.told_otherwise import list_auth_changes, list_books_changes, tell_each_once
from tests.support.weak_builds import Change, run_build


def unsigned_where(door: str) -> Change:
    """Return the change after which a build takes the claims of a token without its signature, at one of its doors."""
    decoded = 'jwt.decode(token, options={"verify_signature": False})'
    return ("    claims = _verify(token)\n", f"    claims = {decoded} if {door} else _verify(token)\n")


DELETES = '(flask := __import__("flask")).has_request_context() and flask.request.method == "DELETE"'
# The service that is weak, the step that tells, and what is changed in the build.
WEAK: list[tuple[str, str, str, Change]] = [
    ("auth", "POST", "/login 401", ("    if user is None or not matches:", "    if user is None:")),
    ("auth", "GET", "/me 401", unsigned_where('uses == ("access",) and verify_exp')),
    ("books", "GET", "/api/books 401", unsigned_where("True")),
    ("books", "GET", "/api/books 401", (' claims["token_use"] not in uses or (', " (")),
    ("auth", "GET", "/token/status 401", unsigned_where("not verify_exp")),
    ("auth", "GET", "/token/status 401", ('"access", verify_exp=False)', '"access", "refresh", verify_exp=False)')),
    ("auth", "POST", "/refresh 401", unsigned_where('uses == ("refresh",)')),
    ("auth", "POST", "/logout 401", unsigned_where("len(uses) == 2")),
    ("books", "DELETE", "/api/books/{isbn} 401", unsigned_where(DELETES)),
]  # fmt: skip
NAMES = [
    "any password", "forged to auth", "forged to books", "refresh token to books", "forged to the status",
    "refresh token to the status", "forged to refresh", "forged to log out", "forged to delete",
]  # fmt: skip


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with accounts and sessions."""
    return add_accounts(tmp_path, ready)


@pytest.mark.parametrize("weakness", pick(range(len(WEAK)), 0, 1, 2, 3), ids=pick(NAMES, 0, 1, 2, 3))
def test_a_build_that_lets_anybody_in_fails_at_the_step_that_should_be_refused(
    stack: Stack, folder: Path, tmp_path: Path, weakness: int
) -> None:
    service, method, name, change = WEAK[weakness]
    with run_build(stack, tmp_path / "build", change, only=service) as weak:
        walk({**stack, "AUTH_URL": weak.auth, "BOOKS_URL": weak.books}, folder, {}, "-u", "1", "-t", "10s")
    wrong = {failure for failure in read_failures(folder) if failure[0] != "WALK"}
    assert {failure[:2] for failure in wrong} == {(method, name)}
    assert {words.split(":")[0] for *_, words in wrong} <= {"200 instead of 401", "204 instead of 401"}


def test_an_answer_that_says_another_thing_than_the_walk_knows_fails(stack: Stack, folder: Path) -> None:
    unmet = {"auth": list_auth_changes(), "books": list_books_changes(stack["BOOKS_URL"])}
    expected = dict.fromkeys([*unmet["auth"], *unmet["books"]], 1)
    fates = {name: tell_each_once(changes) for name, changes in unmet.items()}
    with run_fronts(stack, fates) as (through, _):
        load = start_load(folder, through, "locustfile_smoke.py", "-u", "4", "-r", "4", "-t", "80s")
        wait_until(lambda: load.poll() is not None or not any(unmet.values()), 120, "all are met, or the load ended")
        load.terminate()
        load.wait(30)
    assert {failure: count for failure, count in read_failures(folder).items() if failure[0] != "WALK"} == expected
