"""Says whether worker processes of the services came or went in mid-run: one that does was killed, or ended itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import CONTRACT, INCONCLUSIVE, Check, Figure, hold
from analysis.plan.plan import Plan
from analysis.records.formats import SERVICES, ServerSample

Span = tuple[float, float]
NAMED = 6  # changes that a reason names


@dataclass(frozen=True)
class Change:
    """A worker process that `came` or `went` so many seconds after the load began."""

    service: str
    pid: str
    what: str
    second: float


def judge_workers(plan: Plan, samples: Sequence[ServerSample], span: Span) -> list[Check]:
    """FAIL for each service whose worker processes at the end are not those of the beginning, by name and time.

    INCONCLUSIVE for a service that does not tell which it has.
    """
    source, checks = f"{plan.name}_server.jsonl", []
    for service in SERVICES:
        name = f"the {service} service kept its worker processes"
        mine = [sample for sample in samples if sample.service == service and sample.values]
        if not mine:
            continue  # nobody watched: the rule about samples says so
        if not any(sample.workers for sample in mine):
            reason = f"nothing says which worker processes the {service} service had"
            checks.append(Check(name, CONTRACT, INCONCLUSIVE, reason))
            continue
        changes = find_changes(samples, service, span)
        named = ", ".join(f"{one.service} {one.pid} {one.what} at {one.second:.0f} s" for one in changes[:NAMED])
        more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
        reason = f"worker processes came or went during the load: {named}{more}" if changes else ""
        figure = Figure("worker processes that came or went", len(changes), "", source)
        checks.append(hold(name, CONTRACT, reason, figure))
    return checks


def find_changes(samples: Sequence[ServerSample], service: str, span: Span) -> list[Change]:
    """The worker processes of a service that came or went between the begin of the load and its end, by time.

    Samples from before and after the load are looked at too: a process that one sample leaves out did neither.
    """
    mine = [each for each in samples if each.service == service and each.workers]
    seen: dict[str, list[int]] = {}
    for number, sample in enumerate(mine):
        for pid in sample.workers or {}:
            seen.setdefault(pid, []).append(number)
    changes = []
    for pid, numbers in seen.items():
        if numbers[0] > 0:
            changes.append(Change(service, pid, "came", mine[numbers[0]].at - span[0]))
        if numbers[-1] < len(mine) - 1:
            changes.append(Change(service, pid, "went", mine[numbers[-1] + 1].at - span[0]))
    inside = [change for change in changes if 0 <= change.second <= span[1] - span[0]]
    return sorted(inside, key=lambda change: (change.second, change.pid))
