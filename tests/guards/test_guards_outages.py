"""The test that a store which is down is told from wrong credentials fails where it is not."""

from pathlib import Path

import pytest

from tests.backend.test_stores_down import check_503
from tests.support.clients import Client, register
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, run_build

DOWN_IS_UNKNOWN: tuple[Change, ...] = (
    ("user = _find_for_login(name)", "user = _if_up(_find_for_login, name)"),
    ("attempt = begin_try(account)", "attempt = _if_up(begin_try, account)"),
    (
        "end_try(account, attempt, failed=not matches)",
        "_if_up(lambda account: end_try(account, attempt, failed=not matches), account)",
    ),
    (
        "def authenticate(",
        """def _if_up(ask, name):
    try:
        return ask(name)
    except Unavailable:
        return None


def authenticate(""",
    ),
)
NOBODY_THERE = {"database": {"DB_PORT": "1"}, "redis": {"REDIS_URL": "redis://127.0.0.1:1/0"}}


@pytest.mark.parametrize("store", ["database", "redis"])
def test_the_test_of_a_store_that_is_down_fails_where_it_looks_like_no_account(
    stack: Stack, tmp_path: Path, store: str
) -> None:
    wrong = {"username": register(stack["AUTH_URL"]).username, "password": "not the password"}
    with (
        run_build(stack, tmp_path / "build", *DOWN_IS_UNKNOWN, only="auth", **NOBODY_THERE[store]) as weak,
        Client(weak.auth) as auth,
        pytest.raises(AssertionError, match="Wrong name or password"),
    ):
        check_503(auth, ("POST", "/login", wrong))
