"""The open model, with `arrivals` in the scenario file: actions begin whatever the answers do.

They begin at the times of a Poisson process of that rate. Each process of the load has its share of it, and a pool of
users: one takes an arrival, does one action, and waits for the next. An arrival that finds nobody waiting is dropped.
"""

import random
import time
from typing import Any

import gevent
from gevent.event import AsyncResult
from locust.env import Environment
from locust.runners import WorkerRunner

from analysis.plan.scenario_files import plan_pool
from load.recording.recording import recording_of
from load.shared_memory import Number

RATE = Number()  # arrivals a second that a search wants now, of all processes
IDLE_S = 0.1


class Arrivals:
    """The arrivals of one process."""

    def __init__(self, environment: Environment, rate: float | None) -> None:
        """Take the arrivals a second of the whole load; None where a search sets RATE."""
        self._environment = environment
        self._rate, self._processes = rate, count_processes(environment)
        self._waiting: list[AsyncResult[float]] = []
        self._chance = random.Random()
        self._begun: gevent.Greenlet | None = None

    def take(self) -> float:
        """Wait for an arrival, and return when it was due, in seconds since the epoch.

        The user that waited last is the first to go, so that few connections are used, and these often.
        """
        waiting: AsyncResult[float] = AsyncResult()
        self._waiting.append(waiting)
        try:
            return float(waiting.get())
        finally:
            if not waiting.ready():  # the user was stopped
                self._waiting.remove(waiting)

    def begin(self) -> None:
        """Let actions begin from now on, unless they do already."""
        if not self._begun:
            self._begun = gevent.spawn(self._arrive)

    def end(self) -> None:
        """Let no more begin."""
        if self._begun:
            self._begun.kill()

    def _arrive(self) -> None:
        due = time.time()
        while True:
            rate = RATE.value if self._rate is None else self._rate
            if not rate:
                gevent.sleep(IDLE_S)
                due = time.time()
                continue
            due += self._chance.expovariate(rate / self._processes)
            if (wait := due - time.time()) > 0:
                gevent.sleep(wait)
            recording = recording_of(self._environment)
            if recording:
                recording.seconds.count_arrival(due, dropped=not self._waiting)
            if self._waiting:
                self._waiting.pop().set(due)


_arrivals: dict[Environment, Arrivals] = {}


def arrivals_of(environment: Environment) -> Arrivals | None:
    """Return the arrivals of this process; None in a closed load, whose users think and ask again."""
    options: Any = environment.parsed_options
    if (options.arrivals or options.search == "arrivals") and environment not in _arrivals:
        _arrivals[environment] = Arrivals(environment, options.arrivals)
    return _arrivals.get(environment)


def begin_arrivals(**_: object) -> None:
    """Begin when all users of the pool are there."""
    for arrivals in _arrivals.values():
        arrivals.begin()


def end_arrivals(environment: Environment, **_: object) -> None:
    """End with the load."""
    if arrivals := _arrivals.pop(environment, None):
        arrivals.end()


def fill_pool(options: Any) -> None:
    """Have Locust make the users of the pool."""
    given = {
        name: getattr(options, f"limit_{name}".replace("-", "_")) for name in ("pool-seconds", "pool-ramp-seconds")
    }
    limits = {name: value for name, value in given.items() if value is not None}
    options.num_users, options.spawn_rate = plan_pool(options.arrivals, limits)


def count_processes(environment: Environment) -> int:
    """Return how many processes share the load; on several machines Locust's master says for how many it waits."""
    if not isinstance(environment.runner, WorkerRunner):
        return 1
    options = environment.parsed_options
    return max(1, *(int(getattr(options, name, None) or 1) for name in ("processes", "expect_workers")))
