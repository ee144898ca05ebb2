"""When a load is prepared, refused and tidied up: the hooks that Locust calls around it."""

import logging
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import gevent
import psutil
from flask import Response, jsonify, request
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import STATE_RUNNING, STATE_SPAWNING, WorkerRunner

from locust_load import LONGEST_TIDYING, end_load, find_services, load_of, prepare_sessions
from register_users import INTERRUPTED, read_accounts
from services import Refused

log = logging.getLogger(__name__)
_tidying: list[gevent.Greenlet] = []


def on_init(environment: Environment, web_ui: Any, **_: Any) -> None:
    """Without a web page, prepare before Locust's clock starts; with one, refuse a wrong host in the page."""
    options: Any = environment.parsed_options
    if web_ui:
        guard_page(environment, web_ui)
        sign_in_beforehand(environment)
    elif options.headless:
        try:
            load_of(environment)
        except Refused as problem:
            if isinstance(environment.runner, WorkerRunner):
                return  # the master has not prepared yet, or says why it cannot
            log.error("%s", problem)
            leave(problem.exit_code)
        except KeyboardInterrupt:
            leave(INTERRUPTED)


def sign_in_beforehand(environment: Environment) -> None:
    """Log the accounts in before the page is used, where its host is known: the start button shows no progress."""
    try:
        prepare_sessions(environment)
    except Refused as problem:
        log.info("the accounts are signed in when a test starts, for now: %s", problem)


def leave(exit_code: int) -> NoReturn:
    """End Locust before the load; a master's worker processes would else wait for it for minutes."""
    for worker in psutil.Process().children():
        worker.terminate()
    sys.exit(exit_code)


def guard_page(environment: Environment, web_ui: Any) -> None:
    """Let the page's start button show, instead of a load, why a load cannot begin."""

    def refuse() -> Response | None:
        runner: Any = environment.runner
        starts = request.method == "POST" and request.path.endswith("/swarm")
        if not starts or runner.state in (STATE_RUNNING, STATE_SPAWNING):
            return None
        options: Any = environment.parsed_options
        try:
            find_services(request.form.get("host", environment.host or ""))
            read_accounts(Path(options.users_file))
        except Refused as problem:
            log.error("%s", problem)
            return jsonify({"success": False, "message": str(problem), "host": environment.host})
        return None

    web_ui.app.before_request(refuse)


def on_test_start(environment: Environment, **_: Any) -> None:
    """Prepare the load unless that is done; raises StopTest, which ends it with the reason."""
    try:
        load = load_of(environment)
        if not load.is_owner:
            load.sessions = load.take_sessions()
    except Refused as problem:
        options: Any = environment.parsed_options
        if options.headless:
            environment.process_exit_code = problem.exit_code
        raise StopTest(str(problem)) from None


def on_test_stop(environment: Environment, **_: Any) -> None:
    """Begin to tidy up; not here and now, for a worker must first send its last numbers to the master."""
    options: Any = environment.parsed_options
    if load := end_load(environment):
        _tidying.append(gevent.spawn(load.leave if options.record else load.tidy))


def on_quit(**_: Any) -> None:
    """Wait until the tidying is done; a master tells its workers to end before they are."""
    signal.signal(signal.SIGINT, lambda *_: log.warning("removing the books of this load, one moment"))
    gevent.joinall(_tidying, timeout=LONGEST_TIDYING)


for hook, listener in (
    (events.init, on_init),
    (events.test_start, on_test_start),
    (events.test_stop, on_test_stop),
    (events.quit, on_quit),
):
    hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's
