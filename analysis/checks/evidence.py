"""Gathers what a scenario is judged by: what was planned, how it ended, and every file it left."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from math import ceil
from pathlib import Path

from analysis.checks.guarantees import WriteAudit, audit_writes
from analysis.plan.plan import Plan, Plateau
from analysis.records.counts import Counts, count_endpoints
from analysis.records.curve import Curve, measure_curve
from analysis.records.gaps import Gaps
from analysis.records.latencies import Latencies, read_latencies, split_tags
from analysis.records.locust_files import DAY_S, Results, read_results
from analysis.records.raw_files import (
    read_data,
    read_failure_samples,
    read_generator,
    read_ledger,
    read_machines,
    read_read_back,
    read_seconds,
    read_server,
)
from analysis.records.results_folder import (
    FAILURE_SAMPLES,
    DataState,
    FailureSample,
    GeneratorRow,
    MachineEvent,
    Outcome,
    ReadBack,
    SecondRow,
    Sent,
    ServerSample,
)
from analysis.records.run import End, Run
from analysis.records.steps import Search, plan_steps, read_search

Span = tuple[float, float]  # from, until (seconds since the epoch)
# Before and after the load, in which its rows may lie: log-ins before it, answers that came late. What is noted while
# a load is prepared or read back, waits for machines, or has its clock set back, may lie a day away.
NEAR_S = 600


@dataclass(frozen=True)
class Evidence:
    """One scenario. `gaps` says in words which files are missing or damaged."""

    run: Run
    plan: Plan
    end: End | None
    results: Results
    curve: Curve
    parts: dict[str, list[SecondRow]]
    latencies: Latencies
    generator: dict[str, list[GeneratorRow]]
    samples: list[ServerSample]
    writes: list[tuple[Sent, Outcome | None]]
    data: dict[str, DataState]
    read_back: ReadBack | None
    gaps: Gaps = field(default_factory=Gaps)
    failure_samples: list[FailureSample] = field(default_factory=list)
    search: Search = field(default_factory=Search)
    machines: list[MachineEvent] = field(default_factory=list)
    raw: Latencies | None = None  # of an open load: from the sending of a request on, not from when it was due
    late: Latencies | None = None  # by how much its actions began after they were due

    @property
    def ran(self) -> bool:
        """Whether there is anything of it at all."""
        return self.end is not None or bool(self.results.history) or bool(self.parts)

    @property
    def span(self) -> Span:
        """The load, from the moment before the first user to its end."""
        return self.curve.started, self.curve.started + self.curve.seconds

    @cached_property
    def rows(self) -> list[SecondRow]:
        """The rows of all parts."""
        return list(chain.from_iterable(self.parts.values()))

    @cached_property
    def endpoints(self) -> dict[str, Counts]:
        """The requests of each endpoint over the whole load."""
        return count_endpoints(self.rows)

    @cached_property
    def audit(self) -> WriteAudit:
        """What became of the writes."""
        return audit_writes(self.writes, self.read_back)

    def span_of(self, plateau: Plateau) -> Span:
        """A plateau as it took place, without the second at each edge, for a stage may still change in it."""
        first, last = self.curve.bounds_of(plateau)
        return self.curve.started + first, self.curve.started + last

    @cached_property
    def rows_by_second(self) -> dict[int, list[SecondRow]]:
        """The rows of each second."""
        found: dict[int, list[SecondRow]] = {}
        for row in self.rows:
            found.setdefault(row.second, []).append(row)
        return found

    def rows_in(self, span: Span) -> list[SecondRow]:
        """The rows of the seconds in a span."""
        seconds = range(ceil(span[0]), ceil(span[1]))
        return list(chain.from_iterable(self.rows_by_second.get(second, ()) for second in seconds))

    def latencies_of(self, *groups: str) -> Latencies:
        """The latencies of the endpoints of some groups: "reads", "writes", "login"."""
        return self.latencies.of_groups(*groups)

    def file(self, ending: str) -> str:
        """The name of a file of this scenario, as a source of figures; of all parts where each process has one."""
        parted = ending in (".hlog", "_seconds.csv", "_generator.csv", "_ledger.jsonl", FAILURE_SAMPLES)
        return f"{self.plan.name}{'_*' if parted and len(self.run.parts) > 1 else ''}{ending}"


def surround(curve: Curve, seconds: float) -> Span | None:
    """The load with so many seconds before and after it; None where nothing says when it was."""
    return (curve.started - seconds, curve.started + curve.seconds + seconds) if curve.users else None


def gather_evidence(folder: Path, plan: Plan, run: Run) -> Evidence:
    """Read all that scenario `plan` of a run left in its folder."""
    name = plan.name
    results = read_results(folder, name)
    gaps = results.gaps
    curve = measure_curve(results.history, results.stopped_at)
    near, same_day = (surround(curve, seconds) for seconds in (NEAR_S, DAY_S))
    search = read_search(folder, name, gaps, near) if plan.search else Search()
    latencies, raw, late = split_tags(read_latencies(folder, name, gaps, near))
    return Evidence(
        run=run,
        plan=plan_steps(plan, search.steps),
        end=run.ends.get(name),
        results=results,
        curve=curve,
        parts=read_seconds(folder, name, gaps, near),
        latencies=latencies,
        generator=read_generator(folder, name, gaps, same_day),
        samples=read_server(folder, name, gaps, same_day),
        writes=read_ledger(folder, name, gaps, same_day),
        data=read_data(folder, name, gaps, same_day),
        read_back=read_read_back(folder, name, gaps),
        gaps=gaps,
        failure_samples=read_failure_samples(folder, name, gaps),
        search=search,
        machines=read_machines(folder, name, gaps, same_day) if run.machines else [],
        raw=raw,
        late=late,
    )
