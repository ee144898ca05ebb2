"""Repeats steps in threads of their own while a block runs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def repeat_beside(*steps: Callable[[], None]) -> Iterator[None]:
    """Repeat each step in a thread of its own until the block ends; raise what one of them raised."""
    end = threading.Event()

    def repeat(step: Callable[[], None]) -> None:
        while not end.is_set():
            step()

    with ThreadPoolExecutor(len(steps)) as threads:
        running = [threads.submit(repeat, step) for step in steps]
        try:
            yield
        finally:
            end.set()
    for each in running:
        each.result()
