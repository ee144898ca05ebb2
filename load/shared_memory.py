"""Counters, flags, locks and semaphores of all processes of a load, so that --processes N makes the load of one.

Locust imports the locustfile before it forks its worker processes. Whatever is made of these classes at import, and
only then, is common to all of them: numbers in shared memory, and locks on the bytes of a file. The kernel releases a
lock when the process that holds it ends, in whatever way, and nobody waits for a lock without a limit.

Processes that somebody starts by hand as --master and --worker, for example on several machines, share no memory:
process_group.py knows which processes do.
"""

import fcntl
import itertools
import mmap
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

LONGEST_WAIT_S = 1.0  # for a lock: others hold it for microseconds, unless a process was stopped at that moment
LONGEST_QUEUE_S = 30.0  # for a semaphore
PAUSE_S = 0.01
_memory = memoryview(mmap.mmap(-1, 8 * 512)).cast("q")
_file = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process lives
_cells, _bytes = itertools.count(), itertools.count()  # of the memory and the file: those not given away yet


class Lock:
    """A lock that one process at a time can hold, or several that share it: a lock on a byte of the file."""

    def __init__(self) -> None:
        """Make a lock that nobody holds."""
        self._byte = next(_bytes)

    def take(self, shared: bool = False) -> bool:
        """Take the lock, exclusive or shared, and tell whether that was possible now.

        A process that holds the lock already changes its kind.
        """
        try:
            fcntl.lockf(_file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB, 1, self._byte)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Release the lock; nothing happens when this process does not hold it."""
        fcntl.lockf(_file, fcntl.LOCK_UN, 1, self._byte)

    @contextmanager
    def held(self, shared: bool = False) -> Iterator[None]:
        """Hold the lock for a `with` block, which must let no other greenlet run; after a second go on without it."""
        is_held = wait_for(lambda: self.take(shared), LONGEST_WAIT_S, 0.001)
        try:
            yield
        finally:
            if is_held:
                self.release()


class Counter:
    """Counts over all processes: no number is taken twice."""

    def __init__(self, first: int = 0) -> None:
        """Begin with the number `first`."""
        self._cell, self._lock, self._first = next(_cells), Lock(), first
        self.reset()

    def take(self, count: int = 1) -> int:
        """Take the next `count` numbers and return the first of them."""
        with self._lock.held():
            number = self.value
            _memory[self._cell] = number + count
        return number

    __next__ = take

    @property
    def value(self) -> int:
        """The number that will be taken next."""
        return _memory[self._cell]

    def reset(self) -> None:
        """Begin again with the first number."""
        _memory[self._cell] = self._first


class Number:
    """A whole number that any process can set, and all can read."""

    def __init__(self) -> None:
        """Begin with 0."""
        self._cell = next(_cells)

    @property
    def value(self) -> int:
        """The number."""
        return _memory[self._cell]

    def set(self, value: int) -> None:
        """Set it."""
        _memory[self._cell] = value

    def reset(self) -> None:
        """Set it to 0."""
        self.set(0)


class Flags:
    """A row of flags that any process can set."""

    def __init__(self, count: int) -> None:
        """Begin with no flag set."""
        self._cells = [next(_cells) for _ in range(count)]

    def set(self, number: int) -> None:
        """Set flag `number`."""
        _memory[self._cells[number]] = 1

    def __contains__(self, number: int) -> bool:
        return _memory[self._cells[number]] == 1

    def reset(self) -> None:
        """Take all flags back."""
        for cell in self._cells:
            _memory[cell] = 0


class Semaphore:
    """Lets `count` users of all processes in at a time; the slots of a process that ends are free again."""

    def __init__(self, count: int) -> None:
        """Make a semaphore with so many slots."""
        self._locks = [Lock() for _ in range(count)]
        self._own: set[int] = set()

    def take(self) -> int | None:
        """Take a slot and return its number, None when none is free."""
        for number, lock in enumerate(self._locks):
            if number not in self._own and lock.take():
                self._own.add(number)
                return number
        return None

    def wait(self) -> int | None:
        """Wait for a slot, take it and return its number; None after half a minute: go on without a slot then."""
        found: list[int] = []

        def look() -> bool:
            if (number := self.take()) is not None:
                found.append(number)
            return bool(found)

        return found[0] if wait_for(look, LONGEST_QUEUE_S, PAUSE_S) else None

    def release(self, number: int | None) -> None:
        """Give a slot back; nothing happens for None."""
        if number is not None:
            self._own.discard(number)
            self._locks[number].release()


def wait_for(condition: Callable[[], bool], seconds: float, pause: float = PAUSE_S) -> bool:
    """Tell whether a condition came true within so many seconds; other greenlets run meanwhile."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            return False
        gevent.sleep(pause)
    return True
