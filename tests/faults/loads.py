"""Runs load generators and reads what they have written down so far."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt

from tests.faults.plan import Plan
from tests.faults.records import READS, WRITES, Record, of_kinds, read_records
from tests.faults.stand import Stand
from tests.faults.subject import Resources, Subject
from tests.support.shelf import make_isbn
from tests.support.stacks import PROJECT

SHELF = 80  # ISBNs that a generator writes to, at least
SHELF_S = 8  # or as many as it writes to in these seconds, lest it run out of them while writes take long
END_S = 20  # for the answers that are still due
SHARE = 0.4  # of what the services can do
SHARE_WITHOUT_MODEL = 0.2  # of the same, where Redis fails: a read from MariaDB costs several times as much
LOGIN_SHARE = 0.2
BURST = 300  # of each kind: opens all connections of the pools
MOST_BURSTS = 5
STEADY = 1.02  # times what it held after the burst before


class Load:
    """A load generator at work on one build."""

    def __init__(self, plan: Plan) -> None:
        """Start it."""
        self.plan = plan
        self._records: list[Record] = []
        self._place = 0  # in the file, up to which they were read
        command = [sys.executable, "-m", "tests.faults.load"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)
        assert self.process.stdin is not None
        self.process.stdin.write(plan.to_json().encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> list[Record]:
        """Return the records of the requests that are over, in the order of their ends."""
        assert self.process.poll() in (None, 0), "the load generator broke down; it said why above"
        more, self._place = read_records(Path(self.plan.out), self._place)
        self._records += more
        return self._records

    def end(self) -> list[Record]:
        """End it, wait for the answers that are due, and return all records."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(END_S)
        finally:
            self.process.kill()
            self.process.wait(10)
        return self.read()


def make_plan(stand: Stand, subject: Subject, **values: Any) -> Plan:
    """Return a plan for that build, with ISBNs of its own."""
    mark = secrets.token_hex(4)
    shelf = [make_isbn() for _ in range(max(SHELF, int(SHELF_S * values.get("writes", 0))))]
    out = str(stand.folder / f"{mark}.records")
    plan = Plan(subject.auth_url, subject.books_url, out, stand.accounts, stand.catalogue, shelf, mark)
    return replace(plan, **values)


@contextmanager
def run_load(plan: Plan) -> Iterator[Load]:
    """Run a load during the block."""
    load = Load(plan)
    try:
        yield load
    finally:
        load.process.kill()
        load.process.wait(10)


def warm_up(stand: Stand, subject: Subject, burst: int = 0) -> Resources:
    """Let a build open all that it may ever hold, and return that, to compare with what it holds later.

    In the short form a third of the requests do, unless `burst` says how many: pools may grow later, up to their size.
    """
    held, burst = subject.warm, burst or int(stand.form.choose(BURST, BURST // 3))
    for _ in range(MOST_BURSTS):
        send_burst(make_plan(stand, subject, burst=burst, registers=burst))
        before, held = held, subject.measure(stand.store_ports)
        if before is not None and all(new <= STEADY * old for old, new in zip(before, held, strict=True)):
            break
    subject.warm = held
    assert held is not None
    return held


def send_burst(plan: Plan) -> list[Record]:
    """Send so many requests of each kind at once, and return the records of all."""
    with run_load(plan) as load:
        load.process.wait(60)
        return load.read()


def measure_capacity(stand: Stand, subject: Subject, seconds: float) -> float:
    """Return how many reads and writes, 3 : 1, the build answers per second when it is kept busy."""
    with run_load(make_plan(stand, subject, clients=24, pages=False)) as load:
        time.sleep(seconds + 1)
        records = of_kinds(load.end(), *READS, *WRITES)
    start = min(each.sent for each in records)
    return sum(start + 0.7 <= each.answered < start + 0.7 + seconds for each in records) / seconds


def measure_logins(rounds: int) -> float:
    """Return how many log-ins per second bcrypt can do on all cores of this machine."""
    salt, started = bcrypt.gensalt(rounds), time.monotonic()
    for _ in range(3):
        bcrypt.hashpw(b"a password", salt)
    return 3 / (time.monotonic() - started) * (os.cpu_count() or 1)


def choose_rates(stand: Stand, subject: Subject, share: float) -> dict[str, float]:
    """Return the rates of the load: this share of what was measured; a small fixed load in the short form."""
    if not stand.form.long:
        return {"reads": 45, "writes": 15, "logins": 2}
    capacity = measure_capacity(stand, subject, 4)
    logins = measure_logins(int(subject.environment.get("BCRYPT_ROUNDS", "12")))
    return {"reads": share * 0.75 * capacity, "writes": share * 0.25 * capacity, "logins": LOGIN_SHARE * logins}
