"""When a load is prepared, refused and tidied up: the hooks that Locust calls around it."""

import logging
import signal
import sys
from typing import Any, NoReturn

import gevent
import psutil
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import WorkerRunner

from load.client.script import INTERRUPTED
from load.client.services import Refused
from load.run.kept_catalogue import LONGEST_TIDYING
from load.run.one_load import end_load, load_of
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


for hook, listener in (
    (events.init, on_init),
    (events.test_start, on_test_start),
    (events.test_stop, on_test_stop),
    (events.quit, on_quit),
):
    hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's
