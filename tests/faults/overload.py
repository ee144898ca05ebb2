"""F13 (a) and F14: ten times the log-ins that bcrypt can do, and clients that send again at once what is refused."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_bound, find_none
from tests.faults.loads import SHARE_WITHOUT_MODEL, make_plan, measure_logins, run_load, warm_up
from tests.faults.records import LOGINS, READS, Record, between, of_kinds
from tests.faults.rules import (
    Fault,
    check_failures,
    check_generator,
    check_health,
    check_longest,
    check_refusals,
    find_percentile,
)
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import run_trial

TIMES = 10  # as many log-ins as bcrypt can do
READ_SHARE = 0.1
BEST_CLIENTS = 4  # log in without a pause to find the best rate: each core hashes, and one waits for it
KEPT = 0.9
SLOWER = 3  # times the p95 before
FLOOR_S = 0.01  # below which a p95 says more of the scheduler than of the service
FIRST_S = 1  # of a load, that are not counted


@dataclass
class Phase:
    """A stretch of load on one build."""

    records: list[Record] = field(default_factory=list)
    seconds: float = 0

    @property
    def logins(self) -> float:
        """Give the good log-ins per second."""
        return sum(each.status == 200 for each in of_kinds(self.records, *LOGINS)) / self.seconds

    def find_p95(self, *kinds: str) -> float:
        """Return the p95 of the good answers of these kinds."""
        return find_percentile([each for each in of_kinds(self.records, *kinds) if each.good], 0.95)


def overload_logins(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Send reads alone, then with as many log-ins as can be, then with ten times as many."""
    found = []
    for subject in subjects:
        stand.sign_in_all(subject)
        stand.await_read_model(subject.books_url)
        warm_up(stand, subject)
        reads = READ_SHARE * measure_reads(stand, subject)
        rounds = int(subject.environment["BCRYPT_ROUNDS"])
        wanted = TIMES * measure_logins(rounds)
        alone = run_phase(stand, subject, stand.form.choose(15, 3), reads=reads)
        best = run_phase(stand, subject, stand.form.choose(20, 5), reads=reads, login_clients=BEST_CLIENTS)
        crowded = run_phase(stand, subject, stand.form.choose(30, 6), reads=reads, logins=wanted)
        found.append(judge(stand, alone, best, crowded))
    return found


def measure_reads(stand: Stand, subject: Subject) -> float:
    """Return how many reads per second the build answers when it is kept busy."""
    phase = run_phase(stand, subject, stand.form.choose(4, 1.5), clients=24, write_share=0)
    return len(phase.records) / phase.seconds


def run_phase(stand: Stand, subject: Subject, seconds: float, **rates: float) -> Phase:
    """Send one load for some seconds, of which the first is not counted."""
    with run_load(make_plan(stand, subject, pages=True, **rates)) as load:
        start = time.monotonic() + FIRST_S
        time.sleep(FIRST_S + seconds)
        end = time.monotonic()
        records = load.end()
    return Phase(between(records, start, end), end - start)


def judge(stand: Stand, alone: Phase, best: Phase, crowded: Phase) -> list[Finding]:
    """Compare the three loads."""
    form = stand.form
    kept = 1 - (1 - KEPT) * form.bound(1)
    ratio = crowded.logins / max(best.logins, 0.01)
    words = f"{ratio:.2f} ({crowded.logins:.2f} of {best.logins:.2f} /s)"
    failed = [f"{each.kind} {each.status} {each.note}" for each in of_kinds(crowded.records, *READS) if not each.good]
    return [
        Finding("good log-ins under ten times as many", f"≥ {kept:.2f} of the best rate", words, ratio >= kept),
        check_refusals(of_kinds(crowded.records, *LOGINS), crowded.seconds, form),
        compare(form.bound(SLOWER), "GET /me", alone, crowded, "me"),
        compare(form.bound(SLOWER), "the catalogue", alone, crowded, "book", "list"),
        find_none("reads that failed", failed, len(of_kinds(crowded.records, *READS))),
        check_longest(crowded.records, form),
        check_failures(crowded.records),
        check_health(crowded.records),
        check_generator(crowded.records, form),
    ]  # fmt: skip


def compare(bound: float, what: str, alone: Phase, crowded: Phase, *kinds: str) -> Finding:
    """Compare the p95 of some reads with that of the same reads alone."""
    before, after = alone.find_p95(*kinds), crowded.find_p95(*kinds)
    found = find_bound(f"p95 of {what}, to that without log-ins", after / max(before, FLOOR_S), bound, "times", 1)
    return found._replace(measured=f"{found.measured} ({after * 1000:.0f} to {before * 1000:.0f} ms)")


def stall(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Freeze both stores while every client sends what is refused again at once, three times."""

    def make_fault() -> Fault:
        start = time.monotonic()
        with stand.mariadb.frozen(), stand.redis.frozen():
            time.sleep(stand.form.choose(20, 5))
        return Fault(start, time.monotonic(), "database down redis down")

    _, trials = run_trial(stand, subjects, make_fault, recovery_s=10, retries=3, share=SHARE_WITHOUT_MODEL)
    return [trial.findings for trial in trials]


EXPERIMENTS = [
    Experiment(
        "F13-a", "ten times the log-ins that bcrypt can do", overload_logins, (controls.HASHING_BULKHEAD,),
        settings=(("BCRYPT_ROUNDS", "12"),), together=False,
    ),
    Experiment("F14", "both stores stall, and clients retry three times at once", stall, (controls.CLOSING_BREAKERS,)),
]  # fmt: skip
