"""Two hosts' clocks may differ by five seconds: a token that the other host has issued in the future is taken, and the
log says that the clocks differ, once and not with each request; the check is seen to fail on a build without that.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import Account, Client, Json, check_problem, register, sign_in
from tests.support.forgery import alter
from tests.support.read_models import LONG
from tests.support.session_checks import bearer, list_uses, read_claims
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, run_build, shift_clock

ALL = ["me", "status", "list", "book", "change"]
AHEAD_S = 3
NO_LEEWAY: Change = ("LONGEST_SKEW_S = 5", "LONGEST_SKEW_S = 0")


@pytest.fixture(scope="module")
def ahead(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an auth service on a host whose clock is three seconds ahead."""
    with run_build(stack, tmp_path_factory.mktemp("ahead") / "build", shift_clock(AHEAD_S), only="auth") as services:
        yield services.auth


@pytest.fixture(scope="module")
def books_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a books service, in which its log is."""
    return tmp_path_factory.mktemp("books") / "build"


@pytest.fixture(scope="module")
def books_url(stack: Stack, books_folder: Path) -> Iterator[str]:
    """The address of a books service on a host whose clock is right."""
    with run_build(stack, books_folder, only="books") as services:
        yield services.books


def check_new_tokens(stack: Stack, ahead: str, books_url: str) -> Json:
    """Assert that tokens of a host whose clock is ahead open both services at once; return the last pair."""
    account = register(ahead)
    for _ in range(10 if LONG else 3):  # tokens of their own
        pair = sign_in(ahead, account)
        assert read_claims(pair["access_token"])["iat"] > time.time() + 1, "no clock is ahead"
        uses = list_uses(Services(stack["AUTH_URL"], books_url, 0, 0), pair)
        assert uses == ALL, f"a new token opens only {uses}"
    return pair


def test_new_tokens_of_a_clock_that_is_ahead_are_taken_at_once_and_it_is_told_once(
    stack: Stack, ahead: str, books_url: str, books_folder: Path
) -> None:
    check_new_tokens(stack, ahead, books_url)
    told = [line for line in (books_folder / "books.log").read_text().splitlines() if "clock skew" in line]
    assert len(told) == 1, told
    assert "accepted" in told[0]


def test_the_check_fails_where_clocks_may_not_differ(stack: Stack, ahead: str, tmp_path: Path) -> None:
    with (
        run_build(stack, tmp_path / "build", NO_LEEWAY, only="books") as weak,
        pytest.raises(AssertionError, match="opens only"),
    ):
        check_new_tokens(stack, ahead, weak.books)


def test_tokens_of_a_later_future_are_refused_and_it_is_told_once(
    stack: Stack, account: Account, pair: Json, books_url: str, books_folder: Path
) -> None:
    claims, now = read_claims(pair["access_token"]), int(time.time())
    with Client(books_url) as books:
        for name in ("iat", "nbf"):
            for later in (10, 60):
                forge = alter(**{name: now + later})
                check_problem(books.get("/api/books", headers=bearer(forge(claims, stack["JWT_SECRET"]))), 401)
    told = [line for line in (books_folder / "books.log").read_text().splitlines() if "clock skew" in line]
    refused = [line for line in told if "refused" in line]
    assert len(refused) == 1, told
    assert pair["access_token"] not in "".join(told)


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_the_near_future_is_taken_by_both_services(
    stack: Stack, auth: Client, pair: Json, books_url: str, name: str
) -> None:
    token = alter(**{name: int(time.time()) + AHEAD_S})(read_claims(pair["access_token"]), stack["JWT_SECRET"])
    with Client(books_url) as books:
        assert auth.get("/me", headers=bearer(token)).status_code == 200
        assert books.get("/api/books?limit=1", headers=bearer(token)).status_code == 200


def test_the_end_of_a_token_has_no_leeway(stack: Stack, auth: Client, pair: Json, books_url: str) -> None:
    token = alter(exp=int(time.time()))(read_claims(pair["access_token"]), stack["JWT_SECRET"])
    with Client(books_url) as books:
        check_problem(auth.get("/me", headers=bearer(token)), 401)
        check_problem(books.get("/api/books", headers=bearer(token)), 401)
