"""Changes Locust's web page: its start button says why no load can begin yet, and it shows a load until its end."""

import logging
from typing import Any

import gevent
from flask import Response, jsonify, request
from locust.env import Environment
from locust.runners import (
    STATE_CLEANUP,
    STATE_INIT,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    STATE_STOPPING,
    MasterRunner,
    WorkerRunner,
)

from load.client.refusal import Refused
from load.recording.recording import name_second_load
from load.run.one_load import is_ending
from load.run.preparation import preparation_of
from load.shared_memory import wait_for

MOMENT_S = 1.5  # for which a start waits for the preparation; then the page says how far that is
TRIES, TRY_EVERY_S = 300, 2.0
AGAIN = "Press Start again in a moment."
LOADING, ENDING = (STATE_SPAWNING, STATE_RUNNING), (STATE_CLEANUP, STATE_STOPPING)
STATS = "locust.request_stats"
log = logging.getLogger(__name__)


def prepare_in_background(environment: Environment) -> None:
    """Prepare a load in the background, where its host is known, and say so on the terminal."""
    is_worker = isinstance(environment.runner, WorkerRunner)
    gevent.spawn(_prepare_after_owner if is_worker else _prepare, environment)


def _prepare(environment: Environment) -> None:
    try:
        preparation = preparation_of(environment, environment.host or "")
        where = preparation.auth_url, preparation.books_url
        log.info("preparing a load for %s and %s; the page can be opened meanwhile", *where)
        preparation.is_ready_within(None)
    except Refused as problem:
        log.info("a load is prepared when a test starts, for now: %s", problem)
    else:
        log.info("prepared: a test starts at once")


def _prepare_after_owner(environment: Environment) -> None:
    """Prepare a worker process once its master has signed the accounts in; if that takes too long, a start does so."""
    for _ in range(TRIES):
        try:
            preparation_of(environment, environment.host or "").ensure_ready()
            return
        except Refused:
            gevent.sleep(TRY_EVERY_S)


def guard_page(environment: Environment, web_ui: Any) -> None:
    """Have the start button say why a load cannot begin yet, and the page ask for figures until the load is over."""

    def refuse() -> Response | None:
        runner: Any = environment.runner
        starts = request.method == "POST" and request.path.endswith("/swarm")
        if not starts or runner.state in LOADING:
            return None
        words = say_what_is_missing(environment, request.form.get("host", environment.host or ""))
        return jsonify({"success": False, "message": words, "host": environment.host}) if words else None

    def tell_stats() -> Response:
        response: Response = ask_for_stats()
        state = choose_state(environment, web_ui)
        report = response.get_json()
        return response if report["state"] == state else jsonify({**report, "state": state})

    def update_arguments() -> None:
        update()
        web_ui.template_args["state"] = choose_state(environment, web_ui)

    update, web_ui.update_template_args = web_ui.update_template_args, update_arguments
    ask_for_stats = web_ui.app.view_functions[STATS]
    web_ui.app.view_functions[STATS] = tell_stats
    web_ui.app.before_request(refuse)


def say_what_is_missing(environment: Environment, host: str) -> str:
    """Return in words why a load cannot begin now at Locust's host, "" when it can."""
    if words := name_second_load(environment):
        return words
    if not wait_for(lambda: has_ended(environment, all_processes=True), MOMENT_S) and not has_ended(environment):
        return f"The last load is still ending. {AGAIN}"
    try:
        preparation = preparation_of(environment, host)
        if preparation.is_ready_within(MOMENT_S):
            return ""
    except Refused as problem:
        log.error("%s", problem)
        return str(problem)
    return f"The load is still being prepared: {preparation.words}. {AGAIN}"


def has_ended(environment: Environment, *, all_processes: bool = False) -> bool:
    """Tell whether the last load is over and workers are there for the next: they leave a master and come again."""
    runner, options = environment.runner, environment.parsed_options
    if is_ending(environment):
        return False
    if not isinstance(runner, MasterRunner):
        return runner is not None and runner.state not in ENDING
    wanted = options.expect_workers if all_processes and options else 1
    return runner.state not in ENDING and runner.worker_count >= wanted


def choose_state(environment: Environment, web_ui: Any) -> str:
    """Return the state of the load for the page.

    The page asks for figures only while it reads "spawning" or "running". So a load that is about to spawn is shown as
    spawning, and a load whose last users are ending as running.
    """
    runner: Any = environment.runner
    begun = (web_ui._swarm_greenlet, runner.spawning_greenlet, runner.shape_greenlet)
    if runner.state in (STATE_INIT, STATE_STOPPED) and any(one is not None and not one.ready() for one in begun):
        return STATE_SPAWNING
    return STATE_RUNNING if runner.state in ENDING else str(runner.state)
