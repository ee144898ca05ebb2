"""What the guards of sessions must withstand, as checks that run against the services and against their weak builds."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import jwt
import pytest
import requests

from tests.support.clients import Account, Client, Json, ask_at_once, register, sign_in
from tests.support.weak_builds import Services

USES_AT_ONCE = 20


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def read_claims(token: str) -> Json:
    """Return the claims of a token without asking whether they hold."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def keys_of(pair: Json) -> tuple[str, str]:
    """Return the two keys of Redis in which a session lives: its entry, and the set of its user's sessions."""
    claims = read_claims(pair["access_token"])
    return f"session:{claims['sid']}", f"sessions_of:{claims['sub']}"


@contextmanager
def open_clients(services: Services) -> Iterator[tuple[Client, Client]]:
    """Open a client of each service, neither with a token of its own."""
    with Client(services.auth) as auth, Client(services.books) as books:
        yield auth, books


def refresh(services: Services, pair: Json) -> requests.Response:
    """Use the refresh token of a pair."""
    return requests.post(f"{services.auth}/refresh", headers=bearer(pair["refresh_token"]), timeout=10)


def rotate(services: Services, pair: Json) -> Json:
    """Use the refresh token of a pair, which must work, and return the new pair."""
    answer = refresh(services, pair)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def list_uses(services: Services, pair: Json) -> list[str]:
    """Return which uses of the access token of a pair still work."""
    access = bearer(pair["access_token"])
    with open_clients(services) as (auth, books):
        answers = {
            "me": auth.get("/me", headers=access).status_code == 200,
            "status": auth.get("/token/status", headers=access).json().get("active") is True,
            "list": books.get("/api/books?limit=1", headers=access).status_code == 200,
            "book": books.get("/api/books/9780306406157", headers=access).status_code != 401,
            "change": books.patch("/api/books/9780306406157", headers=access, json={}).status_code != 401,
        }
    return [use for use, works in answers.items() if works]


def check_dead(services: Services, pairs: Sequence[Json]) -> None:
    """Assert that no token of these pairs opens anything on either service."""
    for pair in reversed(pairs):  # the newest first: a replay of an older one would end what is left
        assert list_uses(services, pair) == [], "an access token of an ended session is taken"
        access, renewing = bearer(pair["access_token"]), bearer(pair["refresh_token"])
        with Client(services.auth) as auth:
            for path, header in (("/logout", access), ("/logout/all", access), ("/logout", renewing)):
                assert auth.post(path, headers=header).status_code == 401, f"{path} takes a token of an ended session"
            answer = auth.post("/refresh", headers=renewing)
        assert answer.status_code == 401, "a refresh token of an ended session is taken"


def check_alive(services: Services, pair: Json) -> None:
    """Assert that the access token of a pair opens everything."""
    assert list_uses(services, pair) == ["me", "status", "list", "book", "change"]


def rotate_four_times(services: Services, account: Account) -> list[Json]:
    """Return the five pairs that one session had, the last of which lives."""
    pairs = [sign_in(services.auth, account)]
    for _ in range(4):
        pairs.append(rotate(services, pairs[-1]))
    return pairs


def check_replay_ends_the_session(services: Services, earlier: int) -> None:
    """Assert that an earlier refresh token of a session that was rotated four times ends it, and no other one."""
    account = register(services.auth)
    other, pairs = sign_in(services.auth, account), rotate_four_times(services, account)
    check_alive(services, pairs[-1])
    assert refresh(services, pairs[earlier]).status_code == 401, "a refresh token works twice"
    check_dead(services, pairs)
    check_alive(services, other)


def check_replay_in_the_same_second(services: Services) -> None:
    """Assert that a replay ends the session when all its tokens were issued in one second."""
    account = register(services.auth)
    for _ in range(10):
        pairs = [sign_in(services.auth, account)]
        pairs.append(rotate(services, pairs[0]))
        replayed = refresh(services, pairs[0])
        if len({read_claims(pair["refresh_token"])["iat"] for pair in pairs}) == 1:
            break
    else:
        pytest.fail("a log-in and a refresh never fell into one second")
    assert replayed.status_code == 401, "a refresh token works twice within a second"
    check_dead(services, pairs)


def check_one_of_many_at_once(services: Services) -> None:
    """Assert that of twenty uses of one refresh token at once one gives a pair, and that the reuse ends its session."""
    pair = sign_in(services.auth, register(services.auth))
    answers = ask_at_once([partial(refresh, services, pair)] * USES_AT_ONCE)
    given = [dict(answer.json()) for answer in answers if answer.status_code == 200]
    assert len(given) == 1, f"{len(given)} uses of one refresh token at once gave a pair"
    assert [answer.status_code for answer in answers].count(401) == USES_AT_ONCE - 1
    check_dead(services, [pair, *given])


def check_logout(services: Services, path: str, use: str) -> None:
    """Assert that a log-out with that token of a pair is felt at once on both services, by its session alone."""
    account = register(services.auth)
    old, other = (sign_in(services.auth, account) for _ in range(2))
    pair = rotate(services, old)
    answer = requests.post(f"{services.auth}{path}", headers=bearer(pair[use]), timeout=10)
    assert answer.status_code == 204
    check_dead(services, [old, pair])
    if path == "/logout":
        check_alive(services, other)


def post_together(start: threading.Barrier, url: str, token: str) -> requests.Response:
    """Send a POST with that token once the others are ready to send theirs."""
    start.wait(10)
    return requests.post(url, headers=bearer(token), timeout=10)


def check_races_of_refresh_and_logout(services: Services, races: int) -> None:
    """Assert that a refresh and a log-out at once leave no usable token, whoever comes first."""
    account = register(services.auth)
    refreshed_first = 0
    for _ in range(races):
        pair = sign_in(services.auth, account)
        post = partial(post_together, threading.Barrier(2))
        refreshing = partial(post, f"{services.auth}/refresh", pair["refresh_token"])
        logging_out = partial(post, f"{services.auth}/logout", pair["access_token"])
        renewed, ended = ask_at_once([refreshing, logging_out])
        assert (ended.status_code, renewed.status_code in (200, 401)) == (204, True), renewed.text
        given = [dict(renewed.json())] if renewed.status_code == 200 else []
        refreshed_first += len(given)
        check_dead(services, [pair, *given])
    assert 0 < refreshed_first < races, f"no race: the refresh came first {refreshed_first} times of {races}"
