"""What tells whether the services are as well as before: memory, descriptors, threads, connections."""

import time
from collections.abc import Sequence
from functools import partial

import requests

from tests.support.books_services import list_workers
from tests.support.clients import Json, ask_at_once
from tests.support.hostile_values import RAW_VALUES
from tests.support.read_models import connect_to_redis
from tests.support.session_checks import bearer
from tests.support.stacks import Stack, connect_to_mariadb
from tests.support.weak_builds import Services

Signs = dict[str, float]
AT_ONCE = 64  # twice the threads of a worker
DEEP = (RAW_VALUES["lists never closed"], RAW_VALUES["objects nested deep"])
STILL = ("threads", "connections to MariaDB", "connections to Redis")


def warm_up(stack: Stack, services: Services, pair: Json) -> None:
    """Have all threads of each service's one worker serve at once, until two rounds in a row have added nothing.

    With deep JSON, for which each thread's stack grows once and for all.
    """
    get = partial(requests.get, headers={**bearer(pair["access_token"]), "Cache-Control": "no-cache"}, timeout=20)
    post = partial(
        requests.post, headers={**bearer(pair["access_token"]), "Content-Type": "application/json"}, timeout=20
    )
    calls = [
        *[partial(get, f"{services.auth}/me")] * AT_ONCE,
        *[partial(get, f"{services.books}/api/books/9780307474728")] * AT_ONCE,
        *[partial(get, f"{url}/ready") for url in (services.auth, services.books)] * 4,
        *[partial(post, f"{services.auth}/login", data=b'{"username": "x", "password": ""}')] * 8,
        *[partial(post, f"{services.auth}/login", data=deep) for deep in DEEP] * (AT_ONCE // 2),
        *[partial(post, f"{services.books}/api/books", data=deep) for deep in DEEP] * (AT_ONCE // 2),
    ]
    same, before = 0, read_signs(stack, services)
    for _ in range(20):
        ask_at_once(calls)
        after = read_signs(stack, services)
        same, before = (same + 1 if all(after[name] <= before[name] for name in STILL) else 0), after
        if same == 2:
            return
    raise AssertionError(f"the services still take more: {after}")


def read_signs(stack: Stack, services: Services) -> Signs:
    """Measure both services' workers together, and their connections to the stores."""
    workers = [each for pid in (services.auth_pid, services.books_pid) for each in list_workers(pid)]
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Threads_connected'")
        ((_, connected),) = cursor.fetchall()
    with connect_to_redis(stack) as store:
        clients = store.info("clients")["connected_clients"]
    return {
        "workers": len(workers),
        "memory": sum(each.memory_info().rss for each in workers),
        "descriptors": sum(each.num_fds() for each in workers),
        "threads": sum(each.num_threads() for each in workers),
        "connections to MariaDB": float(str(connected)),
        "connections to Redis": float(clients),
    }


def list_worse(before: Signs, after: Signs, part: float) -> list[str]:
    """Return which signs have risen by more than that part, and of workers any change."""
    worse = [name for name in before if after[name] > before[name] * (1 + part)]
    return worse + (["workers"] if after["workers"] != before["workers"] else [])


def read_settled(stack: Stack, services: Services, before: Signs, part: float, seconds: float = 10) -> Signs:
    """Measure until the signs are as before, or for that long: connections take a moment to close."""
    deadline = time.monotonic() + seconds
    while list_worse(before, after := read_signs(stack, services), part) and time.monotonic() < deadline:
        time.sleep(0.5)
    return after


def describe(before: Signs, after: Signs, names: Sequence[str] = ()) -> str:
    """Return a line that tells before and after."""
    return ", ".join(f"{name} {before[name]:,.0f} -> {after[name]:,.0f}" for name in names or before)
