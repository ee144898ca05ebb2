"""F3 and F5: the connections of the pools are all dead, or cannot be had."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from mysql.connector import MySQLConnection

from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_bound, find_none
from tests.faults.loads import BURST, make_plan, send_burst, warm_up
from tests.faults.records import Record, between
from tests.faults.rules import Fault, check_failures, check_longest, check_refusals
from tests.faults.stand import Stand
from tests.faults.stores import administer, kill_connections, list_connections
from tests.faults.subject import Subject
from tests.faults.trial import run_trial
from tests.support.stacks import connect_to_mariadb

REGISTERS = 4  # at once: fewer than may wait to hash
AT_ONCE = 10  # requests of each kind: no more than a worker has connections
MOST = 10  # connections: the least that MariaDB takes for max_connections
TRIES_EACH_S = 5  # new connections that a worker may try in a second while they fail: a probe each 250 ms, and a rest


def let_connections_die(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Let MariaDB close the connections that idle for two seconds, and use them all at once afterwards."""
    before = administer(stand.mariadb, "SELECT @@GLOBAL.wait_timeout")[0][0]
    administer(stand.mariadb, "SET GLOBAL wait_timeout = 2")
    kill_connections(stand.mariadb, list_connections(stand.mariadb))  # the next ones take the new limit
    try:
        found: list[list[Record]] = [[] for _ in subjects]
        died = []
        for subject in subjects:
            stand.sign_in_all(subject)
        for _ in range(int(stand.form.choose(3, 1))):
            for subject in subjects:
                warm_up(stand, subject, BURST)
            filled = len(list_connections(stand.mariadb))
            time.sleep(stand.form.choose(10, 4))
            died.append(filled - len(list_connections(stand.mariadb)))
            for place, subject in enumerate(subjects):
                found[place] += burst_on(stand, subject)
    finally:
        administer(stand.mariadb, f"SET GLOBAL wait_timeout = {before}")
        kill_connections(stand.mariadb, list_connections(stand.mariadb))
    return [
        [check_died(min(died)), check_unnoticed(records), check_longest(records, stand.form), check_failures(records)]
        for records in found
    ]


def burst_on(stand: Stand, subject: Subject) -> list[Record]:
    """Send some requests of each kind at once."""
    plan = make_plan(stand, subject, burst=AT_ONCE, registers=REGISTERS)
    return send_burst(replace(plan, shelf=plan.shelf[:AT_ONCE]))


def check_died(died: int) -> Finding:
    """The pools were full of connections that MariaDB had closed."""
    return Finding("connections that had died in the pools", f"≥ {AT_ONCE}", str(died), died >= AT_ONCE)


def check_unnoticed(records: Sequence[Record]) -> Finding:
    """No client sees that a connection was dead."""
    failed = [f"{each.kind} {each.status} {each.note or each.fault}" for each in records if not each.good]
    return find_none("errors that a client sees", failed, len(records))


def lower_max_connections(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Leave one connection to all workers together."""
    tries = 0

    def make_fault() -> Fault:
        nonlocal tries
        theirs, start = list_connections(stand.mariadb), time.monotonic()
        with held_connections(stand, theirs) as connection:
            before = count_tried(connection)
            time.sleep(stand.form.choose(20, 5))
            tries = count_tried(connection) - before
        return Fault(start, time.monotonic())

    fault, trials = run_trial(
        stand, subjects, make_fault, recovery_s=5, rates={} if stand.form.long else {"writes": 40}
    )
    return [
        [
            check_refusals(trial.records, fault.seconds, stand.form),
            check_tries(stand, trial.subject, trial.records, fault, tries),
            *trial.findings,
        ]
        for trial in trials
    ]


@contextmanager
def held_connections(stand: Stand, theirs: Sequence[int]) -> Iterator[MySQLConnection]:
    """Take all connections but one during the block and lend one of them; end those that the services have."""
    usual = administer(stand.mariadb, "SELECT @@GLOBAL.max_connections")[0][0]
    with ExitStack() as held:
        own = [held.enter_context(closing(connect_to_mariadb(stand.stack))) for _ in range(MOST - 1)]
        try:
            kill_connections(stand.mariadb, theirs, f"SET GLOBAL max_connections = {MOST};")
            yield own[0]
        finally:
            set_max_connections(stand, usual)


def set_max_connections(stand: Stand, value: str) -> None:
    """Set the limit; the place that is kept for the administrator is taken for a moment by each that is refused."""
    for _ in range(50):
        administer(stand.mariadb, f"SET GLOBAL max_connections = {value}", forced=True)
        if administer(stand.mariadb, "SELECT @@GLOBAL.max_connections", forced=True) == [[value]]:
            return
        time.sleep(0.1)
    raise AssertionError("max_connections could not be set back")


def count_tried(connection: MySQLConnection) -> int:
    """Return how many connections were tried so far, with those that MariaDB has refused."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
        ((_, count),) = cursor.fetchall()
    return int(str(count))


def check_tries(stand: Stand, subject: Subject, records: Sequence[Record], fault: Fault, tries: int) -> Finding:
    """The services do not storm MariaDB with new connections; what /ready tries is not counted."""
    asked = sum(each.kind.endswith("/ready") for each in between(records, fault.start, fault.heal))
    workers = sum(subject.workers.values())
    rate = max(0, tries - asked) / fault.seconds / workers
    found = find_bound("new connections tried per second and worker", rate, stand.form.bound(TRIES_EACH_S), "/s", 1)
    return found._replace(measured=f"{found.measured}, {tries} with those of {asked} /ready")


EXPERIMENTS = [
    Experiment("F3", "every pooled connection has died while idle", let_connections_die, (controls.PING,)),
    Experiment(
        "F5", "max_connections below the sum of the pools", lower_max_connections, (controls.DATABASE_BREAKER,),
        together=False,
    ),
]  # fmt: skip
