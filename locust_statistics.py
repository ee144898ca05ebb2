"""Makes what Locust itself writes down fit for the analysis: its history by the second, and when the load ended.

Locust's own --json-file empties the statistics it has written, and with them the endpoints of _stats.csv.
"""

import json
import os
import time
from typing import Any

import gevent
from locust import events, stats
from locust.env import Environment
from locust.runners import WorkerRunner

WINDOW_S = 5  # the percentiles of a moment are those of so many seconds before it
_stopped_at: dict[Environment, float] = {}


def note_stop(environment: Environment, **_: Any) -> None:
    """Keep the moment in which the load ends: what the history says after it is only clearing up."""
    _stopped_at.setdefault(environment, time.time())


def let_files_catch_up(environment: Environment, **_: Any) -> None:
    """Give Locust the time to write its last numbers: it does so once a second, and not at the end."""
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


stats.CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = WINDOW_S
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0  # a kill loses a second of the history, not five
events.test_stopping.add_listener(note_stop)  # type: ignore[no-untyped-call]  # Locust's
events.test_stop.add_listener(let_files_catch_up)  # type: ignore[no-untyped-call]  # Locust's
events.quitting.add_listener(write_totals)  # type: ignore[no-untyped-call]  # Locust's
