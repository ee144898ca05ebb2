"""Says whether the stores answer now and a read model is in use. Threads of their own ask, so that no request hangs."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any

from backend.read_model import lookup
from backend.stores import pool, redis_store

WITHIN_S = 0.8
QUESTIONS: dict[str, Callable[[], Any]] = {
    "database": pool.ping,
    "redis": redis_store.ping,
    "read_model": lookup.is_in_use,
}
NO = {"database": "down", "redis": "down", "read_model": "rebuilding"}


def check_stores(*, with_read_model: bool = False) -> dict[str, str]:
    """Ask both stores at once; give `ok` or `down` for `database` and `redis` within 0.8 s, and if that is asked for
    `ok` or `rebuilding` for `read_model`.
    """
    names = [name for name in QUESTIONS if name != "read_model" or with_read_model]
    asked = {name: _question(name).ask() for name in names}
    wait(asked.values(), timeout=WITHIN_S)
    return {name: "ok" if _is_yes(answer) else NO[name] for name, answer in asked.items()}


class Question:
    """A question to a store, asked by a thread of its own, so that a store that does not answer delays no other. It is
    asked once at a time; callers that come meanwhile share the answer.
    """

    def __init__(self, ask: Callable[[], Any]) -> None:
        """Take the function that asks the store: it raises, or gives False, for no."""
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ready")
        self._lock = threading.Lock()
        self._asked: Future[Any] | None = None

    def ask(self) -> "Future[Any]":
        """Give the answer that is to come."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(self._ask)
            return self._asked


@lru_cache
def _question(name: str) -> Question:
    return Question(QUESTIONS[name])


os.register_at_fork(after_in_child=_question.cache_clear)  # threads do not survive a fork


def _is_yes(answer: "Future[Any]") -> bool:
    # Any failure means down; the stores' own errors are logged where requests meet them.
    return answer.done() and answer.exception() is None and answer.result() is not False
