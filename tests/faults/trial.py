"""One fault under load, for one build or several at once, and the standing rules on what came of it."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.faults.findings import Finding
from tests.faults.ledger import settle
from tests.faults.loads import SHARE, Load, choose_rates, make_plan, run_load, warm_up
from tests.faults.records import Record
from tests.faults.rules import (
    Fault,
    check_failures,
    check_generator,
    check_health,
    check_ledger,
    check_longest,
    check_ready,
    check_recovery,
    check_resources,
    find_levels,
    find_recovery,
)
from tests.faults.stand import Stand
from tests.faults.subject import Resources, Subject

SETTLE_S = 10  # for connections and threads to be given up
MORE_S = 5  # looked at beyond the bound, to say how late a recovery came
FIRST_S = 1  # of a load, until it runs evenly


@dataclass
class Trial:
    """What was seen of one build."""

    subject: Subject
    before: Resources
    levels: dict[str, float] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    end: float = 0
    mark: str = ""  # of the books it wrote


def run_trial(
    stand: Stand,
    subjects: Sequence[Subject],
    make_fault: Callable[[], Fault],
    *,
    recovery_s: float,
    allowed: Sequence[int] = (),
    retries: int = 0,
    rates: dict[str, float] | None = None,
    share: float = SHARE,
) -> tuple[Fault, list[Trial]]:
    """Put load on the builds, make the fault, wait for their recovery, and apply the standing rules."""
    trials = []
    with ExitStack() as opened:
        loads = []
        for subject in subjects:
            stand.sign_in_all(subject)
            stand.await_read_model(subject.books_url)
            chosen = {**choose_rates(stand, subject, share), **(rates or {})}
            trials.append(Trial(subject, warm_up(stand, subject)))
            loads.append(opened.enter_context(run_load(make_plan(stand, subject, retries=retries, **chosen))))
        started = time.monotonic() + FIRST_S
        time.sleep(FIRST_S + stand.form.level_s)
        fault = make_fault()
        for trial, load in zip(trials, loads, strict=True):
            trial.levels = find_levels(load.read(), started, fault.start, stand.form)
        await_recovery(stand, loads, trials, fault, recovery_s)
        for trial, load in zip(trials, loads, strict=True):
            trial.end = time.monotonic()
            trial.records = load.end()
            trial.mark = load.plan.mark
    for trial in trials:
        trial.findings = judge(stand, trial, fault, recovery_s, allowed)
    return fault, trials


def await_recovery(
    stand: Stand, loads: Sequence[Load], trials: Sequence[Trial], fault: Fault, recovery_s: float
) -> None:
    """Let the load go on until all builds have recovered, or have not for long enough."""
    latest = fault.heal + stand.form.bound(recovery_s) + stand.form.good_s + MORE_S
    while time.monotonic() < latest:
        time.sleep(0.5)
        seen_until = time.monotonic() - 0.5  # of later requests some answers may be due
        recovered = [
            find_recovery(load.read(), fault.heal, trial.levels, stand.form.good_s, seen_until) < recovery_s
            for load, trial in zip(loads, trials, strict=True)
        ]
        if all(recovered):
            break
    time.sleep(0.5)


def judge(stand: Stand, trial: Trial, fault: Fault, recovery_s: float, allowed: Sequence[int]) -> list[Finding]:
    """Apply the standing rules to what was seen of one build."""
    form, records = stand.form, trial.records
    recovered = find_recovery(records, fault.heal, trial.levels, form.good_s, trial.end)
    return [
        check_longest(records, form),
        check_failures(records, allowed=allowed),
        check_ledger(settle(records, stand.stack, trial.mark)),
        check_recovery(recovered, form.bound(recovery_s), trial.end - fault.heal),
        check_health(records),
        *check_ready(records, fault, trial.end),
        await_resources(stand, trial),
        check_generator(records, form),
    ]


def await_resources(stand: Stand, trial: Trial) -> Finding:
    """Look at what the build holds once it has had the time to give up what it need not keep."""
    deadline = time.monotonic() + (0 if trial.subject.is_control else SETTLE_S)
    while True:
        held = trial.subject.measure(stand.store_ports)
        found = check_resources(trial.before, held, trial.subject.most_pooled)
        if found.holds or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
