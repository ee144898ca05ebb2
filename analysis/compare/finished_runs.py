"""Compares two finished runs, scenario by scenario, with intervals from the blocks of time within each.

Runs at different times share no noise: a machine is up to a third slower on another day for no reason. The intervals
hold the noise within each run alone. So it is never said that a build is slower, only that two runs differ by more than
each run's own noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.checks.bootstrap import Blocks, Statistic, Values, cut_blocks, find_interval
from analysis.checks.evidence import Evidence, gather_evidence
from analysis.compare.comparison import RUNS, Comparison
from analysis.compare.differences import list_differences
from analysis.compare.holm import LEVEL
from analysis.compare.judging import CANNOT_TELL, DIFFERS, INVALID, SAME, Finding
from analysis.compare.pairs import COST, P50, P95, RATE, Measure
from analysis.compare.processor_time import follow_workers
from analysis.compare.words import say_finding
from analysis.number_formats import say_share
from analysis.plan.plan import Plan
from analysis.records.counts import count_endpoints
from analysis.records.endpoints import ALL_BUT_LOGIN
from analysis.records.results_folder import is_catalogue
from analysis.records.run import Run, read_run
from analysis.scenarios.baseline import steady_span

NO_NOISE = (
    "Runs at different times share no noise, so this cannot tell whether a build is slower: it says at most that the "
    "runs differ by more than each run's own noise. ./compare.sh A B loads both in turn, and can tell."
)


@dataclass(frozen=True)
class Stretch:
    """The longest plateau of a scenario of a run, in blocks of time.

    `cost` has the processor seconds of the books service in each block, and `asked` its answers; None where its
    counters are not known.
    """

    blocks: Blocks
    cost: Values | None
    asked: Values


def compare_runs(folders: Sequence[Path], within: float) -> Comparison:
    """What two results folders show side by side; raises RunError where one holds no run."""
    a, b = (read_run(folder) for folder in folders)
    findings: list[Finding] = []
    notes: list[str] = [NO_NOISE]
    for plan in a.plans:
        other = next((each for each in b.plans if each.name == plan.name), None)
        if reason := find_obstacle(plan, other, a, b):
            notes.append(f"{plan.name} is not compared: {reason}.")
        elif other:
            stretches = [
                cut_stretch(gather_evidence(*each)) for each in zip(folders, (plan, other), (a, b), strict=True)
            ]
            findings += compare_stretches(plan.name, stretches[0], stretches[1], within)
    notes += [f"{plan.name} is not compared: only B has it." for plan in b.plans if plan.name not in names_of(a)]
    verdict = conclude_runs(findings)
    differing = [finding for finding in findings if finding.verdict == DIFFERS]
    return Comparison(
        name=f"{a.name} and {b.name}",
        kind=RUNS,
        profile=a.profile if a.profile == b.profile else f"{a.profile} and {b.profile}",
        scenario="",
        verdict=verdict,
        answer=say_runs(verdict, differing, within),
        within=within,
        saturate=False,
        complete=a.complete and b.complete,
        sides={"a": describe_run(a, folders[0]), "b": describe_run(b, folders[1])},
        reasons=tuple((DIFFERS, f"{say_finding(each)}. {say_worse(each)}") for each in differing),
        findings=tuple(findings),
        notes=(*notes, *list_differences(a.facts, b.facts)),
    )


def names_of(run: Run) -> list[str]:
    """The scenarios of a run."""
    return [plan.name for plan in run.plans]


def find_obstacle(plan: Plan, other: Plan | None, a: Run, b: Run) -> str:
    """Why a scenario cannot be compared, "" where it can."""
    if other is None:
        return "only A has it"
    if plan.name == "smoke":
        return "it asks whether the answers are right, not how fast they come"
    if plan.search:
        return "its load looks for the break-point, so each run had another"
    if (plan.stages, plan.arrivals, plan.write_share) != (other.stages, other.arrivals, other.write_share):
        return "the runs planned another load"
    ended = [run.ends.get(plan.name) for run in (a, b)]
    unfinished = [name for name, end in zip("AB", ended, strict=True) if end is None or not end.ended_by_itself]
    return f"it did not run to its end in {' and '.join(unfinished)}" if unfinished else ""


def cut_stretch(evidence: Evidence) -> Stretch:
    """The longest plateau of a scenario without its warm-up, in blocks of time; log-ins are left out."""
    span = steady_span(evidence)
    blocks = cut_blocks(evidence.latencies_of(*ALL_BUT_LOGIN), span)
    clock = follow_workers(evidence.samples).get("books")
    begins = [span[0] + number * blocks.seconds for number in range(blocks.number)]
    spent = [clock.between(begin, begin + blocks.seconds) if clock else None for begin in begins]
    asked = [count_catalogue(evidence, (begin, begin + blocks.seconds)) for begin in begins]
    known = all(seconds is not None for seconds in spent) and bool(spent)
    return Stretch(blocks, np.array(spent, dtype=float) if known else None, np.array(asked, dtype=float))


def count_catalogue(evidence: Evidence, span: tuple[float, float]) -> int:
    """The right answers of the books service in a span."""
    return sum(c.right for name, c in count_endpoints(evidence.rows_in(span)).items() if is_catalogue(name))


def compare_stretches(scenario: str, a: Stretch, b: Stretch, within: float) -> list[Finding]:
    """The findings of a scenario, as far as its measures are known in both runs."""
    measures: list[tuple[Measure, Callable[[Stretch], Statistic | None]]] = [
        (COST, measure_cost),
        (P50, lambda each: each.blocks.percentile(0.5)),
        (P95, lambda each: each.blocks.percentile(0.95)),
        (RATE, lambda each: each.blocks.throughput),
    ]
    findings = []
    for measure, take in measures:
        one, other = take(a), take(b)
        if one and other and a.blocks.answers and b.blocks.answers:
            findings.append(compare_statistics(scenario, measure, (a.blocks, b.blocks), (one, other), within))
    return findings


def measure_cost(stretch: Stretch) -> Statistic | None:
    """The processor time in ms that the books service used for each of its answers, in the blocks drawn."""
    cost, asked = stretch.cost, stretch.asked
    if cost is None:
        return None
    return lambda drawn: 1000 * cost[drawn].sum(axis=-1) / np.maximum(asked[drawn].sum(axis=-1), 1)


def compare_statistics(
    scenario: str, measure: Measure, blocks: tuple[Blocks, Blocks], take: tuple[Statistic, Statistic], within: float
) -> Finding:
    """B / A of a statistic, with its interval where both runs have blocks enough."""
    a, b = (float(statistic(each.all)) for each, statistic in zip(blocks, take, strict=True))

    def ratio(drawn_a: Any, drawn_b: Any) -> Values:
        return take[1](drawn_b) / np.maximum(take[0](drawn_a), 1e-9)

    ends = find_interval(blocks, ratio, 1 - LEVEL)
    low, high = ends or (None, None)
    number = min(each.number for each in blocks)
    verdict = CANNOT_TELL
    if low is not None and high is not None:
        is_same = 1 / (1 + within) <= low and high <= 1 + within
        verdict = SAME if is_same else CANNOT_TELL if low <= 1 <= high else DIFFERS
    return Finding(scenario, measure, number, a, b, b / a if a else None, low, high, None, LEVEL, verdict)


def conclude_runs(findings: Sequence[Finding]) -> str:
    """SAME where every interval lies inside the band, INVALID where nothing can be compared, else CANNOT TELL."""
    if not findings:
        return INVALID
    return SAME if all(finding.verdict == SAME for finding in findings) else CANNOT_TELL


def say_worse(finding: Finding) -> str:
    """Which run is worse in a measure."""
    is_more = (finding.ratio or 1) > 1
    return f"{'A' if is_more == finding.measure.more else 'B'} is the worse of the two in this."


def say_runs(verdict: str, differing: Sequence[Finding], within: float) -> str:
    """The answer in a sentence."""
    if verdict == INVALID:
        return "The runs have no scenario that can be compared."
    if verdict == SAME:
        return f"The runs differ in nothing by {say_share(within)} or more, each with the noise of its own time."
    if differing:
        return (
            "The runs differ by more than each run's own noise. Whether the build or the time made it cannot be told."
        )
    return "The runs do not differ by more than each run's own noise, which is too large to call them the same."


def describe_run(run: Run, folder: Path) -> dict[str, Any]:
    """What ran, for a reader."""
    facts = {"folder": str(folder), "profile": run.profile, "commit": run.facts.get("commit")}
    started = {"started": run.facts.get("started")}
    return {"label": run.name, **facts, **started, "settings": {name: run.settings(name) for name in run.sources}}
