"""A process of a joined machine: its name proves it, it goes by the master's clock, and it sends its record home."""

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import gevent
from locust import runners
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import WorkerRunner

from load.machines.clock import CLOCK, OFFSET, Clock
from load.machines.door import PREPARED
from load.machines.files import FILE, SESSIONS, USERS, Files
from load.machines.pieces import KEPT, WHOLE, Pieces
from load.machines.proof import VARIABLE, name_process
from load.machines.share import own_share
from load.recording.recording import recording_of

NONCE, FOLDER = "LOAD_NONCE", "LOAD_FOLDER"
RECORD, WHOLE_RECORD = "record", "whole.json"
CLOCK_EVERY_S = 30.0
CONNECTS = 12  # of 5 s each
SEND_EVERY_S = 1.0
LAST_S = 50.0  # for what is left at the end
log = logging.getLogger(__name__)


class JoinedWorker:
    """One process of a joined machine; `folder` holds what the machine was given, and the record."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        """Begin to talk with the master."""
        self.environment, self.folder = environment, folder
        runner: Any = environment.runner
        self._runner = runner
        self._clock = Clock(lambda number: self._send(CLOCK, {"number": number}))
        self._files = Files(folder, (SESSIONS,))
        self._pieces: Pieces | None = None
        takers: dict[str, Callable[[dict[str, Any]], None]] = {
            CLOCK: self._clock.answer,
            FILE: self._files.take,
            KEPT: self._confirm,
            WHOLE: self._end,
        }
        for kind, take in takers.items():
            runner.register_message(kind, lambda msg, take=take, **_: take(msg.data))

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        self._runner.send_message(kind, data)

    def _confirm(self, data: dict[str, Any]) -> None:
        if self._pieces:
            self._pieces.confirm(data)

    def _end(self, data: dict[str, Any]) -> None:
        if self._pieces:
            self._pieces.is_whole = not data["missing"]

    def take_clock(self) -> None:
        """Go by the master's clock from now on."""
        if offset := self._clock.measure():
            self._clock.take_out(offset)
            self._tell(offset.seconds, offset.error)
        gevent.spawn(self._watch_clock)

    def _watch_clock(self) -> NoReturn:
        while True:
            gevent.sleep(CLOCK_EVERY_S)
            self._measure_again()

    def _measure_again(self) -> None:
        if offset := self._clock.measure():
            self._tell(offset.seconds, offset.error)

    def _tell(self, offset_s: float, error_s: float) -> None:
        self._send(OFFSET, {"offset_s": round(offset_s, 6), "error_s": round(error_s, 6)})

    def measure_at_end(self) -> None:
        """Measure the clock once more, beside what ends the load."""
        gevent.spawn(self._measure_again)

    def tell_prepared(self) -> None:
        """Tell the master that the load can begin here."""
        self._send(PREPARED, {})

    def use_own_files(self) -> None:
        """Take this machine's files, because the master has sent the paths of its own with the load."""
        options: Any = self.environment.parsed_options
        options.users_file = str(self.folder / USERS)
        options.sessions_file = str(self.folder / SESSIONS)
        options.record = str(self.folder / RECORD)

    def begin_sending(self) -> None:
        """Begin to send the record, once."""
        recording = recording_of(self.environment)
        if recording and self._pieces is None:
            self._pieces = Pieces(recording.paths, self._send)
            gevent.spawn(self._send_on)

    def _send_on(self) -> NoReturn:
        while True:
            gevent.sleep(SEND_EVERY_S)
            if self._pieces:
                self._pieces.send_added()

    def finish(self) -> None:
        """Send what is left, and wait until the master has all of it; Locust no longer listens."""
        if self._pieces is None:
            return
        with gevent.Timeout(LAST_S, False):
            while not self._pieces.is_whole:
                self._pieces.send_added()
                if all(file.is_home for file in self._pieces.files.values()):
                    self._pieces.send_end()
                self._listen()
        self._note_whole()

    def _listen(self) -> None:
        """Take the messages that come within a tenth of a second."""
        with gevent.Timeout(0.1, False):
            while True:
                try:
                    self._runner.handle_message(self._runner.client.recv())
                except RPCError:
                    gevent.sleep(0.05)

    def _note_whole(self) -> None:
        """Leave a word on whether the master has the record, for join_load.sh."""
        part = f"{os.getpid()}.{WHOLE_RECORD}"
        whole = bool(self._pieces and self._pieces.is_whole)
        (self.folder / part).write_text(json.dumps({"whole": whole, "at": time.time()}), encoding="utf-8")


_workers: dict[Environment, JoinedWorker] = {}


def prepare_names() -> None:
    """On a machine that has joined, have Locust name its next worker so that the master lets it in.

    Locust names a worker after its machine and a UUID. It would look for a master that has ended in the meantime, and
    keep the accounts and tokens, for 5 minutes.
    """
    share, names = own_share(), cast(Any, runners)
    if share and (nonce := os.environ.get(NONCE)):
        secret = os.environ.get(VARIABLE, "")
        names.CONNECT_RETRY_COUNT = CONNECTS
        names.uuid4 = lambda: SimpleNamespace(hex=name_process(share.number, nonce, secret))


def join_master(environment: Environment, **_: Any) -> None:
    """On a machine that has joined, begin to talk with the master, and take its clock."""
    if isinstance(environment.runner, WorkerRunner) and os.environ.get(FOLDER):
        _workers[environment] = worker = JoinedWorker(environment, Path(os.environ[FOLDER]))
        worker.take_clock()


def tell_prepared(environment: Environment, **_: Any) -> None:
    """After the preparation, let the master begin."""
    if worker := _workers.get(environment):
        worker.tell_prepared()


def use_own_files(environment: Environment, **_: Any) -> None:
    """Before a load begins, take the files of this machine."""
    if worker := _workers.get(environment):
        worker.use_own_files()


def begin_sending(environment: Environment, **_: Any) -> None:
    """As soon as there is a record, send it home."""
    if worker := _workers.get(environment):
        worker.begin_sending()


def measure_at_end(environment: Environment, **_: Any) -> None:
    """When a load ends, see how the clock went."""
    if worker := _workers.get(environment):
        worker.measure_at_end()


def finish_sending(**_: Any) -> None:
    """At the end of the process, send the rest."""
    for worker in _workers.values():
        worker.finish()
