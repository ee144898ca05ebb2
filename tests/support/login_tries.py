"""Log-ins of one account at once, what Redis counts of them, and what must hold of both."""

import hashlib
from functools import partial
from typing import Any

import redis
import requests

from tests.support.clients import Account, ask_at_once, check_problem

LIMIT = 10
MOST_CROWDS = 5  # a busy machine may send one of them too slowly to meet
RIGHT_AT_ONCE = 40  # four workers on two cores have room for 20 of them
GUESSES = 30
MOST_SENT = 400  # of one guess, for as long as it is refused as one too many


def log_in(url: str, name: str, password: str) -> requests.Response:
    """Send one log-in."""
    return requests.post(f"{url}/login", json={"username": name, "password": password}, timeout=10)


def count(store: "redis.Redis", kind: str, account: Account) -> int:
    """Return how many `failures` or `tries` Redis holds of an account."""
    size: Any = store.zcard(f"{kind}:{hashlib.sha256(f'id:{account.id}'.encode()).hexdigest()}")
    return int(size)


def check_right_at_once(url: str, account: Account) -> None:
    """Assert that a right password that is sent many times at once is let in or refused for a second, never locked."""
    assert any(send_right_at_once(url, account) for _ in range(MOST_CROWDS)), "no place was missing"


def send_right_at_once(url: str, account: Account) -> bool:
    """Send a right password many times and hold the answers; tell whether one was refused for the others."""
    answers = ask_at_once([partial(log_in, url, account.username, account.password)] * RIGHT_AT_ONCE)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 503}, f"a right password was refused as a guess: {sorted(statuses)}"
    assert statuses.count(200) > 0
    refusals = [answer for answer in answers if answer.status_code == 503]
    for refusal in refusals:
        check_problem(refusal, 503)
        assert refusal.headers["Retry-After"] == "1"
    return any("this account" in refusal.json()["detail"] for refusal in refusals)


def guess_until_answered(url: str, name: str, guess: str) -> int:
    """Send a guess until it is not refused as one too many, and return the status of its answer."""
    for _ in range(MOST_SENT):
        status = log_in(url, name, guess).status_code
        if status != 503:
            return status
    return 503


def check_guesses_at_once(url: str, name: str) -> None:
    """Assert that of many guesses at once, each sent again while it gets 503, no more than the limit are answered."""
    statuses: list[int] = []

    def guess(number: int) -> requests.Response:
        statuses.append(guess_until_answered(url, name, f"guess number {number}"))
        return requests.Response()

    ask_at_once([partial(guess, number) for number in range(GUESSES)])
    # Less than the limit where Redis took so long to count one that its answer was 503.
    assert 0 < statuses.count(401) <= LIMIT, f"{statuses.count(401)} guesses were answered"
    assert set(statuses) == {401, 429}
