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
from analysis.compare.stretches import STRETCHES, compare_stretches, cut_stretch
from analysis.compare.words import say_finding
from analysis.findings import FAIL
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
    unknown: list[str] = []
    for plan in a.plans:
        other = next((each for each in b.plans if each.name == plan.name), None)
        if reason := find_obstacle(plan, other) or find_fault(plan.name, runs, folders):
            notes.append(f"{plan.name} is not compared: {reason}.")
        elif other:
            one = cut_stretch(gather_evidence(folders[0], plan, a))
            found = compare_stretches(plan.name, one, cut_stretch(gather_evidence(folders[1], other, b)), within)
            missing = [measure.title for measure in STRETCHES if measure not in {each.measure for each in found}]
            unknown += [f"{plan.name}: the {title} is not known of both runs." for title in missing]
            findings += found
    failed = find_failed(findings, folders)
    notes += [f"{name} was FAIL in {sides}: it may be fast for that very reason." for name, sides in failed]
    notes += [f"{plan.name} is not compared: only B has it." for plan in b.plans if plan.name not in names_of(a)]
    verdict = CANNOT_TELL if findings and (failed or unknown) else conclude_runs(findings)
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
        notes=(*notes, *unknown, *list_differences(a.facts, b.facts)),
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
    unasked = name_runs(folders, scenario, INVALID)
    return f"it was INVALID in {unasked}" if unasked else ""


def find_failed(findings: Sequence[Finding], folders: Sequence[Path]) -> list[tuple[str, str]]:
    """The compared scenarios that failed, each with the runs in which they did."""
    names = dict.fromkeys(finding.scope for finding in findings)
    return [(name, sides) for name in names if (sides := name_runs(folders, name, FAIL))]


def name_runs(folders: Sequence[Path], scenario: str, verdict: str) -> str:
    """`A`, `B`, `A and B`, or "": the runs in which a scenario has a verdict."""
    found = [name for name, folder in zip("AB", folders, strict=True) if scenario in list_verdict(folder, verdict)]
    return " and ".join(found)


def list_verdict(folder: Path, verdict: str) -> list[str]:
    """The scenarios of a run that have a verdict, as far as the run was summarized."""
    try:
        scenarios = read_json((folder / "summary.json").read_text(encoding="utf-8"))["scenarios"]
        return [each["name"] for each in scenarios if each["verdict"] == verdict]
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
        return f"Every measure differs by less than {say_share(within)}, as far as each run's own noise tells."
    if differing:
        return (
            "The runs differ by more than each run's own noise. It cannot be told whether the build or the day made"
            " the difference."
        )
    return "The runs do not differ by more than each run's own noise. They cannot be called the same: see the notes."


def describe_run(run: Run, folder: Path) -> dict[str, Any]:
    """What ran, for a reader."""
    facts = {"folder": str(folder), "profile": run.profile, "commit": run.facts.get("commit")}
    started = {"started": run.facts.get("started")}
    return {"label": run.name, **facts, **started, "settings": {name: run.settings(name) for name in run.sources}}
