"""Changes Locust: its event loop does not stall, its files are whole, and a process that cannot begin a load ends.

Locust's own --json-file is of no use: it empties the statistics that it has written, and so the rows of _stats.csv.
"""

import gc
import inspect
import json
import logging
import os
import time
from functools import cache
from typing import Any

import gevent
from locust import argument_parser, stats
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

log = logging.getLogger(__name__)
END, ENDED = "end_and_report", "has_ended_and_reported"  # messages from the master to a worker process, and back
SPARE_S = 5.0  # beyond --stop-timeout, in which a worker ends its users and sends its last report
WINDOW_S = 5  # the percentiles of a moment are those of so many seconds before it
_handle_message = WorkerRunner.handle_message
_write_csv = stats.StatsCSVFileWriter.stats_writer
_stopped_at: dict[Environment, float] = {}
_ended: set[str] = set()  # the worker processes that have sent their last report to this master


def patch_locust() -> None:
    """Put our own code in the place of Locust's; once, before Locust opens its files."""
    stats.StatsCSVFileWriter.stats_writer = write_until_closed  # type: ignore[method-assign]
    stats.CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = WINDOW_S
    stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0  # a kill loses a second of the history, not five
    # Asked for a hundred times on every message that changes a worker's users: 0.1 to 0.4 s without a cache.
    argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
    WorkerRunner.handle_message = handle_or_end  # type: ignore[method-assign]


def handle_or_end(self: Any, msg: Any) -> None:
    """Handle a message of the master, and end this worker process when it cannot begin the load that it is told to.

    StopTest ends what Locust receives messages with. With a web page the process would live on without it: the master
    would count on it in each further load, and wait for its users in vain.
    """
    try:
        _handle_message(self, msg)
    except StopTest as problem:
        words = f"a process of the load ends because it cannot begin: {problem}"
        log.error("%s", words)
        self.send_message("exception", {"msg": words, "traceback": words})  # so that the master's files and page say it
        self.quit()


def warm_up(**_: Any) -> None:
    """Do before there are users what would stall the event loop, and with it every user, in the middle of a load.

    Locust looks at the call stack when a load stops, and the first look reads all modules. What is in memory now, the
    catalogue above all, stays there: the garbage collector need not go through it again and again.
    """
    inspect.stack()
    gc.collect()
    gc.freeze()


def register_messages(environment: Environment, **_: Any) -> None:
    """Let the master and its worker processes talk about the end of a load."""
    runner: Any = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(END, report_end)
    elif isinstance(runner, MasterRunner):
        runner.register_message(ENDED, lambda msg, **_: _ended.add(msg.node_id))


def report_end(environment: Environment, **_: Any) -> None:
    """End the users of a worker process as `quit` would, and send its last report before the master stops listening."""
    runner: Any = environment.runner
    runner.stop()
    runner._send_stats()
    runner.send_message(ENDED)


def wait_for_workers(environment: Environment, **_: Any) -> None:
    """Wait for the last report of every worker process that lives, for as long as users may take to end.

    Locust's master gives them half a second, whatever --stop-timeout says. Then the last slow answers would be in the
    files of the workers, but not in the master's statistics, and a slow service would look like an incomplete record.
    """
    runner: Any = environment.runner
    if not isinstance(runner, MasterRunner):
        return
    _ended.clear()
    runner.send_message(END)
    until = time.monotonic() + runner.environment.stop_timeout + SPARE_S
    # The heartbeat goes on meanwhile, and finds workers that were killed or stand still in about four seconds.
    while any(worker.id not in _ended and worker.state != STATE_MISSING for worker in runner.clients.all):
        if time.monotonic() > until:
            log.warning("not every process of the load has sent its last report: some requests may be counted nowhere")
            break
        gevent.sleep(0.05)


def forget_stop(environment: Environment, **_: Any) -> None:
    """Forget when the last load ended, because a web page starts one load after the other."""
    _stopped_at.pop(environment, None)


def note_stop(environment: Environment, **_: Any) -> None:
    """Keep the moment at which the load ends, because the history goes on while the load is cleared up."""
    _stopped_at.setdefault(environment, time.time())


def let_files_catch_up(environment: Environment, **_: Any) -> None:
    """Wait until Locust has written its last numbers, because it writes them once a second, and not at the end."""
    options: Any = environment.parsed_options
    if options.csv_prefix and not isinstance(environment.runner, WorkerRunner):
        gevent.sleep(stats.CSV_STATS_INTERVAL_SEC + 0.2)


def write_totals(environment: Environment, **_: Any) -> None:
    """Write NAME_requests.json for --csv NAME: when the load ended, and {ms: answers} of each endpoint."""
    options: Any = environment.parsed_options
    if not options.csv_prefix or isinstance(environment.runner, WorkerRunner):
        return
    note_stop(environment)
    entries = [
        {"method": entry.method, "name": entry.name, "response_times": entry.response_times}
        for entry in environment.stats.entries.values()
    ]
    path = f"{options.csv_prefix}_requests.json"
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump({"stopped_at": _stopped_at[environment], "endpoints": entries}, file)
    os.replace(f"{path}.new", path)


def write_until_closed(self: stats.StatsCSVFileWriter) -> None:
    """Write the CSV files until they are closed: Locust closes them at its end, but does not stop their writer.

    If a thread or an exit hook waits after that, the writer runs once more.
    """
    try:
        _write_csv(self)
    except ValueError:
        if not self.requests_csv_filehandle.closed:
            raise
