"""What the processes of one load share, so that --processes N makes the same load as one process.

Locust imports the scenario file before it forks its worker processes. What is made here at import, and only then, is
common to all of them: numbers in shared memory, and locks on the bytes of a file. The kernel lets a lock go when the
process that holds it ends, however it ends, and nobody waits for a lock without a limit.

Processes that somebody starts by hand as --master and --worker, for example on several machines, share nothing: see
together.py, which knows which processes take part.
"""

import fcntl
import itertools
import mmap
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

LONGEST_WAIT_S = 1.0  # for a lock that others hold for microseconds, unless one of them was stopped right then
LONGEST_QUEUE_S = 30.0  # for one of few places
PAUSE_S = 0.01
_memory = memoryview(mmap.mmap(-1, 8 * 512)).cast("q")
_file = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process lives
_places, _bytes = itertools.count(), itertools.count()


class Lock:
    """A byte of the file, which one process at a time can hold, or several that share it."""

    def __init__(self) -> None:
        """Take the next byte."""
        self._byte = next(_bytes)

    def take(self, shared: bool = False) -> bool:
        """Take the lock, or turn the own one into the other kind, and tell whether that was possible now."""
        try:
            fcntl.lockf(_file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB, 1, self._byte)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Let the lock go; nothing happens when this process does not hold it."""
        fcntl.lockf(_file, fcntl.LOCK_UN, 1, self._byte)

    @contextmanager
    def held(self, shared: bool = False) -> Iterator[None]:
        """Hold the lock for a `with` block that lets no other greenlet run; after a second go on without it."""
        is_held = wait_for(lambda: self.take(shared), LONGEST_WAIT_S, 0.001)
        try:
            yield
        finally:
            if is_held:
                self.release()


class Counter:
    """A number that rises over all processes; whoever takes some has them alone."""

    def __init__(self, first: int = 0) -> None:
        """Begin with the number `first`."""
        self._place, self._lock, self._first = next(_places), Lock(), first
        self.reset()

    def take(self, count: int = 1) -> int:
        """Take the next `count` numbers and return the first of them."""
        with self._lock.held():
            number = self.value
            _memory[self._place] = number + count
        return number

    __next__ = take

    @property
    def value(self) -> int:
        """The number that will be taken next."""
        return _memory[self._place]

    def reset(self) -> None:
        """Begin anew."""
        _memory[self._place] = self._first


class Flags:
    """A row of flags that any process can set."""

    def __init__(self, count: int) -> None:
        """Begin with none set."""
        self._places = [next(_places) for _ in range(count)]

    def set(self, number: int) -> None:
        """Set one."""
        _memory[self._places[number]] = 1

    def __contains__(self, number: int) -> bool:
        return _memory[self._places[number]] == 1

    def reset(self) -> None:
        """Take all back."""
        for place in self._places:
            _memory[place] = 0


class Places:
    """A few places, each held by one user of one process at a time; a process that ends leaves its places."""

    def __init__(self, count: int) -> None:
        """Make so many places."""
        self._locks = [Lock() for _ in range(count)]
        self._own: set[int] = set()

    def take(self) -> int | None:
        """Take a place and return its number, None when there is none."""
        for number, lock in enumerate(self._locks):
            if number not in self._own and lock.take():
                self._own.add(number)
                return number
        return None

    def wait(self) -> int | None:
        """Wait for a place, take it and return its number; None after half a minute, and then go on without."""
        found: list[int] = []

        def look() -> bool:
            if (number := self.take()) is not None:
                found.append(number)
            return bool(found)

        return found[0] if wait_for(look, LONGEST_QUEUE_S, PAUSE_S) else None

    def leave(self, number: int | None) -> None:
        """Give a place back."""
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
