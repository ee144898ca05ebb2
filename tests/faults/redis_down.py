"""F9: Redis killed, frozen, emptied, and full."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import redis
import requests

from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_bound, find_none
from tests.faults.loads import SHARE_WITHOUT_MODEL
from tests.faults.mariadb_down import check_read_model
from tests.faults.records import GROUPS, LOGINS, READS, WRITES, between, of_kinds
from tests.faults.rules import NEVER, Fault
from tests.faults.stand import Stand
from tests.faults.stores import await_redis
from tests.faults.subject import Subject
from tests.faults.trial import Trial, run_trial
from tests.support.clients import Account, Client, register, sign_in
from tests.support.outages import full_redis

DOWN = "database ok redis down"
ADDED_S = 0.3
NOTICED_S = 0.2  # requests sent before that may have been answered by the Redis that was there
STANDS_AGAIN_S = 5
BEGUN, BUILT = "read model: building generation", "read model: built from"
TRIES_EACH_S = 1.5  # rebuilds that a worker may begin in a second while Redis refuses them


class Revoked:
    """A session that was ended before the fault: it must never be good again."""

    def __init__(self, subject: Subject) -> None:
        """Open it and end it."""
        self.subject = subject
        account: Account = register(subject.auth_url)
        self.pair = sign_in(subject.auth_url, account)
        with Client(subject.auth_url, self.pair["access_token"]) as auth:
            assert auth.post("/logout").status_code == 204
        self.accepted: list[str] = []

    def look(self) -> None:
        """Try all its tokens on both services."""
        for url, method, path, token in (
            (self.subject.auth_url, "GET", "/me", "access_token"),
            (self.subject.auth_url, "POST", "/refresh", "refresh_token"),
            (self.subject.books_url, "GET", "/api/books?limit=1", "access_token"),
        ):
            bearer = {"Authorization": f"Bearer {self.pair[token]}"}
            status = requests.request(method, url + path, headers=bearer, timeout=10).status_code
            if status not in (401, 503):
                self.accepted.append(f"{method} {path} {status}")


def run_redis_fault(
    fault: Callable[[Stand], Fault], rebuilds: int, closed: Sequence[str], stand: Stand, subjects: Sequence[Subject]
) -> list[list[Finding]]:
    """Make one of the faults; `rebuilds` are due afterwards, and nothing of the kinds `closed` may succeed in it."""
    revoked = [Revoked(subject) for subject in subjects]
    for subject in subjects:
        stand.sign_in_all(subject)
        stand.await_read_model(subject.books_url)  # what is built when a build starts is not of this fault
    before = count_rebuilds(subjects)

    def make_fault() -> Fault:
        made = fault(stand)
        for each in revoked:
            each.look()
        return made

    made, trials = run_trial(stand, subjects, make_fault, recovery_s=5, allowed=(401,), share=SHARE_WITHOUT_MODEL)
    for each in revoked:
        each.look()
    begun, built = (after - old for after, old in zip(count_rebuilds(subjects), before, strict=True))
    most = rebuilds + TRIES_EACH_S * made.seconds * sum(subject.workers.get("books", 0) for subject in subjects)
    return [
        [
            *check_closed(trial, made, closed, stand),
            find_none("revoked tokens that were accepted", old.accepted, 6),
            Finding("rebuilds of the read model", str(rebuilds), str(built), built == rebuilds),
            find_bound("rebuilds begun", begun, most if fault is fill_redis else rebuilds, "", 0),
            *check_stands(trial, made, stand),
            *trial.findings,
            *([check_read_model(stand)] if trial is trials[0] else []),
        ]
        for trial, old in zip(trials, revoked, strict=True)
    ]


def count_rebuilds(subjects: Sequence[Subject]) -> tuple[int, int]:
    """Count the rebuilds that were begun and those that were finished so far, as the logs tell."""
    logs = [subject.log.read_text(encoding="utf-8", errors="replace") for subject in subjects]
    return sum(log.count(BEGUN) for log in logs), sum(log.count(BUILT) for log in logs)


def check_closed(trial: Trial, fault: Fault, kinds: Sequence[str], stand: Stand) -> Iterator[Finding]:
    """Nothing that needs Redis succeeds without it, and nobody waits long to hear so."""
    if not kinds:
        return
    end = fault.mending or fault.heal
    during = between(of_kinds(trial.records, *kinds), fault.start + NOTICED_S, end)
    during = [each for each in during if each.answered < end]
    passed = [f"{each.kind} {each.status}" for each in during if each.good or each.status == 401]
    yield find_none("requests accepted or called unauthorized without Redis", passed, len(during))
    added = max(
        (
            each.seconds - trial.levels[name]
            for name, of_group in GROUPS.items()
            for each in of_kinds(during, *of_group)
            if each.status == 503
        ),
        default=NEVER,
    )
    yield find_bound("time added to a refusal, over the p99 before", max(0.0, added), stand.form.bound(ADDED_S))


def check_stands(trial: Trial, fault: Fault, stand: Stand) -> Iterator[Finding]:
    """Queries are answered from the read model again soon."""
    missed = [
        each.answered - fault.heal for each in trial.records if each.note == "mariadb" and each.sent > fault.start
    ]
    last = max([0.0, *missed])
    yield find_bound("last query answered from MariaDB, after the heal", last, stand.form.bound(STANDS_AGAIN_S))


def kill_redis(stand: Stand) -> Fault:
    """Kill Redis, which keeps nothing, and start it again."""
    start = time.monotonic()
    stand.redis.kill()
    try:
        time.sleep(stand.form.choose(10, 4))
    finally:
        mending = time.monotonic()
        stand.redis.start()
    return Fault(start, await_redis(stand.stack), DOWN, mending)


def freeze_redis(stand: Stand) -> Fault:
    """Stop the process of Redis for a while."""
    start = time.monotonic()
    with stand.redis.frozen():
        time.sleep(stand.form.choose(20, 5))
        mending = time.monotonic()
    return Fault(start, time.monotonic(), DOWN, mending)


def empty_redis(stand: Stand) -> Fault:
    """Remove all that Redis holds."""
    with redis.Redis.from_url(stand.stack["REDIS_URL"]) as client:
        start = time.monotonic()
        client.flushall()
    return Fault(start, time.monotonic())


def fill_redis(stand: Stand) -> Fault:
    """Let Redis refuse whatever needs memory."""
    start = time.monotonic()
    with redis.Redis.from_url(stand.stack["REDIS_URL"]) as client, full_redis(client):
        time.sleep(stand.form.choose(20, 4))
    return Fault(start, time.monotonic())


ALL = (*READS, *WRITES, *LOGINS)
EXPERIMENTS = [
    Experiment(
        "F9-killed", "Redis killed and started again, empty", partial(run_redis_fault, kill_redis, 1, ALL),
        (controls.FAILING_CLOSED,),
    ),
    Experiment(
        "F9-frozen", "Redis frozen", partial(run_redis_fault, freeze_redis, 0, ALL), (controls.SHORT_REDIS_TIMEOUT,)
    ),
    Experiment(
        "F9-emptied", "Redis emptied", partial(run_redis_fault, empty_redis, 1, ()), (controls.REBUILD_LOCK,),
    ),
    Experiment(
        "F9-full", "Redis full, noeviction", partial(run_redis_fault, fill_redis, 1, LOGINS), (controls.KEPT_SESSIONS,)
    ),
]  # fmt: skip
