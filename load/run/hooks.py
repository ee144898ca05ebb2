"""What Locust calls around a load, in which order, and how a load is prepared, refused and tidied up by it."""

import logging
import signal
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import gevent
import psutil
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import WorkerRunner

from load.client.locust_client import patch_client
from load.client.refusal import INTERRUPTED, Refused
from load.process_group import enter_group, leave_group, reset_at_start, watch_workers
from load.recording.locust_patches import (
    let_files_catch_up,
    note_stop,
    patch_locust,
    register_messages,
    wait_for_workers,
    warm_up,
    write_totals,
)
from load.recording.recording import begin_recording, end_recording
from load.run.catalogue_cache import LONGEST_TIDYING
from load.run.isbns import SET_ASIDE
from load.run.one_load import FLOWS, USERS, end_load, load_of
from load.run.options import add_options
from load.run.page import guard_page, prepare_beside
from load.run.preparation import end_preparations, preparation_of

log = logging.getLogger(__name__)
_tidying: list[gevent.Greenlet] = []


def on_init(environment: Environment, web_ui: Any, **_: Any) -> None:
    """Prepare the load before Locust's clock starts; or beside the page that starts it, which is open at once."""
    options: Any = environment.parsed_options
    if web_ui:
        guard_page(environment, web_ui)
    if options.headless or options.autostart:
        prepare_before(environment)
    elif web_ui or isinstance(environment.runner, WorkerRunner):
        prepare_beside(environment)


def prepare_before(environment: Environment) -> None:
    """Prepare a load that starts by itself, or end Locust and say why that cannot be done; a page can say it later."""
    options: Any = environment.parsed_options
    try:
        preparation_of(environment, environment.host or "").make_sure(label="signing in")
    except Refused as problem:
        if isinstance(environment.runner, WorkerRunner):
            return  # the master has not prepared yet, or says why it cannot
        log.error("%s", problem)
        if options.headless:
            leave(problem.exit_code)
    except KeyboardInterrupt:
        leave(INTERRUPTED)


def leave(exit_code: int) -> NoReturn:
    """End Locust before the load; a master's worker processes would else wait for it for minutes."""
    for worker in psutil.Process().children():
        worker.terminate()
    sys.exit(exit_code)


def on_test_start(environment: Environment, **_: Any) -> None:
    """Prepare the load unless that is done; raises StopTest, which ends it with the reason."""
    try:
        load_of(environment)
    except Refused as problem:
        options: Any = environment.parsed_options
        if options.headless:
            environment.process_exit_code = problem.exit_code
        raise StopTest(str(problem)) from None


def on_test_stop(environment: Environment, **_: Any) -> None:
    """Begin to tidy up; not here and now, for a worker must first send its last numbers to the master."""
    if load := end_load(environment):
        options: Any = environment.parsed_options
        removes = not options.record  # else read_back.py reads the books and removes them
        load.end(removes=removes)
        if removes:
            _tidying.append(gevent.spawn(load.tidy))
        if not options.headless:
            gevent.spawn(load.preparation.settle)


def on_quit(**_: Any) -> None:
    """Wait until the tidying is done; a master tells its workers to end before they are."""
    signal.signal(signal.SIGINT, lambda *_: log.warning("removing the books of this load, one moment"))
    gevent.joinall(_tidying, timeout=LONGEST_TIDYING)
    end_preparations()


# Locust calls the functions of an event in the order in which they stand here.
HOOKS: tuple[tuple[Any, list[Callable[..., None]]], ...] = (
    (events.init_command_line_parser, [add_options]),
    (events.init, [register_messages, watch_workers, on_init]),
    # What the processes share is reset before a load takes numbers of it.
    (events.test_start, [warm_up, enter_group, on_test_start, begin_recording]),
    (events.test_stopping, [note_stop]),
    # The last reports of the workers first, then the files that Locust makes of them; only then is the load over.
    (events.test_stop, [wait_for_workers, let_files_catch_up, leave_group, on_test_stop]),
    (events.quitting, [write_totals]),
    (events.quit, [on_quit, end_recording]),
)


@cache  # Locust can be given several locustfiles, each of which calls it
def install_hooks() -> None:
    """Change what has to be changed in Locust and its client, and have Locust call HOOKS; every locustfile does so."""
    patch_client()
    patch_locust()
    reset_at_start(USERS.reset, FLOWS.reset, SET_ASIDE.reset)
    for event, listeners in HOOKS:
        for listener in listeners:
            event.add_listener(listener)
