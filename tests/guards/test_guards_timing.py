"""A refused log-in takes the same time for an account as for none, whatever its hash has cost and however long the
password is; each comparison is seen to tell them apart on a build that does not care.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backend import test_auth_login as login
from tests.support.clients import Client, register
from tests.support.login_timing import (
    MOST_TRIES,
    NAMES,
    compare_refusals,
    make_long_password,
    make_short_password,
    register_known,
    set_hash_cost,
)
from tests.support.read_models import LONG, bound
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, run_build

pytestmark = pytest.mark.alone

PAIRS = NAMES * MOST_TRIES if LONG else 75
COST = 12 if LONG else 7  # of a hash: in the short form a thirty-second of what it costs in use
SHIFT = bound(0.05)
Compare = Callable[[Stack, str, int], float]
COST_SETTING = {"BCRYPT_ROUNDS": str(COST)}
NOBODY_TREATED_OTHERWISE: tuple[Change, ...] = (
    (
        'verify_password(password, user["password_hash"] if user else None)',
        'user is not None and verify_password(password, user["password_hash"])',
    ),
    (
        'raise NotAuthenticated("Wrong name or password.")',
        'raise NotAuthenticated("Wrong password." if user else "No such user.")',
    ),
)
OLD_COSTS_AS_THEY_ARE: Change = ('range(int(stored.split("$")[2]), rounds)', "()")
LONG_ONES_REFUSED_UNHASHED: Change = (
    "matches = verify_password(",
    "matches = not (user and len(password.encode()) > 72) and verify_password(",
)


@pytest.fixture(scope="module")
def auth_url(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an auth service whose hashes cost enough to be timed."""
    with run_build(stack, tmp_path_factory.mktemp("timed") / "build", only="auth", **COST_SETTING) as services:
        yield services.auth


def compare_plain(stack: Stack, auth_url: str, pairs: int) -> float:
    """Compare names that are known and not, alike in everything else."""
    return compare_refusals(auth_url, register_known(auth_url), pairs, make_short_password)


def compare_old_cost(stack: Stack, auth_url: str, pairs: int) -> float:
    """Compare accounts whose hashes have an older cost with names that nobody has."""
    accounts = register_known(auth_url)
    set_hash_cost(stack, accounts, COST - 2)
    return compare_refusals(auth_url, accounts, pairs, make_short_password)


def compare_over_long(stack: Stack, auth_url: str, pairs: int) -> float:
    """Compare names that are known and not, with passwords longer than bcrypt looks at."""
    return compare_refusals(auth_url, register_known(auth_url), pairs, make_long_password)


@pytest.mark.parametrize("compare", [compare_plain, compare_old_cost, compare_over_long])
def test_the_time_of_a_refusal_tells_nothing(stack: Stack, auth_url: str, compare: Compare) -> None:
    shifts: list[float] = []
    while len(shifts) < 3 and min(shifts, default=1) >= SHIFT:  # anew if other programs have disturbed it
        shifts.append(compare(stack, auth_url, PAIRS))
    print(f"{compare.__name__}: {PAIRS} pairs, shift {shifts}")
    assert min(shifts) < SHIFT, shifts


def test_time_and_words_tell_who_is_known_where_nobody_is_treated_otherwise(stack: Stack, tmp_path: Path) -> None:
    with (
        run_build(stack, tmp_path / "build", *NOBODY_TREATED_OTHERWISE, only="auth", **COST_SETTING) as weak,
        Client(weak.auth) as auth,
    ):
        assert compare_plain(stack, weak.auth, NAMES) >= SHIFT
        with pytest.raises(AssertionError, match="such user"):
            login.test_a_wrong_password_and_an_unknown_name_look_alike(auth, register(weak.auth), "username")
        with pytest.raises(AssertionError, match="such user"):
            login.test_an_over_long_password_looks_alike_too(auth, register(weak.auth))


def test_the_time_tells_who_is_known_by_an_old_cost_or_a_long_password(stack: Stack, tmp_path: Path) -> None:
    changes = OLD_COSTS_AS_THEY_ARE, LONG_ONES_REFUSED_UNHASHED
    with run_build(stack, tmp_path / "build", *changes, only="auth", **COST_SETTING) as weak:
        assert compare_old_cost(stack, weak.auth, NAMES) >= SHIFT
        assert compare_over_long(stack, weak.auth, NAMES) >= SHIFT
