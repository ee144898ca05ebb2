"""F8: all slots of the pools are held, and four times as many requests want one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from faults import controls
from faults.burst import Reply, Request, send_beside
from faults.findings import Experiment, Finding, find_bound
from faults.records import Record
from faults.rows import add_book, locked_rows
from faults.rules import Fault, check_refusals, find_percentile
from faults.stand import Stand
from faults.subject import Subject
from faults.trial import run_trial

TIMES = 4  # as many requests as there are connections
WAIT_S = 0.25  # DB_POOL_WAIT_MS


def hold_all_slots(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Keep all connections waiting for a locked row, with four times as many requests as there are connections."""
    replies: list[list[Reply]] = [[] for _ in subjects]

    def make_fault() -> Fault:
        rows = [add_book(stand, subject) for subject in subjects]
        start = time.monotonic()
        with locked_rows(stand, rows), ThreadPoolExecutor(len(subjects)) as threads:
            until = start + stand.form.choose(10, 3)
            while time.monotonic() < until:
                sent = [
                    send_beside(threads, list_changes(stand, subject, isbn))
                    for subject, isbn in zip(subjects, rows, strict=True)
                ]
                for place, each in enumerate(sent):
                    replies[place] += each.result()
        return Fault(start, time.monotonic())

    fault, trials = run_trial(stand, subjects, make_fault, recovery_s=1)
    return [
        [
            check_waits(stand, [each.record for each in made]),
            check_refusals([each.record for each in made], fault.seconds, stand.form),
            *trial.findings,
        ]
        for made, trial in zip(replies, trials, strict=True)
    ]


def list_changes(stand: Stand, subject: Subject, isbn: str) -> list[Request]:
    """Return four times as many changes of a book as its service has connections."""
    path, token = f"/api/books/{isbn}", stand.accounts[0].token
    change = Request("change", subject.books_url, "PATCH", path, token, {"stock": 8})
    return [change] * (TIMES * subject.slots * subject.workers["books"])


def check_waits(stand: Stand, records: Sequence[Record]) -> Finding:
    """What gets no connection is told so after DB_POOL_WAIT_MS at most."""
    refused = [each for each in records if each.status == 503 and "connections are in use" in each.note]
    share = stand.form.choose(0.99, 0.5)  # a machine that is busy otherwise can tell no more in the short form
    worst = find_percentile(refused, share)
    found = find_bound("refusals for want of a connection within", worst, stand.form.bound(WAIT_S))
    words = f"{found.measured} ({share * 100:.0f} % of {len(refused)} in {len(records)})"
    return found._replace(measured=words, holds=found.holds and bool(refused))


EXPERIMENTS = [
    Experiment(
        "F8", "all slots of the pools held, four times as many requests", hold_all_slots, (controls.SHORT_POOL_WAIT,)
    ),
]
