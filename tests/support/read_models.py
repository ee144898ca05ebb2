"""Looks at the read model from outside: which one answered, what waits for it, what its metrics tell."""

import os
import re
import time
from collections.abc import Callable

import pytest
import redis
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.clients import Client
from tests.support.stacks import Stack, connect_to_mariadb

LONG = os.environ.get("LONG_CHECKS") == "1"
NO_CACHE = {"Cache-Control": "no-cache"}


def bound(seconds: float) -> float:
    """Give a promised bound as it is asserted: as written in the long form, at twice the value in the short one."""
    return seconds if LONG else 2 * seconds


STALE_S = bound(2)  # what a crash left over is applied within two seconds
STANDS_AGAIN_S = bound(5)  # a read model that was lost


def read_version(answer: requests.Response) -> tuple[int, int] | None:
    """Return the catalogue version that an answer was made from, None when MariaDB was asked; fail without one."""
    text = answer.headers["Catalogue-Version"]
    if text == "mariadb":
        return None
    assert re.fullmatch(r"[0-9]+-[0-9]+", text), text
    generation, changes = text.split("-")
    return int(generation), int(changes)


def read_both_ways(books: Client, path: str, if_none_match: str | None = None) -> requests.Response:
    """Read a book as anybody does and from MariaDB; assert that both answers are the same, and return the first."""
    headers = {} if if_none_match is None else {"If-None-Match": if_none_match}
    plain = books.get(path, headers=headers)
    fresh = books.get(path, headers={**headers, **NO_CACHE})
    assert (plain.status_code, plain.headers.get("ETag")) == (fresh.status_code, fresh.headers.get("ETag"))
    assert plain.content == fresh.content or plain.status_code >= 400
    return plain


def read_metric(stack: Stack, url: str, name: str) -> float:
    """Return the one sample of that name in /metrics of the service at `url`."""
    answer = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}, timeout=10)
    assert answer.status_code == 200, answer.text
    samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
    (value,) = [each.value for each in samples if each.name == name]
    return value


def connect_to_redis(stack: Stack) -> "redis.Redis":
    """Return a client of the test's own to the stack's Redis; answers come as text."""
    return redis.Redis.from_url(stack["REDIS_URL"], decode_responses=True)


def find_generation(store: "redis.Redis") -> str:
    """Return what the keys of the generation begin with that is in use."""
    return f"catalogue:{store.hget('catalogue', 'generation')!s}:"


def find_miscounts(stack: Stack) -> dict[str, tuple[int, int]]:
    """Return the keys that have another number of entries than is counted, with both numbers."""
    with connect_to_redis(stack) as store:
        prefix = find_generation(store)
        counts = {name: int(count) for name, count in store.hgetall(f"{prefix}counts").items()}
        names = {key.removeprefix(prefix) for key in store.scan_iter(f"{prefix}*", count=1000)} - {"counts"}
        found = {
            name: (store.hlen if name in ("books", "places") else store.zcard)(prefix + name)
            for name in names | counts.keys()
        }
    return {name: (entries, counts.get(name, 0)) for name, entries in found.items() if entries != counts.get(name, 0)}


def count_outbox(stack: Stack) -> int:
    """Return how many rows wait in the outbox."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM outbox")
        ((count,),) = cursor.fetchall()
    return int(str(count))


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something holds; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def wait_until_projected(stack: Stack) -> None:
    """Wait until the outbox is empty: all that was written is in the read model."""
    wait_until(lambda: count_outbox(stack) == 0, STALE_S, "the outbox is empty")


def wait_until_standing(books: Client) -> None:
    """Wait until queries are answered from the read model; a machine that has too much to do is waited for as well."""

    def is_standing() -> bool:
        answer = books.get("/api/books?limit=1")
        return answer.status_code != 503 and read_version(answer) is not None

    wait_until(is_standing, 30, "the read model stands")
