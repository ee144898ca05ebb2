"""F12: two hundred clients that drip, say nothing or read nothing, before the front of deploy/nginx.conf."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy

from tests.faults.findings import Control, Experiment, Finding, find_bound
from tests.faults.records import GROUPS, between, of_kinds
from tests.faults.rules import Fault, find_percentile
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import Trial, run_trial
from tests.support.front import run_front
from tests.support.stacks import PROJECT

COUNT = 200
SLOWER = 3  # times the level before
GOOD = 0.99
FRONT = Control("the front: the clients meet Gunicorn itself", ("honest requests that succeeded",), ())


class Crowd:
    """Slow clients at work on one build."""

    def __init__(self, kind: str, subject: Subject) -> None:
        """Start them, half on each service."""
        ports = [str(port) for port in subject.ports.values()]
        command = [sys.executable, "-m", "tests.faults.crowd", kind, str(COUNT), *ports]
        self.process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self) -> int:
        """End them and return how many were connected at the end."""
        output, _ = self.process.communicate("", timeout=30)
        return int(output.split()[1])


@contextmanager
def meet(subjects: Sequence[Subject]) -> Iterator[list[Subject]]:
    """Give the builds as clients meet them: each behind a front, but for the control without one."""
    with ExitStack() as opened:
        met = []
        for subject in subjects:
            fronted = copy(subject)
            if subject.name != FRONT.without:
                fronted.ports = opened.enter_context(run_front(subject.ports))
            met.append(fronted)
        yield met


def crowd(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Let slow clients of each kind in, one kind after the other; in the short form all kinds at once."""
    kinds = ("dripping", "silent", "deaf") if stand.form.long else ("mixed",)
    connected: list[list[int]] = []

    def make_fault() -> Fault:
        start = time.monotonic()
        for kind in kinds:
            crowds = [Crowd(kind, each) for each in met]
            try:
                time.sleep(stand.form.choose(25, 10))
            finally:
                connected.append([each.end() for each in crowds])
        return Fault(start, time.monotonic())

    with meet(subjects) as met:
        fault, trials = run_trial(stand, met, make_fault, recovery_s=5)
    return [
        [
            find_least("slow clients connected", min(each[number] for each in connected), COUNT),
            *judge(stand, trial, fault),
            *trial.findings,
        ]
        for number, trial in enumerate(trials)
    ]


def judge(stand: Stand, trial: Trial, fault: Fault) -> list[Finding]:
    """Compare what honest clients got meanwhile with what they got before."""
    asked = [each for kinds in GROUPS.values() for each in of_kinds(trial.records, *kinds)]
    during = between(asked, fault.start, fault.heal)
    good = sum(each.good for each in during) / max(1, len(during))
    least = 1 - (1 - GOOD) * stand.form.bound(1)
    words = f"{good:.2%} of {len(during)}"
    found = [Finding("honest requests that succeeded", f"≥ {least:.0%}", words, good >= least)]
    for name, kinds in GROUPS.items():
        worst, level = find_percentile(of_kinds(during, *kinds), 0.99), trial.levels[name]
        bound = find_bound(
            f"p99 of honest {name}, to the level before", worst / level, stand.form.bound(SLOWER), "times", 1
        )
        words = f"{bound.measured} ({worst * 1000:.0f} to {level * 1000:.0f} ms)"
        found.append(bound._replace(measured=words))
    return found


def find_least(what: str, measured: int, bound: int) -> Finding:
    """Return the finding that something counted is at least its bound."""
    return Finding(what, f"≥ {bound}", str(measured), measured >= bound)


EXPERIMENTS = [
    Experiment("F12", "200 clients that send a byte every 2 s, or nothing, or never read", crowd, (FRONT,)),
]
