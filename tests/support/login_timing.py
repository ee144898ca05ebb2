"""Measures whether the time that a refused log-in takes tells an account from none."""

import secrets
import statistics
import time
from collections.abc import Callable, Sequence

import bcrypt
import requests

from tests.support.clients import Account, Client, make_credentials, register
from tests.support.stacks import Stack, connect_to_mariadb

NAMES = 25  # of accounts, and as many that nobody has
MOST_TRIES = 8  # of one name: ten would lock it


def register_known(auth_url: str) -> list[Account]:
    """Register 25 accounts and return them."""
    return [register(auth_url) for _ in range(NAMES)]


def set_hash_cost(stack: Stack, accounts: Sequence[Account], cost: int) -> None:
    """Give the accounts hashes of another cost than the service makes now, as those of long ago have."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        for account in accounts:
            stored = bcrypt.hashpw(account.password.encode(), bcrypt.gensalt(cost)).decode()
            cursor.execute("UPDATE users SET password_hash = %s WHERE id = %s", (stored, account.id))


def compare_refusals(auth_url: str, accounts: Sequence[Account], pairs: int, make_password: Callable[[], str]) -> float:
    """Time interleaved pairs of wrong log-ins, one of a known name and one of an unknown one, in turn over 25 each.

    Returns the shift: the median difference within a pair, as a part of the median time of an unknown name.
    """
    assert pairs <= MOST_TRIES * len(accounts)
    unknown = [make_credentials()["username"] for _ in accounts]
    times: list[dict[bool, float]] = []
    with Client(auth_url) as auth:
        for number in range(pairs):
            names = {True: accounts[number % NAMES].username, False: unknown[number % NAMES]}
            order = (True, False) if number % 2 else (False, True)
            times.append({known: time_refusal(auth, names[known], make_password()) for known in order})
    difference = statistics.median(pair[True] - pair[False] for pair in times)
    return abs(difference) / statistics.median(pair[False] for pair in times)


def time_refusal(auth: Client, name: str, password: str) -> float:
    """Return the seconds that one wrong log-in takes to be refused."""
    started = time.perf_counter()
    answer: requests.Response = auth.post("/login", json={"username": name, "password": password})
    seconds = time.perf_counter() - started
    assert answer.status_code == 401, answer.text
    return seconds


def make_short_password() -> str:
    """Return a password like any other."""
    return f"guess-{secrets.token_hex(8)}"


def make_long_password() -> str:
    """Return a password of more bytes than bcrypt looks at."""
    return f"guess-{secrets.token_hex(40)}"
