"""Ends a worker process whose threads are all stuck: Gunicorn's `timeout` sees only that its main thread goes on."""

import logging
import os
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

log = logging.getLogger(__name__)

LOOK_EACH_S = 1.0
LOG_WITHIN_S = 2.0


class TimedPool(ThreadPoolExecutor):
    """The threads that serve requests: notes how long each task waited for its thread, and since when it runs."""

    def __init__(self, threads: int) -> None:
        super().__init__(max_workers=threads, thread_name_prefix="request")
        self.threads = threads
        self.queued: deque[float] = deque()  # when each task that waits for a thread arrived
        self.running: dict[int, float] = {}  # the busy threads, and when each began its task
        self._of_thread = threading.local()

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run the task in a thread as soon as one is free."""
        now = time.monotonic()
        self.queued.append(now)
        return super().submit(self._run, now, task, args, kwargs)

    def _run(self, queued: float, task: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.queued.popleft()
        now = time.monotonic()
        thread = threading.get_ident()
        self._of_thread.waited_s = now - queued
        self.running[thread] = now
        try:
            return task(*args, **kwargs)
        finally:
            del self.running[thread]

    def waited_s(self) -> float:
        """Give the seconds for which the task of this thread waited."""
        waited_s: float = self._of_thread.waited_s
        return waited_s

    def longest_wait_s(self) -> float:
        """Give the seconds for which the oldest of the tasks without a thread has waited."""
        try:
            return time.monotonic() - self.queued[0]
        except IndexError:  # none waits
            return 0.0

    def is_stuck(self, seconds: float) -> bool:
        """Say whether all threads are busy and none has finished a task for that long."""
        if len(self.running) < self.threads:
            return False
        running = self.running.copy()
        return len(running) == self.threads and time.monotonic() - max(running.values()) >= seconds


def watch(pool: TimedPool, seconds: float) -> None:
    """Watch the pool in a thread, and end this process once it was stuck for that long; the master starts another."""
    threading.Thread(target=_end_when_stuck, args=(pool, seconds), name="watchdog", daemon=True).start()


def _end_when_stuck(pool: TimedPool, seconds: float) -> None:
    while not pool.is_stuck(seconds):
        time.sleep(LOOK_EACH_S)
    threading.Timer(LOG_WITHIN_S, os._exit, (1,)).start()  # one of the threads may hold the lock of the log
    log.critical("all %d threads are stuck, the worker ends itself%s", pool.threads, _describe(list(pool.running)))
    os._exit(1)  # sys.exit would wait for the threads


def _describe(threads: list[int]) -> str:
    frames = sys._current_frames()
    stacks = Counter("".join(traceback.format_stack(frames[thread])) for thread in threads if thread in frames)
    return "".join(f"\n{count} of them:\n{stack}" for stack, count in stacks.most_common())
