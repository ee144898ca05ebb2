"""The standing rules of every experiment under load, as functions of what the load generator wrote down."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.findings import Finding, find_bound, find_none
from tests.faults.form import Form
from tests.faults.ledger import Account
from tests.faults.records import GROUPS, LOGINS, READS, WRITES, Record, between, of_kinds
from tests.faults.subject import Resources

LONGEST_S = 5.5
REFUSED_S = 2
TELLS_WITHIN_S = 3
ALL_WELL = "database ok redis ok"
SETTLE_STEP_S = 0.1
KEPT = 1.05  # resources afterwards, as a share of before
NEVER = 99.0


class Fault(NamedTuple):
    """When a fault began and when it was healed; what /ready must say of the stores meanwhile."""

    start: float
    heal: float
    ready: str = ""  # for example "database down redis ok"; empty: nothing is promised
    mending: float = 0  # from when on it may be healed at any moment, if that is before `heal` was seen

    @property
    def seconds(self) -> float:
        """Give its length."""
        return self.heal - self.start


def find_percentile(records: Sequence[Record], share: float) -> float:
    """Return the time that this share of the requests did not exceed (nearest rank); 0 without any."""
    times = sorted(each.seconds for each in records)
    return times[max(0, math.ceil(share * len(times)) - 1)] if times else 0.0


def find_levels(records: Sequence[Record], start: float, end: float, form: Form) -> dict[str, float]:
    """Return the p99 of each kind of request in a span without a fault."""
    span = between(records, start, end)
    return {name: max(form.noise_s, find_percentile(of_kinds(span, *kinds), 0.99)) for name, kinds in GROUPS.items()}


def find_recovery(
    records: Sequence[Record], heal: float, levels: dict[str, float], good_s: float, until: float
) -> float:
    """Return how many seconds after the heal the first good seconds in a row begin, NEVER if there are none.

    Good: of each kind of request 99 % succeed and the p99 is at most twice its level.
    """
    later = sorted((each for each in records if each.sent >= heal), key=lambda each: each.sent)
    times = [each.sent for each in later]
    for step in range(int((until - heal - good_s) / SETTLE_STEP_S) + 1):
        start = heal + step * SETTLE_STEP_S
        if is_good(later[bisect_left(times, start) : bisect_left(times, start + good_s)], levels):
            return start - heal
    return NEVER


def is_good(span: Sequence[Record], levels: dict[str, float]) -> bool:
    """Tell whether a span is as good as before the fault."""
    for name, kinds in GROUPS.items():
        group = of_kinds(span, *kinds)
        if group and sum(each.good for each in group) < 0.99 * len(group):
            return False
        if find_percentile(group, 0.99) > 2 * levels[name]:
            return False
    return bool(of_kinds(span, *READS))


def check_longest(records: Sequence[Record], form: Form) -> Finding:
    """No request takes too long."""
    longest = max(records, key=lambda each: each.seconds)
    found = find_bound("longest request", longest.seconds, form.bound(LONGEST_S))
    return found._replace(measured=f"{found.measured} ({longest.kind} {longest.status or longest.fault})")


def check_failures(records: Sequence[Record], *, allowed: Sequence[int] = ()) -> Finding:
    """Failures are only 503 or 429 with an integer Retry-After; `allowed` are other statuses that are right here."""
    asked = of_kinds(records, *READS, *WRITES, *LOGINS)
    wrong = [
        f"{each.kind} {each.status} {each.fault or each.note}"
        for each in asked
        if not each.good
        and each.status not in allowed
        and not (each.status in (503, 429) and each.retry_after.isdigit())
    ]
    counts = Counter(each.status for each in asked)
    found = find_none("failures other than 503 or 429 with Retry-After", wrong, len(asked))
    return found._replace(measured=f"{found.measured}; statuses {dict(sorted(counts.items()))}")


def check_refusals(records: Sequence[Record], seconds: float, form: Form) -> Finding:
    """Every 503 comes soon."""
    refused = [each for each in records if each.status == 503 and "/" not in each.kind]
    worst = max((each.seconds for each in refused), default=0.0)
    found = find_bound("every 503 within", worst, form.bound(REFUSED_S))
    return found._replace(
        measured=f"{found.measured}, {len(refused)} of them in {seconds:.0f} s",
        holds=found.holds and bool(refused),
    )


def check_reads(records: Sequence[Record], fault: Fault, levels: dict[str, float], form: Form) -> list[Finding]:
    """Reads of the catalogue go on during the fault, and at most at twice their level."""
    during = between(of_kinds(records, "book", "list"), fault.start, fault.heal)
    failed = [f"{each.kind} {each.status} {each.fault or each.note}" for each in during if each.status != 200]
    worst = find_percentile(during, 0.99) / levels["reads"]
    level = find_bound("p99 of reads in the fault, to the level before", worst, form.bound(2), "times", 1)
    words = f"{level.measured} ({find_percentile(during, 0.99) * 1000:.0f} to {levels['reads'] * 1000:.0f} ms)"
    return [find_none("catalogue reads that are not 200 in the fault", failed, len(during)),
            level._replace(measured=words)]  # fmt: skip


def check_recovery(found: float, bound_s: float, looked_s: float) -> Finding:
    """The service is as good as before soon after the heal, by itself."""
    finding = find_bound("recovery", found, bound_s, digits=1)
    return finding if found < NEVER else finding._replace(measured=f"none seen in {looked_s:.0f} s")


def check_health(records: Sequence[Record]) -> Finding:
    """/health is 200 throughout."""
    asked = [each for each in records if each.kind.endswith("/health")]
    ill = [f"{each.kind} {each.status} {each.fault}" for each in asked if each.status != 200]
    return find_none("/health other than 200", ill, len(asked))


def check_ready(records: Sequence[Record], fault: Fault, end: float) -> list[Finding]:
    """/ready tells the truth within three seconds of each change, where there was the time to look."""
    ready = [each for each in records if each.kind.endswith("/ready")]
    truths = [(fault.ready, fault.start, fault.mending or fault.heal)] if fault.ready else []
    wrong, looked = [], 0
    for expected, start, stop in [*truths, (ALL_WELL, fault.heal, end)]:
        told = [each for each in between(ready, start + TELLS_WITHIN_S, stop) if each.answered < stop]
        looked += len(told)
        wrong += [
            f"{each.kind} said {each.note or each.fault}, not {expected}" for each in told if each.note != expected
        ]
    return [find_none("/ready other than the truth after 3 s", wrong, looked)] if looked else []


def check_ledger(account: Account) -> Finding:
    """No acknowledged write is lost or doubled, and there is no half of one."""
    found = find_none("writes lost, doubled or halved", account.faults, account.acknowledged)
    return found._replace(measured=f"{found.measured} acknowledged, {account.unknown} unknown")


def check_resources(before: Resources, after: Resources, most_pooled: int) -> Finding:
    """Connections, threads, descriptors and memory are as before; the pools may have filled up meanwhile."""
    words = [f"{name} {old} to {new}" for name, old, new in zip(before._fields[:3], before, after, strict=False)]
    words.append(f"memory {before.memory >> 20} to {after.memory >> 20} MiB")
    words.append(f"in the pools {before.pooled} to {after.pooled} (room for {most_pooled})")
    holds = all(new <= KEPT * old for old, new in zip(before[:-1], after[:-1], strict=True))
    filled = after.pooled <= max(KEPT * before.pooled, most_pooled)
    what = "Redis connections, threads, descriptors, memory, pools afterwards"
    return Finding(what, "≤ 105 %", ", ".join(words), holds and filled)


def check_generator(records: Sequence[Record], form: Form) -> Finding:
    """The load was sent when it was planned: else nothing here can be judged."""
    sent = of_kinds(records, *READS, *WRITES)
    late = sorted(each.late for each in sent)
    worst = late[max(0, math.ceil(0.99 * len(late)) - 1)] if late else NEVER
    unsent = len(of_kinds(records, "unsent"))
    found = find_bound("lateness of the load generator (p99)", worst, form.choose(0.1, 0.5))
    return found._replace(measured=f"{found.measured}, {unsent} unsent", holds=found.holds and not unsent)
