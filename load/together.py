"""Which processes of a load share memory, when a load begins anew for all of them, and when the last has left.

Processes that somebody starts by hand as --master and --worker, for example on several machines, share no memory. Each
of them (with its own --processes, if it has some) then numbers its users and flows and limits its hashing by itself,
makes once what is to be made once, and judges for itself. is_whole() says that what is counted is not the whole load.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from load.shared import LONGEST_WAIT_S, Flags, Lock, wait_for

_present = Lock()  # shared by all processes that have users
_is_led, _has_strangers = Flags(1), Flags(1)
_to_reset: list[Callable[[], None]] = []


def reset_at_start(*resets: Callable[[], None]) -> None:
    """Have these called at the start of each load, also one that a page starts, before any process has users."""
    _to_reset.extend(resets)


def is_led() -> bool:
    """Tell whether the master of the load shares this memory."""
    return 0 in _is_led


def is_whole(environment: Environment) -> bool:
    """Tell whether all processes of the load share this memory; a worker from elsewhere may come at any time."""
    runner = environment.runner
    return 0 not in _has_strangers and (is_led() or not isinstance(runner, WorkerRunner))


@contextmanager
def once_all_have_left(seconds: float) -> Iterator[bool]:
    """Tell, within so many seconds, whether no process has users any more; none can begin during the `with` block.

    Only for a process that has none itself.
    """
    have_left = wait_for(_present.take, seconds)
    try:
        yield have_left
    finally:
        if have_left:
            _present.release()


def enter_group(environment: Environment, **_: Any) -> None:
    """Note that this process has users now; the first that does so resets what the processes share."""
    if isinstance(environment.runner, MasterRunner):
        return
    if _present.take():
        for reset in _to_reset:
            reset()
    wait_for(lambda: _present.take(shared=True), LONGEST_WAIT_S, 0.001)


def leave_group(environment: Environment, **_: Any) -> None:
    """Note that this process has no users any more."""
    if not isinstance(environment.runner, MasterRunner):
        _present.release()


def watch_workers(environment: Environment, **_: Any) -> None:
    """In a master, note whether more workers come than it has forked itself: those share no memory with it."""
    if not isinstance(environment.runner, MasterRunner):
        return
    options: Any = environment.parsed_options
    own, seen = options.processes or 0, set()
    _is_led.set(0)

    def note_worker(client_id: str, **_: Any) -> None:
        seen.add(client_id)
        if len(seen) > own:
            _has_strangers.set(0)

    environment.events.worker_connect.add_listener(note_worker)  # type: ignore[no-untyped-call]  # Locust's
