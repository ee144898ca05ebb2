"""Password hashing with bcrypt behind a bulkhead: it costs a quarter of a second of a core, so few hash at once,
few may wait, and nothing else waits behind them."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import bcrypt

from backend.config import settings
from backend.cores import release
from backend.errors import Unavailable
from backend.metrics import HASHING_THREADS, HASHING_WAITING

LONGEST_PASSWORD = 72  # bytes: bcrypt looks at no more, so no more is accepted
MOST_HASHING = 8  # per process, on a machine of many cores: half of the threads stay free
MOST_WAITING = 4  # per process, so that the other threads stay free for requests that hash nothing
WAIT_S = 1.2  # with the hash itself the answer comes within 2 s
TOO_MANY = "Too many log-ins at once."

T = TypeVar("T")


class HashingSlots:
    """The threads of this process that hash, and the short queue before them."""

    def __init__(self, slots: int) -> None:
        """Let `slots` threads hash at once."""
        self._room = threading.Semaphore(slots + MOST_WAITING)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="hashing", initializer=release)

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Reserve a slot or a turn for the length of a `with` block. Raises Unavailable at once when none is left."""
        if not self._room.acquire(blocking=False):
            raise Unavailable(TOO_MANY)
        try:
            yield
        finally:
            self._room.release()

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in turn, inside reserve(). Raises Unavailable when its turn does not come in time."""
        HASHING_WAITING.inc()
        future = self._threads.submit(self._begin, work)
        try:
            return future.result(timeout=WAIT_S)
        except TimeoutError:
            if not future.cancel():  # it has begun
                return future.result()
            HASHING_WAITING.dec()
            raise Unavailable(TOO_MANY) from None

    @staticmethod
    def _begin(work: Callable[[], T]) -> T:
        HASHING_WAITING.dec()
        return work()


@lru_cache(maxsize=1)
def hashing_slots() -> HashingSlots:
    """Give the bulkhead of this process: the cores that the service may use divided by its workers, one to eight."""
    slots = min(MOST_HASHING, max(1, settings().service_cores // settings().service_workers))
    HASHING_THREADS.set(slots)
    return HashingSlots(slots)


os.register_at_fork(after_in_child=hashing_slots.cache_clear)  # threads do not survive a fork


def hash_password(password: str) -> str:
    """Hash a password of at most 72 bytes of UTF-8, inside reserve(). Raises Unavailable, as HashingSlots.run()."""
    salt = bcrypt.gensalt(settings().bcrypt_rounds)
    return hashing_slots().run(lambda: bcrypt.hashpw(password.encode(), salt)).decode()


def verify_password(password: str, password_hash: str | None) -> bool:
    """Compare a password of any length with a stored hash, or with none for an account that is not there.

    Takes the same time in every case: an account unknown or hashed at an old, lower cost must not be told apart
    by the clock. To be called inside reserve(). Raises Unavailable, as HashingSlots.run().
    """
    encoded = password.encode()
    rounds = settings().bcrypt_rounds
    stored = password_hash or _hash_of_nothing(rounds)

    def compare() -> bool:
        matches = bcrypt.checkpw(encoded[:LONGEST_PASSWORD], stored.encode())
        for cost in range(int(stored.split("$")[2]), rounds):
            bcrypt.checkpw(b"", _hash_of_nothing(cost).encode())  # 2^c + 2^c + 2^(c+1) + ... = 2^rounds
        return matches

    return hashing_slots().run(compare) and password_hash is not None and len(encoded) <= LONGEST_PASSWORD


def _hash_of_nothing(cost: int) -> str:
    return f"$2b${cost:02d}${'.' * 53}"
