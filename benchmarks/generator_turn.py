"""Measures the processor time of a load in Locust's own process, and prints it at the end as JSON; for load files."""

import json
import time
from typing import Any

import gevent
from locust import events
from locust.env import Environment

WARM_UP_S = 2.0


def begin(environment: Environment, **_: Any) -> None:
    """Begin to measure when the users are there."""
    gevent.spawn(measure, environment)


def measure(environment: Environment) -> None:
    """Print the right answers and the processor time between the warm-up and the end of the load."""
    gevent.sleep(WARM_UP_S)
    total = environment.stats.total
    requests, failures, seconds = total.num_requests, total.num_failures, time.process_time()

    def finish(**_: Any) -> None:
        took = {
            "right": (total.num_requests - requests) - (total.num_failures - failures),
            "failures": total.num_failures,
            "seconds": time.process_time() - seconds,
        }
        print(json.dumps(took), flush=True)

    events.test_stopping.add_listener(finish)  # type: ignore[no-untyped-call]  # Locust's


events.test_start.add_listener(begin)  # type: ignore[no-untyped-call]  # Locust's
