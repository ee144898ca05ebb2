"""Says whether a worker process of a service started or ended in mid-run: it was killed, or it ended by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import CONTRACT, INCONCLUSIVE, Check, Figure, make_check
from analysis.plan.plan import Plan
from analysis.records.results_folder import SERVICES, ServerSample, say_source

Span = tuple[float, float]
NAMED = 6  # changes that a reason names


@dataclass(frozen=True)
class WorkerChange:
    """A worker process of a source that `started` or `ended` so many seconds after the load began."""

    source: str
    pid: str
    what: str
    second: float

    @property
    def words(self) -> str:
        """`books 4711 ended (at 12 s)`."""
        return f"{self.source} {self.pid} {self.what} (at {self.second:,.0f} s)"


def judge_workers(
    plan: Plan, samples: Sequence[ServerSample], span: Span, sources: Sequence[str] = SERVICES
) -> list[Check]:
    """FAIL for each source whose worker processes changed during the load, by name and time.

    INCONCLUSIVE for a source that does not tell which it has.
    """
    file, checks = f"{plan.name}_server.jsonl", []
    for source in sources:
        name = f"{say_source(source)} kept its worker processes"
        mine = [sample for sample in samples if sample.source == source and sample.values]
        if not mine:
            continue  # the rule about samples says that there are none
        if not any(sample.workers for sample in mine):
            reason = f"The {say_source(source).removeprefix('the ')} does not say which worker processes it has."
            checks.append(Check(name, CONTRACT, INCONCLUSIVE, reason))
            continue
        changes = find_changes(samples, source, span)
        named = ", ".join(change.words for change in changes[:NAMED])
        more = f", and others ({len(changes) - NAMED})" if len(changes) > NAMED else ""
        reason = f"Worker processes started or ended during the load: {named}{more}." if changes else ""
        figure = Figure("worker processes that started or ended", len(changes), "", file)
        checks.append(make_check(name, CONTRACT, reason, figure))
    return checks


def find_changes(samples: Sequence[ServerSample], source: str, span: Span) -> list[WorkerChange]:
    """The worker processes of a source that started or ended between the begin of the load and its end, by time.

    Samples from before and after the load are looked at too: a process that one sample leaves out did neither.
    """
    mine = [each for each in samples if each.source == source and each.workers]
    seen: dict[str, list[int]] = {}
    for number, sample in enumerate(mine):
        for pid in sample.workers or {}:
            seen.setdefault(pid, []).append(number)
    changes = []
    for pid, numbers in seen.items():
        if numbers[0] > 0:
            changes.append(WorkerChange(source, pid, "started", mine[numbers[0]].at - span[0]))
        if numbers[-1] < len(mine) - 1:
            changes.append(WorkerChange(source, pid, "ended", mine[numbers[-1] + 1].at - span[0]))
    inside = [change for change in changes if 0 <= change.second <= span[1] - span[0]]
    return sorted(inside, key=lambda change: (change.second, change.pid))
