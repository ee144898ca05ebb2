"""F8: all slots of the pools are held, and four times as many requests want one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.faults import controls
from tests.faults.burst import Reply, Request, send_all, send_beside
from tests.faults.findings import Experiment, Finding, find_bound
from tests.faults.records import Record
from tests.faults.rows import add_book, locked_rows
from tests.faults.rules import Fault, check_refusals, find_percentile
from tests.faults.stand import Stand
from tests.faults.subject import Subject
from tests.faults.trial import run_trial

TIMES = 4  # as many requests as there are connections
FREE_ROUNDS = 5  # of as many requests on rows that nobody holds, to know what the refusals among them take
WAIT_S = 0.25  # DB_POOL_WAIT_MS


def hold_all_slots(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Keep all connections waiting for a locked row, with four times as many requests as there are connections."""
    replies: list[list[Reply]] = [[] for _ in subjects]
    wrong: list[list[Reply]] = []

    def make_fault() -> Fault:
        rows = [add_book(stand, subject) for subject in subjects]
        start = time.monotonic()  # what comes next belongs to no level
        wrong.extend(refuse_without_wait(stand, subject) for subject in subjects)
        with locked_rows(stand, rows), ThreadPoolExecutor(len(subjects)) as threads:
            until = time.monotonic() + stand.form.choose(10, 3)
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
            check_waits(stand, [each.record for each in made], [each.record for each in other]),
            check_refusals([each.record for each in made], fault.seconds, stand.form),
            *trial.findings,
        ]
        for made, other, trial in zip(replies, wrong, trials, strict=True)
    ]


def list_changes(stand: Stand, subject: Subject, isbn: str) -> list[Request]:
    """Return four times as many changes of a book as its service has connections."""
    return [change_stock(stand, subject, isbn, 8)] * (TIMES * subject.slots * subject.workers["books"])


def change_stock(stand: Stand, subject: Subject, isbn: str, stock: int) -> Request:
    """Return a change of a book."""
    path, token = f"/api/books/{isbn}", stand.accounts[0].token
    return Request("change", subject.books_url, "PATCH", path, token, {"stock": stock})


def refuse_without_wait(stand: Stand, subject: Subject) -> list[Reply]:
    """Return the replies to those of as many requests that are refused for a wrong field, where the others find each a
    connection and a row of its own.
    """
    rows = [add_book(stand, subject) for _ in range(subject.slots * subject.workers["books"])]
    wrong = [change_stock(stand, subject, isbn, -1) for isbn in rows for _ in range(TIMES - 1)]
    replies: list[Reply] = []
    for number in range(FREE_ROUNDS):
        good = [change_stock(stand, subject, isbn, number) for isbn in rows]
        replies += send_all([*good, *wrong])[len(good) :]
    return replies


def check_waits(stand: Stand, records: Sequence[Record], wrong: Sequence[Record]) -> Finding:
    """What gets no connection waited for DB_POOL_WAIT_MS at most: it takes no longer than that beyond what a refusal
    takes among as many requests without a wait.
    """
    refused = [each for each in records if each.status == 503 and "connections are in use" in each.note]
    share = stand.form.choose(0.99, 0.5)  # a machine that is busy otherwise can tell no more in the short form
    worst, at_once = find_percentile(refused, share), find_percentile(wrong, share)
    found = find_bound("wait of those who get no connection", worst - at_once, stand.form.bound(WAIT_S))
    words = (
        f"{found.measured} ({share * 100:.0f} % of {len(refused)} in {len(records)} are refused within {worst:.2f} s,"
        f" those for a wrong field among as many without a wait within {at_once:.2f} s)"
    )
    holds = found.holds and bool(refused) and all(each.status == 422 for each in wrong)
    return found._replace(measured=words, holds=holds)


EXPERIMENTS = [
    Experiment(
        "F8", "all slots of the pools held, four times as many requests", hold_all_slots, (controls.SHORT_POOL_WAIT,)
    ),
]
