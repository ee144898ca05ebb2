"""Compares two finished runs, scenario by scenario, with intervals from the blocks of time within each.

Runs at different times share no noise: a machine is up to a third slower on another day for no reason. The intervals
hold the noise within each run alone. So it is never said that a build is slower, only that two runs differ by more than
each run's own noise.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.checks.evidence import gather_evidence
from analysis.compare.comparison import RUNS, Comparison
from analysis.compare.differences import list_differences
from analysis.compare.judging import CANNOT_TELL, DIFFERS, INVALID, SAME, Finding
from analysis.compare.stretches import compare_stretches, cut_stretch
from analysis.compare.words import say_finding
from analysis.number_formats import say_share
from analysis.plan.plan import Plan
from analysis.records.gaps import read_json
from analysis.records.run import Run, read_run

NO_NOISE = (
    "Runs at different times share no noise, so this cannot tell whether a build is slower: it says at most that the "
    "runs differ by more than each run's own noise. ./compare.sh A B loads both in turn, and can tell."
)


def compare_runs(folders: Sequence[Path], within: float) -> Comparison:
    """What two results folders show side by side; raises RunError where one holds no run."""
    a, b = runs = [read_run(folder) for folder in folders]
    findings: list[Finding] = []
    notes: list[str] = [NO_NOISE]
    for plan in a.plans:
        other = next((each for each in b.plans if each.name == plan.name), None)
        if reason := find_obstacle(plan, other) or find_fault(plan.name, runs, folders):
            notes.append(f"{plan.name} is not compared: {reason}.")
        elif other:
            one = cut_stretch(gather_evidence(folders[0], plan, a))
            findings += compare_stretches(plan.name, one, cut_stretch(gather_evidence(folders[1], other, b)), within)
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


def find_obstacle(plan: Plan, other: Plan | None) -> str:
    """Why the plans of a scenario cannot be compared, "" where they can."""
    if other is None:
        return "only A has it"
    if plan.name == "smoke":
        return "it asks whether the answers are right, not how fast they come"
    if plan.search:
        return "its load looks for the break-point, so each run had another"
    if (plan.stages, plan.arrivals, plan.write_share) != (other.stages, other.arrivals, other.write_share):
        return "the runs planned another load"
    return ""


def find_fault(scenario: str, runs: Sequence[Run], folders: Sequence[Path]) -> str:
    """Why what came of a scenario cannot be compared, "" where it can."""
    ends = [run.ends.get(scenario) for run in runs]
    unfinished = [name for name, end in zip("AB", ends, strict=True) if end is None or not end.ended_by_itself]
    if unfinished:
        return f"it did not run to its end in {' and '.join(unfinished)}"
    unasked = [name for name, folder in zip("AB", folders, strict=True) if scenario in list_invalid(folder)]
    return f"it was INVALID in {' and '.join(unasked)}" if unasked else ""


def list_invalid(folder: Path) -> list[str]:
    """The scenarios of a run whose question was not asked properly, as far as the run was summarized."""
    try:
        scenarios = read_json((folder / "summary.json").read_text(encoding="utf-8"))["scenarios"]
        return [each["name"] for each in scenarios if each["verdict"] == INVALID]
    except (OSError, ValueError, KeyError, TypeError):
        return []


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
