"""Summarizes a finished, old or killed run: writes summary.json into its folder and prints the table."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.curve import measure_curve
from analysis.findings import worst
from analysis.latency import judge_objectives
from analysis.plan import Plan
from analysis.recovery import measure_recovery
from analysis.results import read_results
from analysis.run import Run, RunError, read_run
from analysis.validity import count_mix
from analysis.verdicts import Evidence, judge

EXIT_CODES = {"PASS": 0, "FAIL": 1, "INVALID": 2, "INCONCLUSIVE": 2}
BROKEN = 3
USAGE = 64
COLOURS = {"PASS": "green", "FAIL": "red", "INVALID": "yellow", "INCONCLUSIVE": "yellow"}


def gather_evidence(folder: Path, plan: Plan, run: Run) -> Evidence:
    """Read and measure one scenario."""
    results = read_results(folder, plan.name)
    curve = measure_curve(results.history, results.stopped_at)
    objectives = judge_objectives(plan, results.endpoints)
    recovery = None
    if "recovery-seconds" in plan.objectives:
        recovery = measure_recovery(plan, curve, results.history)
    return Evidence(plan, run.outcomes.get(plan.name), results, curve, objectives, recovery)


def summarize_scenario(evidence: Evidence) -> dict[str, Any]:
    """The entry of one scenario in summary.json."""
    findings = judge(evidence)
    plan = evidence.plan
    return {
        "name": plan.name,
        "question": plan.question,
        "verdict": worst([finding.verdict for finding in findings]),
        "reasons": [finding.reason for finding in findings],
        "planned": {"users": plan.users, "seconds": plan.seconds, "write_share": plan.write_share},
        "achieved": describe_achieved(evidence),
        "objectives": [vars(objective) for objective in evidence.objectives],
        "notes": describe_gaps(evidence),
    }


def describe_achieved(evidence: Evidence) -> dict[str, Any]:
    """What was measured: users at most, seconds, and Locust's own totals (`_stats.csv`, line Aggregated)."""
    results, total = evidence.results, evidence.results.total
    sent, writes = count_mix(results)
    requests = total.requests if total else 0
    return {
        "users": max(evidence.curve.users, default=0),
        "seconds": evidence.curve.seconds,
        "requests": requests,
        "rps": round(total.requests_per_s, 2) if total else 0.0,
        "error_ratio": round(results.errors / requests, 6) if requests else 0.0,
        "p50_ms": total.p50_ms if total else None,
        "p95_ms": total.p95_ms if total else None,
        "p99_ms": total.p99_ms if total else None,
        "errors": results.errors,
        "shed": results.shed,
        "shed_ratio": round(results.shed / requests, 6) if requests else 0.0,
        "write_share": round(writes / sent, 4) if sent else None,
        "recovery_seconds": evidence.recovery.seconds if evidence.recovery else None,
    }


def describe_gaps(evidence: Evidence) -> list[str]:
    """What the figures do not show: missing data, objectives that had too little to be judged by."""
    notes = list(evidence.results.gaps) if evidence.results.history or evidence.outcome else []
    notes += [f"{o.title} not judged: {o.answers} answers{o.why}" for o in evidence.objectives if o.held is None]
    if evidence.recovery:
        notes.append("recovery: from the p95 of the last 5 s in Locust's history, log-ins included")
    return notes


def summarize_run(folder: Path) -> dict[str, Any]:
    """The whole of summary.json; raises RunError when the folder holds no run."""
    run = read_run(folder)
    scenarios = [summarize_scenario(gather_evidence(folder, plan, run)) for plan in run.plans]
    return {
        "run": run.name,
        "profile": run.profile,
        "complete": run.complete,
        "crashed": [name for name, outcome in run.outcomes.items() if outcome.crashed],
        "verdict": worst([scenario["verdict"] for scenario in scenarios]),
        "scenarios": scenarios,
    }


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write summary.json at one stroke: a reader sees the old one or the new one, never half."""
    draft = folder / ".summary.json"
    draft.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, folder / "summary.json")


def print_summary(folder: Path, summary: dict[str, Any], console: Console) -> None:
    """Print a row a scenario, the reasons of each verdict that is not PASS, the folder and the verdict of the run."""
    console.print(build_table(summary["scenarios"]))
    for scenario in summary["scenarios"]:
        for reason in scenario["reasons"]:
            console.print(f"{scenario['name']}: {reason}", markup=False, highlight=False)
    partial = "" if summary["complete"] else " (PARTIAL: not every planned scenario ran to its end)"
    console.print(f"\nResults in {folder}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Verdict of the run: {summary['verdict']}{partial}", markup=False, highlight=False)


def build_table(scenarios: list[dict[str, Any]]) -> Table:
    """A table of at most 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for title in ("users", "s", "reqs", "rps", "errors", "shed", "p50", "p95", "p99"):
        table.add_column(title, justify="right", no_wrap=True)
    for scenario in scenarios:
        got, colour = scenario["achieved"], COLOURS[scenario["verdict"]]
        figures = [got[key] for key in ("users", "seconds", "requests", "rps", "errors", "shed")]
        figures[3] = f"{got['rps']:.1f}"
        latencies = ["-" if got[key] is None else f"{got[key]:g}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        verdict = f"[{colour}]{scenario['verdict']}[/{colour}]"
        table.add_row(scenario["name"], verdict, *map(str, figures), *latencies)
    return table


def main(arguments: list[str]) -> int:
    """Summarize one folder; 0, 1 or 2 by verdict, 3 when a scenario crashed or there is no run, 64 for wrong use."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m analysis.summarize DIR", file=sys.stderr)
        return USAGE
    folder = Path(arguments[0])
    try:
        summary = summarize_run(folder)
        write_summary(folder, summary)
    except (RunError, OSError) as error:
        print(f"analysis.summarize: {error}", file=sys.stderr)
        return BROKEN
    print_summary(folder, summary, Console())
    return BROKEN if summary["crashed"] else EXIT_CODES[summary["verdict"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
