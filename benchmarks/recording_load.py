"""A load without think time that records in every other turn, and prints after each turn, as JSON, what it took.

One turn in two is recorded: what else this machine does meets both alike. The folder for the records is the variable
RECORDS; the number and the length of the turns are TURNS and TURN_S. With HOME_PORT every turn is recorded, and in
every other turn the record is also sent to the master that listens at that port.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.event import Event
from locust import constant, events
from locust.env import Environment

from benchmarks.machines_home import send_home
from load.recording.recording import UsersRecording
from load.run.hooks import install_hooks
from load.users.user import LibraryUser
from locustfile_write_heavy import MIX

WARM_UP_S = 1.0
users: list["RestlessUser"] = []


class RestlessUser(LibraryUser):
    """Writes and reads without a pause."""

    tasks = MIX
    think_time = constant(0)

    def __init__(self, environment: Environment) -> None:
        """Join the others."""
        super().__init__(environment)
        users.append(self)


def record(environment: Environment, prefix: Path, seconds: float, home_port: int) -> None:
    """Let the load be recorded for some seconds, and send the record home if a port is given."""
    recording = UsersRecording(prefix, "", environment.runner)
    request: Any = environment.events.request
    request.add_listener(recording.note_request)
    for user in users:
        user.recording = recording
    over = Event()
    sending = gevent.spawn(send_home, recording.paths, home_port, prefix.name, over) if home_port else None
    gevent.sleep(seconds)
    for user in users:
        user.recording = None
    gevent.sleep(0)
    request.remove_listener(recording.note_request)
    recording.close()
    if sending:
        over.set()
        sending.join(timeout=30)


def take_turns(environment: Environment) -> NoReturn:
    """Measure turn after turn, the first without a record, and end the load."""
    gevent.sleep(WARM_UP_S)
    for turn in range(int(os.environ["TURNS"])):
        total = environment.stats.total
        requests, failures, seconds = total.num_requests, total.num_failures, time.process_time()
        home_port = int(os.environ.get("HOME_PORT", "0"))
        if turn % 2 or home_port:
            prefix, port = Path(os.environ["RECORDS"]) / f"turn{turn}", home_port if turn % 2 else 0
            record(environment, prefix, float(os.environ["TURN_S"]), port)
        else:
            gevent.sleep(float(os.environ["TURN_S"]))
        took = {
            "recorded": bool(turn % 2),
            "requests": total.num_requests - requests,
            "failures": total.num_failures - failures,
            "seconds": time.process_time() - seconds,
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
