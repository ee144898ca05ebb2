"""F6: the way between the services and MariaDB takes long, and then too long."""

import time
from collections.abc import Sequence
from dataclasses import replace

from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_none
from tests.faults.records import LOGINS, READS, WRITES, between, of_kinds
from tests.faults.rules import Fault, check_reads, check_refusals, find_percentile
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import Trial, run_trial

SLOW_S, TOO_SLOW_S = 0.05, 2.0


def slow_mariadb_down(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Add 50 ms to each round trip, then two seconds."""
    mariadb = stand.proxy()
    slow_at = 0.0

    def make_fault() -> Fault:
        nonlocal slow_at
        slow_at = time.monotonic()
        try:
            mariadb.latency_s = SLOW_S
            time.sleep(stand.form.choose(20, 5))
            start = time.monotonic()
            mariadb.latency_s = TOO_SLOW_S
            time.sleep(stand.form.choose(20, 5))
        finally:
            mariadb.latency_s = 0
        return Fault(start, time.monotonic(), "database down redis ok")

    fault, trials = run_trial(stand, subjects, make_fault, recovery_s=5)
    return [
        [
            check_slow(trial, slow_at, fault.start - TOO_SLOW_S),
            check_refusals(between(trial.records, fault.start, fault.heal), fault.seconds, stand.form),
            *check_reads(trial.records, fault, trial.levels, stand.form),
            *trial.findings,
        ]
        for trial in trials
    ]


def check_slow(trial: Trial, start: float, end: float) -> Finding:
    """With 50 ms nearly everything goes on; requests that reach into the next phase are not counted."""
    asked = of_kinds(between(trial.records, start, end), *READS, *WRITES, *LOGINS)
    failed = [f"{each.kind} {each.status} {each.note}" for each in asked if not each.good]
    found = find_none("requests that fail with 50 ms of latency", failed, len(asked))
    words = f"{found.measured}; median write {find_percentile(of_kinds(asked, *WRITES), 0.5):.2f} s"
    return found._replace(bound="≤ 1 %", measured=words, holds=len(failed) <= 0.01 * len(asked))


# In the short form its fault is over before a time-out of five seconds is.
LATE_TIMEOUT = replace(controls.SHORT_DRIVER_TIMEOUT, cheap=False)

EXPERIMENTS = [
    Experiment("F6", "50 ms, then 2 s of latency to MariaDB", slow_mariadb_down, (LATE_TIMEOUT,), proxied=True),
]
