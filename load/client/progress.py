"""Works on several items at a time, and shows how many are done."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")


def follow(steps: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Yield the steps, and show how many are done: as a bar in a terminal, else in about ten lines.

    Without a label nothing is shown.
    """
    if not label:
        yield from steps
        return
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(steps, label, total, console=console)
        return
    for number, step in enumerate(steps, 1):
        yield step
        if number == total or number % max(1, total // 10) == 0:
            print(f"{label}: {number} of {total}", file=sys.stderr, flush=True)


def work_through(items: list[Item], work: Callable[[Item], Result], label: str, concurrency: int) -> Iterator[Result]:
    """Do `work` on every item, on `concurrency` of them at a time, and yield the results as they come."""
    pool = ThreadPoolExecutor(concurrency)
    try:
        running = [pool.submit(work, item) for item in items]
        for done in follow(as_completed(running), label, len(items)):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)
