"""Knows which processes of a load share memory, resets it when a load starts, and tells when no process has users.

Processes that somebody starts by hand as --master and --worker, for example on several machines, share no memory. Each
of them is a group of its own (with the processes of its --processes, if given): a group numbers its users and flows by
itself, limits its hashing by itself, and makes and judges its smoke walks by itself. all_share_memory() tells whether
there is one group only, so that what the group counts is the whole load.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from load.shared_memory import LONGEST_WAIT_S, Flags, Lock, wait_for

_having_users = Lock()  # shared by all processes that have users
_has_master, _has_other_workers = Flags(1), Flags(1)
_to_reset: list[Callable[[], None]] = []


def reset_at_start(*resets: Callable[[], None]) -> None:
    """Have these called at the start of each load, also one that a page starts, before any process has users."""
    _to_reset.extend(resets)


def has_own_master() -> bool:
    """Tell whether the master of the load is of this group."""
    return 0 in _has_master


def all_share_memory(environment: Environment) -> bool:
    """Tell whether all processes of the load are of this group; a worker from elsewhere may come at any time."""
    runner = environment.runner
    return 0 not in _has_other_workers and (has_own_master() or not isinstance(runner, WorkerRunner))


@contextmanager
def all_have_left(seconds: float) -> Iterator[bool]:
    """Tell, within so many seconds, whether no process has users any more; no load can begin during the `with` block.

    Only for a process that has no users itself.
    """
    have_left = wait_for(_having_users.take, seconds)
    try:
        yield have_left
    finally:
        if have_left:
            _having_users.release()


def join_load(environment: Environment, **_: Any) -> None:
    """Note that this process has users now; the first that does so resets what the processes share."""
    if isinstance(environment.runner, MasterRunner):
        return
    if _having_users.take():
        for reset in _to_reset:
            reset()
    wait_for(lambda: _having_users.take(shared=True), LONGEST_WAIT_S, 0.001)


def leave_load(environment: Environment, **_: Any) -> None:
    """Note that this process has no users any more."""
    if not isinstance(environment.runner, MasterRunner):
        _having_users.release()


def watch_workers(environment: Environment, **_: Any) -> None:
    """In a master, note whether more workers come than it has forked itself: those share no memory with it."""
    if not isinstance(environment.runner, MasterRunner):
        return
    options: Any = environment.parsed_options
    own, seen = options.processes or 0, set()
    _has_master.set(0)

    def note_worker(client_id: str, **_: Any) -> None:
        seen.add(client_id)
        if len(seen) > own:
            _has_other_workers.set(0)

    environment.events.worker_connect.add_listener(note_worker)  # type: ignore[no-untyped-call]  # Locust's
