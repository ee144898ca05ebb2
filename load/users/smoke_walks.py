"""Counts the walks of all processes of a smoke load, and fails the load when no walk has passed some step."""

from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from analysis.records.endpoints import WALK
from analysis.records.failures import UNANSWERED
from load.process_group import all_have_left, has_own_master, reset_at_start
from load.recording.request_failed import RequestFailed
from load.shared_memory import Counter, Flags, Semaphore
from load.users.smoke_steps import STEPS

ONCE = {number for number, step in enumerate(STEPS) if step.when == "once"}
AT_A_STOP_S = 2.0  # within which all users of a load that a page stops have ended
CLEARING_UP_S = 10.0  # beyond --stop-timeout, for workers to end

_begun, _passed = Counter(), Flags(len(STEPS))
_making_once, _once_is_wrong = Semaphore(1), Flags(1)


def watch_walks() -> None:
    """Count the walks anew in each load, and judge them at its end; for the locustfile, after install_hooks()."""
    reset_at_start(begin_walks_anew)
    events.test_stop.add_listener(judge_at_stop)  # type: ignore[no-untyped-call]  # Locust's
    events.quitting.add_listener(judge_at_quit)  # type: ignore[no-untyped-call]  # Locust's


def begin_walk() -> int | None:
    """Count a walk that begins; return a number when it is to make the steps that are made once, else None.

    Give the number to end_walk(). When the walk ends before it has passed those steps, another walk makes them.
    """
    _begun.take()
    is_needed = 0 not in _once_is_wrong and not all(number in _passed for number in ONCE)
    return _making_once.take() if is_needed else None


def end_walk(once: int | None) -> None:
    """Let another walk make the steps that are made once, unless they were passed."""
    _making_once.release(once)


def note_passed(number: int) -> None:
    """Note that a walk has passed a step."""
    _passed.set(number)


def note_wrong(number: int) -> None:
    """Note that a step was answered wrongly; a step that is made once is not made again then."""
    if number in ONCE:
        _once_is_wrong.set(0)


def begin_walks_anew() -> None:
    """Forget all walks."""
    for each in (_begun, _passed, _once_is_wrong):
        each.reset()


def judge(environment: Environment, seconds: float) -> None:
    """Record one failure when there were walks, and a step that none of them has passed.

    Nothing is judged when not all processes have ended their walks within so many seconds.
    """
    with all_have_left(seconds) as have_left:
        if not have_left:
            return
        begun = _begun.value
        missing = [step for number, step in enumerate(STEPS) if number not in _passed]
        begin_walks_anew()
    if begun and missing:
        report(environment, begun, missing[0], len(missing))


def report(environment: Environment, begun: int, first: Any, missing: int) -> None:
    """Record the failure, and wait until Locust has written it, which it does once a second."""
    # Of the kind "unanswered": a wrong answer has failed by itself, and this only says that steps were not reached.
    words = f"none of {begun} walks got past {missing} of the {len(STEPS)} steps"
    environment.events.request.fire(  # type: ignore[no-untyped-call]  # Locust's
        request_type=WALK,
        name="whole",
        response_time=0,
        response_length=0,
        exception=RequestFailed(f"{words}: {first.method} {first.path} {first.status} ...", UNANSWERED),
        context={},
    )
    options: Any = environment.parsed_options
    if options.csv_prefix:
        gevent.sleep(CSV_STATS_INTERVAL_SEC + 0.5)


def judge_at_stop(environment: Environment, **_: Any) -> None:
    """Judge in the process that ends last: a master does so for its workers, any other process for its own group.

    When a worker is too slow to end, its master judges later, in judge_at_quit().
    """
    options: Any = environment.parsed_options
    if isinstance(environment.runner, MasterRunner):
        judge(environment, 0 if options.headless else AT_A_STOP_S)
    elif not (isinstance(environment.runner, WorkerRunner) and has_own_master()):
        judge(environment, 0)


def judge_at_quit(environment: Environment, **_: Any) -> None:
    """Let a master judge if it could not at the stop, because a worker was still ending its walks."""
    if isinstance(environment.runner, MasterRunner):
        judge(environment, (environment.stop_timeout or 0) + CLEARING_UP_S)
