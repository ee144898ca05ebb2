"""What Locust calls before, during and after a load, and in which order; how a load is prepared, refused and ended."""

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
from load.client.refusal import INTERRUPTED, WRONG_USE, Refused
from load.machines.master import await_machines, await_records, open_door, patch_master
from load.machines.worker import (
    begin_sending,
    finish_sending,
    join_master,
    measure_at_end,
    prepare_names,
    tell_prepared,
    use_own_files,
)
from load.process_group import join_load, leave_load, reset_at_start, watch_workers
from load.recording.locust_patches import (
    forget_stop,
    let_files_catch_up,
    note_stop,
    patch_locust,
    register_messages,
    wait_for_workers,
    warm_up,
    write_totals,
)
from load.recording.recording import begin_recording, end_recording, refuse_second_load
from load.run.arrivals import RATE, begin_arrivals, end_arrivals, fill_pool
from load.run.catalogue_cache import LONGEST_REMOVAL_S
from load.run.isbns import RESERVED
from load.run.one_load import FLOWS, USERS, await_end, end_load, load_of, note_end
from load.run.options import add_options
from load.run.page import guard_page, prepare_in_background
from load.run.preparation import end_preparations, preparation_of

log = logging.getLogger(__name__)
_removals: list[gevent.Greenlet] = []


def on_init(environment: Environment, web_ui: Any, **_: Any) -> None:
    """Prepare the load before Locust's clock starts, or in the background where a page will start it."""
    options: Any = environment.parsed_options
    if options.arrivals:
        fill_pool(options)
    if web_ui:
        guard_page(environment, web_ui)
    if options.stages and environment.shape_class is None and not isinstance(environment.runner, WorkerRunner):
        log.error("stages = %s needs a locustfile with a shape, as locustfile_stages.py", options.stages)
        end_locust(WRONG_USE)  # without one the load would never end
    if options.headless or options.autostart:
        prepare_before(environment)
    elif web_ui or isinstance(environment.runner, WorkerRunner):
        prepare_in_background(environment)


def prepare_before(environment: Environment) -> None:
    """Prepare a load that starts by itself; when that fails say why, and end Locust unless a page can say it later."""
    options: Any = environment.parsed_options
    try:
        preparation_of(environment, environment.host or "").ensure_ready(label="signing in")
        await_machines(environment)
    except Refused as problem:
        if isinstance(environment.runner, WorkerRunner):
            return  # the master has not prepared yet, or says why it cannot
        log.error("%s", problem)
        if options.headless:
            end_locust(problem.exit_code)
    except KeyboardInterrupt:
        end_locust(INTERRUPTED)


def end_locust(exit_code: int) -> NoReturn:
    """End Locust before the load, and its worker processes, which would wait for their master for minutes."""
    for worker in psutil.Process().children():
        worker.terminate()
    sys.exit(exit_code)


def on_test_start(environment: Environment, **_: Any) -> None:
    """Prepare the load unless that is done; raises StopTest with the reason when it cannot be."""
    try:
        load_of(environment)
    except Refused as problem:
        options: Any = environment.parsed_options
        if options.headless:
            environment.process_exit_code = problem.exit_code
        raise StopTest(str(problem)) from None


def on_test_stop(environment: Environment, **_: Any) -> None:
    """Begin to remove the books of the load; in the background, because a worker must first report to its master."""
    if load := end_load(environment):
        options: Any = environment.parsed_options
        removes = not options.record  # else read_back.py reads the books and removes them
        load.end(removes=removes)
        if removes:
            _removals.append(gevent.spawn(load.remove_books))
        if not options.headless:
            gevent.spawn(load.preparation.get_ready_again)


def on_quit(**_: Any) -> None:
    """Wait until the books are removed, because a master tells its workers to end before that."""
    signal.signal(signal.SIGINT, lambda *_: log.warning("removing the books of this load, one moment"))
    gevent.joinall(_removals, timeout=LONGEST_REMOVAL_S)
    end_preparations()


# Locust calls the functions of an event in the order in which they stand here.
HOOKS: tuple[tuple[Any, list[Callable[..., None]]], ...] = (
    (events.init_command_line_parser, [add_options]),
    (events.init, [register_messages, watch_workers, open_door, join_master, on_init, tell_prepared]),
    (events.test_start, [await_end, refuse_second_load, forget_stop, warm_up]),
    # What the processes share is reset before a load takes numbers of it.
    (events.test_start, [join_load, use_own_files, on_test_start, begin_recording, begin_sending]),
    (events.spawning_complete, [begin_arrivals]),
    (events.test_stopping, [note_end, note_stop, end_arrivals]),
    # The last reports of the workers first, then the files that Locust makes of them; only then is the load over.
    (events.test_stop, [measure_at_end, wait_for_workers, let_files_catch_up, leave_load, on_test_stop]),
    (events.quitting, [write_totals]),
    (events.quit, [on_quit, end_recording, finish_sending, await_records]),
)


@cache  # Locust can be given several locustfiles, each of which calls it
def install_hooks() -> None:
    """Change what has to be changed in Locust and its client, and have Locust call HOOKS; every locustfile does so."""
    patch_client()
    patch_locust()
    patch_master()
    prepare_names()
    reset_at_start(USERS.reset, FLOWS.reset, RESERVED.reset, RATE.reset)
    for event, listeners in HOOKS:
        for listener in listeners:
            event.add_listener(listener)
