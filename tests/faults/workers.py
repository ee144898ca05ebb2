"""F10: of the books service one worker is killed, one frozen, and one has all its threads stuck."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from tests.faults.broken_workers import Broken, four_workers
from tests.faults.builds import Cut
from tests.faults.findings import Control, Experiment, Finding, find_bound, find_none
from tests.faults.ledger import settle
from tests.faults.records import LOGINS, READS, WRITES, Record, between, of_kinds
from tests.faults.rules import (
    Fault,
    check_failures,
    check_generator,
    check_health,
    check_ledger,
    check_longest,
    check_recovery,
    find_recovery,
)
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import Trial, await_resources, run_trial

DRIP_EACH_S = 2
REPLACED_S = 30
RECOVERS_S = 5
LATEST_S = 12  # that the load generator waits for an answer
SERVED = 0.9  # of the requests meanwhile; the broken workers had taken the others
REPLACEMENT = Control(
    "the watchdog, and the master's look at its workers",
    ("frozen worker replaced within", "stuck worker replaced within"),
    (
        Cut("gunicorn.conf.py", "timeout = 20 ", "timeout = 0 "),
        Cut("backend/server/worker.py", "        watch(pool, STUCK_S)\n", ""),
    ),
    cheap=False,
)


def break_workers(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Break three of four workers at once and wait until they are replaced."""
    builds: list[Broken] = []

    def make_fault() -> Fault:
        start = time.monotonic()
        with ExitStack() as opened:
            for subject in subjects:
                builds.append(Broken(subject))
                opened.callback(builds[-1].end)
                builds[-1].begin()
            await_replacement(builds)
        return Fault(start, time.monotonic())

    with four_workers(subjects):
        fault, trials = run_trial(stand, subjects, make_fault, recovery_s=RECOVERS_S)
    return [judge(stand, trial, fault, broken) for trial, broken in zip(trials, builds, strict=True)]


def await_replacement(builds: Sequence[Broken]) -> None:
    """Wait until all builds but controls beside the product have replaced their workers, or have not for too long."""
    awaited = [each for each in builds if not each.subject.is_control] or builds
    deadline, dripped = time.monotonic() + REPLACED_S + 5, time.monotonic()
    while not all([each.look() for each in builds if each in awaited]) and time.monotonic() < deadline:
        time.sleep(0.1)
        if time.monotonic() > dripped + DRIP_EACH_S:
            dripped = time.monotonic()
            for each in builds:
                each.drip()
    time.sleep(2)
    for each in builds:
        each.look()


def judge(stand: Stand, trial: Trial, fault: Fault, broken: Broken) -> list[Finding]:
    """Apply the rules to all requests but those that a broken worker had taken: these have no answer."""
    form, records = stand.form, trial.records
    lost = [each for each in between(records, fault.start - LATEST_S, fault.heal) if not each.status]
    kept = [each for each in records if each not in set(lost)]
    during = between(of_kinds(records, *READS, *WRITES, *LOGINS), fault.start, fault.heal)
    recovered = find_recovery(records, fault.heal, trial.levels, form.good_s, trial.end)
    return [
        *(
            find_bound(f"{name} worker replaced within", seconds, form.bound(REPLACED_S), digits=1)
            for name, seconds in broken.replaced.items()
        ),
        find_served(during, 1 - (1 - SERVED) * form.bound(1)),
        find_none("requests without an answer afterwards", [each for each in kept if not each.status], len(kept)),
        check_longest(kept, form),
        check_failures(kept),
        check_ledger(settle(records, stand.stack, trial.mark)),
        check_recovery(recovered, form.bound(RECOVERS_S), trial.end - fault.heal),
        check_health(kept),
        await_resources(stand, trial),
        check_generator(records, form),
    ]


def find_served(during: Sequence[Record], bound: float) -> Finding:
    """Return the finding that the worker that is whole serves meanwhile."""
    share = sum(each.good for each in during) / max(1, len(during))
    words = f"{share:.1%} of {len(during)}"
    return Finding("requests served while three of four workers were broken", f"≥ {bound:.0%}", words, share >= bound)


EXPERIMENTS = [
    Experiment(
        "F10", "one worker killed, one frozen, one with all its threads stuck", break_workers, (REPLACEMENT,),
        begins_anew=True,
    ),
]  # fmt: skip
