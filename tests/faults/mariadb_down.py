"""F1 and F2: MariaDB killed, and MariaDB frozen, under load."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

import requests

from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_bound
from tests.faults.rules import NEVER, Fault, check_reads, check_refusals
from tests.faults.stand import Stand
from tests.faults.stores import await_mariadb
from tests.faults.subject import Subject
from tests.faults.trial import run_trial
from tests.support.projector_runs import run_projector
from tests.support.shelf import make_book

DOWN = "database down redis ok"
RECOVERS_S = 5


def kill_mariadb(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Kill MariaDB's process, start services meanwhile, and start it again."""
    served = NEVER

    def make_fault() -> Fault:
        nonlocal served
        start = time.monotonic()
        with ExitStack() as opened:
            stand.mariadb.kill()
            try:
                late = opened.enter_context(stand.run("started meanwhile", settings=subjects[0].given, ready=False))
                time.sleep(max(0.0, start + stand.form.choose(10, 4) - time.monotonic()))
            finally:
                mending = time.monotonic()
                stand.mariadb.start()
            heal = await_mariadb(stand.stack)
            served = await_write(stand, late, heal)
        return Fault(start, heal, DOWN, mending)

    fault, trials = run_trial(stand, subjects, make_fault, recovery_s=RECOVERS_S)
    about_late = find_bound("services started meanwhile: first write", served, stand.form.bound(RECOVERS_S))
    found = [
        [
            *check_reads(trial.records, fault, trial.levels, stand.form),
            check_refusals(trial.records, fault.seconds, stand.form),
            *trial.findings,
        ]
        for trial in trials
    ]
    found[0] += [about_late, check_read_model(stand)]
    return found


def await_write(stand: Stand, subject: Subject, heal: float) -> float:
    """Return how many seconds after the heal a build took its first write, NEVER if it took none for long."""
    bearer = {"Authorization": f"Bearer {stand.accounts[0].token}"}
    while time.monotonic() < heal + 4 * RECOVERS_S:
        if requests.post(f"{subject.books_url}/api/books", json=make_book(), headers=bearer, timeout=10).ok:
            return time.monotonic() - heal
        time.sleep(0.1)
    return NEVER


def check_read_model(stand: Stand) -> Finding:
    """The read model is the same as MariaDB."""
    code, output, _ = run_projector(stand.stack, "verify")
    for _ in range(3):
        if code == 0:
            break
        time.sleep(1)
        code, output, _ = run_projector(stand.stack, "verify")
    last = output.strip().splitlines()[-1:] or ["nothing"]
    return Finding("read model and MariaDB compared", "no difference", last[0], code == 0)


def freeze_mariadb(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Stop MariaDB's process for a while."""

    def make_fault() -> Fault:
        start = time.monotonic()
        with stand.mariadb.frozen():
            time.sleep(stand.form.choose(20, 6))
            mending = time.monotonic()
        return Fault(start, time.monotonic(), DOWN, mending)

    fault, trials = run_trial(stand, subjects, make_fault, recovery_s=RECOVERS_S)
    return [
        [
            check_refusals(trial.records, fault.seconds, stand.form),
            *check_reads(trial.records, fault, trial.levels, stand.form),
            *trial.findings,
        ]
        for trial in trials
    ]


EXPERIMENTS = [
    Experiment(
        "F1", "MariaDB killed and started again", kill_mariadb,
        (controls.READ_MODEL_READS, controls.CLOSING_BREAKERS),
    ),
    Experiment("F2", "MariaDB frozen", freeze_mariadb, (controls.SHORT_DRIVER_TIMEOUT,)),
]  # fmt: skip
