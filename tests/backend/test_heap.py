"""What a thread of a worker has freed is free for all of them, so that memory does not grow with threads and time."""

import os
import platform
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from benchmarks.service import serve

REQUESTS = 320  # to 16 threads
KEEPING = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}  # a setting of one's own is left as it is


def growth(settings: dict[str, str], folder: Path) -> int:
    """Return by how many bytes that are not free a worker's heap has grown when its threads gave all back."""
    own = {"PATH": os.environ["PATH"], "DB_USER": "libros", "JWT_SECRET": secrets.token_urlsafe(48)}
    with serve("tests.support.heap:app", {**own, **settings}, folder, min(os.sched_getaffinity(0))) as (url, _):
        before = ask(url)
        with ThreadPoolExecutor(32) as clients:
            list(clients.map(lambda _: ask(url), range(REQUESTS)))
        return ask(url) - before


def ask(url: str) -> int:
    """Let the app take and give back, and return how many bytes are not free then."""
    return int(requests.get(url, timeout=10).text)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
def test_the_threads_of_a_worker_keep_nothing_of_what_they_freed(tmp_path: Path) -> None:
    kept, here = growth(KEEPING, tmp_path), growth({}, tmp_path)
    print(f"kept by the threads: {kept // 1024} KiB as glibc comes, {here // 1024} KiB here")
    assert here < kept / 4
