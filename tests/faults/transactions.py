"""F4: transactions that are killed half-way, that wait for a lock, and that meet in a deadlock."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.faults import controls
from tests.faults.attempts import AT_ONCE, Attempts
from tests.faults.burst import Reply
from tests.faults.findings import Experiment, Finding, find_bound, find_none
from tests.faults.mariadb_down import check_read_model
from tests.faults.records import LOGINS, READS, WRITES, Record, between, of_kinds
from tests.faults.rules import Fault
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import run_trial


def disturb(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Kill, lock and deadlock transactions of each build in turn."""
    attempts: list[Attempts] = []

    def make_fault() -> Fault:
        attempts.extend(Attempts(stand, subject) for subject in subjects)
        start = time.monotonic()
        with ThreadPoolExecutor(1) as threads:
            for each in attempts:
                each.kill_half_way(threads, int(stand.form.choose(5, 1)))
                each.lock_a_row(threads, stand.form.choose(30, 3))
                each.meet_in_deadlocks(threads, int(stand.form.choose(AT_ONCE, 2)))
        return Fault(start, time.monotonic())

    _, trials = run_trial(stand, subjects, make_fault, recovery_s=5)
    found = [
        [*check_attempts(stand, each, trial.records), *trial.findings]
        for each, trial in zip(attempts, trials, strict=True)
    ]
    found[0].append(check_read_model(stand))
    return found


def check_attempts(stand: Stand, each: Attempts, records: Sequence[Record]) -> list[Finding]:
    """Killed, waiting and deadlocked transactions were answered as promised, and none was done by half."""
    killed = [reply.record.status for reply in each.killed]
    waited = [reply.record.status for reply in each.waited]
    met = [reply.record.status for reply in each.deadlocked]
    beside = between(of_kinds(records, *WRITES), *each.locked)
    failed = [record.note or record.fault for record in beside if not record.good]
    bound = stand.form.bound(2)
    return [
        find_none("transactions killed half-way that were not 503", drop(killed, 503), len(killed)),
        check_refused(each, records),
        find_none("answers other than 503 to writers of a locked row", drop(waited, 503), len(waited)),
        find_bound("503 to writers of a locked row within", find_longest(each.waited), bound),
        find_none("writes of other books that fail beside it", failed, len(beside)),
        find_none("answers to a deadlock other than 200", drop(met, 200), each.deadlocks),
        find_bound("answers to a deadlock within", find_longest(each.deadlocked), bound),
        find_none("books of which half a change was made", each.list_torn(), AT_ONCE),
    ]


def drop(statuses: Sequence[int], *expected: int) -> list[int]:
    """Return the statuses that were not expected."""
    return [each for each in statuses if each not in expected]


def check_refused(each: Attempts, records: Sequence[Record]) -> Finding:
    """There is at most one 503 for each connection that was killed."""
    asked = between(of_kinds(records, *READS, *WRITES, *LOGINS), *each.killing)
    refused = [one for one in [*asked, *(reply.record for reply in each.killed)] if one.status == 503]
    found = find_bound("503 around the kills, to connections killed", len(refused), each.connections, "", 0)
    return found._replace(holds=found.holds and bool(refused))


def find_longest(replies: Sequence[Reply]) -> float:
    """Return the longest time that an answer took."""
    return max((reply.record.seconds for reply in replies), default=0.0)


EXPERIMENTS = [
    Experiment(
        "F4",
        "transactions killed half-way, held up by a lock, deadlocked",
        disturb,
        (controls.TRANSACTION,),
        together=False,
    ),
]
