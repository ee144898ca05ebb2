"""A load at one rate that is closed, closed beside a search, closed, and open, in turns; each is printed as JSON.

What else this machine does meets all turns alike. The number and the length of the turns are TURNS and TURN_S, and the
load is recorded under RECORD. The search is that of the break-point, once a second as Locust asks for it, but its steps
change nothing.
"""

import json
import math
import os
import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.event import Event
from locust import events
from locust.env import Environment

from analysis.plan.plan import Plan
from analysis.records.tail import Tail
from benchmarks.search import KINDS, OPEN, RATE, SEARCH, USERS
from load.run import arrivals
from load.run.hooks import install_hooks
from load.run.search_shape import Search
from load.users.session_flow import session_flow
from load.users.user import LibraryUser
from locustfile import MIX

SETTLE_S = 1.0  # between two turns
LIMITS = {  # of a search whose steps hold whatever comes, and which does not end before the load
    "search-most": 1e9, "search-seconds": 1e9, "search-growth": 1.05, "step-failed-ratio": 1.0, "step-asked-ratio": 0.0,
    "generator-cpu": math.inf, "generator-stall-ms": math.inf, "generator-lag-p99-ms": math.inf,
    "step-settle-seconds": 1.0, "step-measure-seconds": 3.0,
}  # fmt: skip
COMMON = {action: weight for action, weight in MIX.items() if action is not session_flow}
WARM_UP_S = 2.0
thinking = Event()


class ClosedUser(LibraryUser):
    """Thinks so long that all of them ask at the rate of the open load, in the turns of the closed one."""

    tasks = COMMON

    def think_time(self) -> float:
        """Wait for a turn of the closed load, and return how long to think."""
        thinking.wait()
        return random.uniform(0, 2 * USERS / RATE)  # noqa: S311


class OpenUser(LibraryUser):
    """One of the pool of the open load."""

    tasks = COMMON

    def __init__(self, environment: Environment) -> None:
        """Take arrivals."""
        super().__init__(environment)
        self.arrivals = open_arrivals(environment)


@cache
def open_arrivals(environment: Environment) -> arrivals.Arrivals:
    """Return the arrivals of the load: none while arrivals.RATE is 0."""
    made = arrivals.Arrivals(environment, None)
    made.begin()
    return made


def search_on(course: Iterator[object], seconds: float) -> float:
    """Go on with a search for some seconds, and return the processor time that it took itself."""
    own_s = 0.0
    for _ in range(round(seconds)):
        began = time.process_time()
        next(course)
        own_s += time.process_time() - began
        arrivals.RATE.set(0)  # a step sets it
        gevent.sleep(1)
    return own_s


def take_turns(environment: Environment) -> NoReturn:
    """Measure turn after turn, and end the load."""
    total, seconds = environment.stats.total, float(os.environ["TURN_S"])
    thinking.set()
    gevent.sleep(WARM_UP_S)
    record = Path(os.environ["RECORD"])
    tail = Tail(record.parent, record.name, [""])
    with open(f"{record}_steps.jsonl", "x", encoding="utf-8") as file:
        course = Search(Plan("break_point", "", "", (), 0, None, {}, LIMITS, search="users"), tail, file).run()
        for turn in range(int(os.environ["TURNS"])):
            kind = KINDS[turn % len(KINDS)]
            arrivals.RATE.set(RATE if kind == OPEN else 0)
            (thinking.clear if kind == OPEN else thinking.set)()
            gevent.sleep(SETTLE_S)
            tail.look()  # a search reads what each second brings, not what the turns before have brought
            requests, failures, spent = total.num_requests, total.num_failures, time.process_time()
            search_s = 0.0
            if kind == SEARCH:
                search_s = search_on(course, seconds)
            else:
                gevent.sleep(seconds)
            took = {
                "kind": kind,
                "requests": total.num_requests - requests,
                "failures": total.num_failures - failures,
                "seconds": time.process_time() - spent,
                "search_s": search_s,
            }
            print(json.dumps(took), flush=True)
    runner: Any = environment.runner
    runner.quit()
    raise gevent.GreenletExit


def begin(environment: Environment, **_: Any) -> None:
    """Take the turns beside the load."""
    gevent.spawn(take_turns, environment)


install_hooks()
events.test_start.add_listener(begin)  # type: ignore[no-untyped-call]  # Locust's
