"""Workers of the books service that are killed, frozen and stuck, and whether they are replaced."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from tests.faults.crowd import Dripping
from tests.faults.rules import NEVER
from tests.faults.subject import Subject
from tests.support.read_models import wait_until

WORKERS = 4  # of the books service: three are broken, one serves
DRIPS = 64  # for the 16 threads of a worker


class Broken:
    """The workers of one build that are broken, and how many seconds later each was replaced."""

    def __init__(self, subject: Subject) -> None:
        """Look at the workers that there are."""
        self.subject = subject
        killed, frozen, stuck, self.whole = list_workers(subject)[:WORKERS]
        self.workers = {"killed": killed, "frozen": frozen, "stuck": stuck}
        self.drips = [Dripping(subject.ports["books"]) for _ in range(DRIPS)]
        self.start = 0.0
        self.replaced = dict.fromkeys(self.workers, NEVER)

    def begin(self) -> None:
        """Fill the threads of one worker with requests that do not end, while no other takes them; break two more."""
        others = [self.workers["killed"], self.workers["frozen"], self.whole]
        self.start = time.monotonic()
        for each in others:
            each.suspend()
        try:
            for client in self.drips:
                client.connect()
            time.sleep(0.3)  # for its main loop to accept them
        finally:
            for each in others:
                each.resume()
        self.workers["killed"].kill()
        self.workers["frozen"].suspend()

    def look(self) -> bool:
        """Note which workers have been replaced; say whether all have."""
        alive = {each.pid for each in list_workers(self.subject)}
        for name, worker in self.workers.items():
            if self.replaced[name] == NEVER and worker.pid not in alive and len(alive) == WORKERS:
                self.replaced[name] = time.monotonic() - self.start
        return NEVER not in self.replaced.values()

    def drip(self) -> None:
        """Send a byte of each request that does not end."""
        for client in self.drips:
            if client.socket is not None and not client.is_sent_away():
                client.go_on()

    def end(self) -> None:
        """Let go of what was not replaced."""
        for client in self.drips:
            client.close()
        with suppress(psutil.NoSuchProcess):
            self.workers["frozen"].resume()


def list_workers(subject: Subject) -> list[psutil.Process]:
    """Return the workers of the books service, the oldest first."""
    return sorted(subject.list_processes("books")[1:], key=lambda each: each.pid)


@contextmanager
def four_workers(subjects: Sequence[Subject]) -> Iterator[None]:
    """Give each books service that many workers during the block."""
    try:
        for subject in subjects:
            await_workers(subject, subject.workers["books"])
            set_workers(subject, WORKERS)
        time.sleep(2)  # for the new ones to load the application
        yield
    finally:
        for subject in subjects:
            set_workers(subject, subject.workers["books"])


def set_workers(subject: Subject, count: int) -> None:
    """Let a books service start or end workers, one at a time, until it has that many."""
    while (have := len(list_workers(subject))) != count:
        subject.masters["books"].send_signal(signal.SIGTTIN if have < count else signal.SIGTTOU)
        await_workers(subject, have + (1 if have < count else -1))


def await_workers(subject: Subject, count: int) -> None:
    """Wait until a books service has that many workers."""
    wait_until(lambda: len(list_workers(subject)) == count, 20, f"there are {count} workers")
