"""F11: both services load anew five times, and stop, under load."""

import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

import requests

from tests.faults.builds import Cut
from tests.faults.findings import Control, Experiment, Finding, find_bound, find_none
from tests.faults.ledger import settle
from tests.faults.loads import SHARE, choose_rates, make_plan, run_load
from tests.faults.records import Record, of_kinds
from tests.faults.rules import Fault, check_ledger
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import run_trial

TIMES = 5
EACH_S = 1
RELOADED_S = 60  # for all five
STOPPED_S = 35  # the grace time of the services, and a little
BEFORE_S = 3  # of load before they stop
THINKERS = 4  # clients of each service that keep a connection and send nothing more
REFUSED = "Connect call failed"  # asyncio's words for a port that nobody listens on
LETTING_GO = Control(
    "serving what waits at the port, and letting go of it, before a worker stops",
    ("requests lost by services that stop",),
    (Cut("backend/server/worker.py", "if enabled or self.alive:", "if True:"),),
    cheap=False,
)


class Stop(NamedTuple):
    """What became of a load when the services stopped."""

    seconds: float
    records: list[Record]
    mark: str


def reload_and_stop(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Tell both services five times to load anew, then to stop."""

    def make_fault() -> Fault:
        start = time.monotonic()
        old = [each.pid for subject in subjects for each in subject.list_processes()]
        for _ in range(TIMES):
            for subject in subjects:
                for master in subject.masters.values():
                    master.send_signal(signal.SIGHUP)
            time.sleep(EACH_S)
        await_reloads(subjects, start)
        assert len(set(old) & {each.pid for subject in subjects for each in subject.list_processes()}) == 2 * len(
            subjects
        ), "not all workers are new"
        return Fault(start, time.monotonic())

    _, trials = run_trial(stand, subjects, make_fault, recovery_s=5)
    return [[*judge_stop(stand, stop(stand, trial.subject)), *trial.findings] for trial in trials]


def await_reloads(subjects: Sequence[Subject], start: float) -> None:
    """Wait until each master has said that often that it loads anew, and has only its new workers."""
    while time.monotonic() < start + RELOADED_S:
        time.sleep(0.5)
        if all(is_reloaded(each) for each in subjects):
            return
    raise AssertionError(f"not reloaded {TIMES} times in {RELOADED_S} s")


def is_reloaded(subject: Subject) -> bool:
    """Tell whether both services are done."""
    done = subject.log.read_text(errors="replace").count("Handling signal: hup") >= TIMES * len(subject.masters)
    return done and all(len(subject.list_processes(name)) == 1 + subject.workers[name] for name in subject.masters)


def stop(stand: Stand, subject: Subject) -> Stop:
    """Tell both services to stop while they are used, and wait until they have."""
    rates = choose_rates(stand, subject, SHARE)
    with ExitStack() as opened:
        load = opened.enter_context(run_load(make_plan(stand, subject, pages=False, **rates)))
        for url in THINKERS * (subject.auth_url, subject.books_url):
            opened.enter_context(requests.Session()).get(f"{url}/health", timeout=5)
        time.sleep(BEFORE_S)
        start = time.monotonic()
        for master in subject.masters.values():
            master.terminate()
        for master in subject.masters.values():
            master.wait(STOPPED_S + 10)
        seconds = time.monotonic() - start
        return Stop(seconds, load.end(), load.plan.mark)


def judge_stop(stand: Stand, seen: Stop) -> list[Finding]:
    """No request is lost that was not refused a connection, and no write."""
    sent = [each for each in seen.records if each.kind != "unsent"]
    lost = [f"{each.kind} {each.fault}" for each in sent if not each.status and REFUSED not in each.fault]
    refused = sum(REFUSED in each.fault for each in sent)
    found = find_none("requests lost by services that stop", lost, len(sent))
    return [
        find_bound("stopped within", seen.seconds, stand.form.bound(STOPPED_S), digits=1),
        found._replace(measured=f"{found.measured}; {refused} were refused a connection"),
        check_ledger(settle(of_kinds(seen.records, *{each.kind for each in sent}), stand.stack, seen.mark))._replace(
            what="writes lost, doubled or halved by services that stop"
        ),
    ]


EXPERIMENTS = [
    Experiment(
        "F11", "five SIGHUP and a SIGTERM under load", reload_and_stop, (LETTING_GO,), begins_anew=True,
    ),
]  # fmt: skip
