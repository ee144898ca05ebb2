"""Records what happens in each second of a load, with --record PREFIX: opens the files, fills them, closes them.

analysis/records/results_folder.py defines their names and what they hold. Every process of the load writes its own.
"""

import logging
import time
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import StatsError

from analysis.records.failures import UNANSWERED, WRONG
from analysis.records.results_folder import FAILURE_SAMPLES, LATE, MASTER, RAW, name_endpoint, part_path
from load.client.locust_client import on_idle_closed
from load.client.refusal import WRONG_USE
from load.recording.failure_samples import FailureSamples
from load.recording.generator import GeneratorFile
from load.recording.latencies import LatencyLog
from load.recording.ledger import Ledger
from load.recording.request_failed import RequestFailed
from load.recording.seconds import RIGHT, SecondsFile

log = logging.getLogger(__name__)


class Recording:
    """The files of one process of a load, written to once a second; as it is, for a master, which has no users."""

    def __init__(self, prefix: Path, part: str, runner: Any) -> None:
        """Begin the files; raises FileExistsError when another load has used their names."""
        self._prefix, self._part = prefix, part
        self.paths: dict[str, Path] = {}  # of its files, by what their names end with
        self.files: list[Any] = [GeneratorFile(self.path("_generator.csv"), runner)]
        self._has_failed = False
        self._writer = gevent.spawn(self._write_every_second)

    def path(self, ending: str) -> Path:
        """Return the path of a file of this process, which begins now."""
        self.paths[ending] = part_path(self._prefix.parent, self._prefix.name, self._part, ending)
        return self.paths[ending]

    def _write_every_second(self) -> NoReturn:
        while True:
            gevent.sleep(1 - time.time() % 1)
            second = int(time.time())  # it has just begun: the seconds before it are over
            self._have_each(methodcaller("write", second))

    def _have_each(self, act: Callable[[Any], None]) -> None:
        """Have each file act, also where another cannot be written, as on a full disk; say that once until it is over.

        The ledger keeps what it could not write, and tries again the next time; so do Python's buffers for a few kB.
        """
        failed = ""
        for path, file in zip(self.paths.values(), self.files, strict=False):
            try:
                act(file)
            except OSError as problem:
                failed = failed or f"{path}: {problem.strerror}"
        if failed and not self._has_failed:
            log.error("what the load records cannot be written for now: %s", failed)
        elif self._has_failed and not failed:
            log.warning("what the load records is written again")
        self._has_failed = bool(failed)

    def close(self) -> None:
        """Write what is left."""
        self._writer.kill()
        self._have_each(methodcaller("close"))


class UsersRecording(Recording):
    """The files of a process that has users."""

    def __init__(self, prefix: Path, part: str, runner: Any) -> None:
        """Begin the files; raises FileExistsError when another load has used their names."""
        super().__init__(prefix, part, runner)
        self.seconds = SecondsFile(self.path("_seconds.csv"))
        on_idle_closed.append(self.seconds.count_closed)
        self.latencies = LatencyLog(self.path(".hlog"))
        self.ledger = Ledger(self.path("_ledger.jsonl"))
        self.failures = FailureSamples(self.path(FAILURE_SAMPLES))
        self.files += [self.seconds, self.latencies, self.ledger, self.failures]
        self._endpoints: dict[tuple[str, str], str] = {}

    def note_request(  # noqa: PLR0913  what Locust tells of a request
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None = None,
        start_time: float | None = None,
        response: Any = None,
        context: Any = None,
        **_: Any,
    ) -> None:
        """Record a request that has ended; a failure without a start is no request, but a finding of the load."""
        if start_time is None:
            return
        endpoint = self._endpoints.get((request_type, name))
        if endpoint is None:
            endpoint = self._endpoints[request_type, name] = name_endpoint(request_type, name)
        seconds, kind = response_time / 1000, kind_of(exception)
        end = start_time + seconds
        self.seconds.count(endpoint, kind, start_time, end)
        late = self._note_late(context, start_time, end)
        if kind == RIGHT:
            self.latencies.note(endpoint, seconds + (late or 0.0), end)
            if late is not None:
                self.latencies.note(f"{RAW}{endpoint}", seconds, end)
        else:
            text = StatsError.parse_error(exception)  # type: ignore[arg-type]  # as Locust lists it
            self.failures.note((request_type, name), text, response, response_time, end)
        if context and "ledger" in context:
            self.ledger.note_outcome(context["ledger"], None if kind == UNANSWERED else response)

    def _note_late(self, context: Any, start: float, end: float) -> float | None:
        """Return how long after it was due a request of an open load was sent; None in a closed load.

        Only the first request of an action is due at a time: the others follow the answer before.
        """
        due = context.get("due") if context else None
        if due is None:
            return None
        late = max(0.0, start - due) if due else 0.0
        if due:
            self.latencies.note(LATE, late, end)
        return late


def kind_of(exception: BaseException | None) -> str:
    """Return what a request is counted as; a failure that the load itself did not raise is a wrong answer."""
    if exception is None:
        return RIGHT
    return exception.kind if isinstance(exception, RequestFailed) else WRONG


_recordings: dict[Environment, Recording] = {}


def recording_of(environment: Environment) -> UsersRecording | None:
    """Return the recording of a process that has users, if there is one."""
    recording = _recordings.get(environment)
    return recording if isinstance(recording, UsersRecording) else None


def name_second_load(environment: Environment) -> str:
    """Return in words why no further load can be recorded under the given name, "" where one can, or none shall be.

    Only for the process that starts the loads: worker processes follow it.
    """
    options: Any = environment.parsed_options
    if environment not in _recordings or isinstance(environment.runner, WorkerRunner):
        return ""
    return f"{options.record} has the record of a load already; start Locust again with another --record"


def refuse_second_load(environment: Environment, **_: Any) -> None:
    """Raise StopTest when a load has been recorded: another would go on in its files, and be judged with it."""
    if words := name_second_load(environment):
        raise StopTest(words)


def begin_recording(environment: Environment, **_: Any) -> None:
    """Begin to record, if asked to and not done already; raises StopTest when another load has used the name."""
    options: Any = environment.parsed_options
    if options.record and environment not in _recordings:
        try:
            _recordings[environment] = open_recording(Path(options.record), environment)
        except OSError as problem:
            log.error("nothing can be recorded as %s: %s; give another name", options.record, problem.strerror)
            environment.process_exit_code = WRONG_USE
            raise StopTest(f"{options.record} cannot be recorded") from None


def open_recording(prefix: Path, environment: Environment) -> Recording:
    """Begin the files of this process; raises OSError."""
    runner: Any = environment.runner
    if isinstance(runner, MasterRunner):
        return Recording(prefix, MASTER, runner)
    part = str(runner.worker_index) if isinstance(runner, WorkerRunner) else ""
    recording = UsersRecording(prefix, part, runner)
    environment.events.request.add_listener(recording.note_request)  # type: ignore[no-untyped-call]  # Locust's
    return recording


def end_recording(**_: Any) -> None:
    """Write what is left when the process ends."""
    for recording in _recordings.values():
        recording.close()
