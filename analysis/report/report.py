"""Builds the report of a run: every scenario judged, with its figures, tables and time lines, as plain data."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from analysis.checks.answer_rules import count_errors
from analysis.checks.corrected import compare_corrected, compare_due
from analysis.checks.evidence import Evidence, gather_evidence
from analysis.checks.guarantees import list_violations
from analysis.findings import INVALID, RunReport, ScenarioReport, Table, list_not_passed, worst
from analysis.plan.plan import Plan
from analysis.records.counts import Counts, count_requests
from analysis.records.endpoints import count_mix
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data
from analysis.records.run import Run, read_run
from analysis.records.steps import Step
from analysis.report.chart_curves import draw_percentiles, draw_throughput
from analysis.report.request_tables import list_endpoints, list_failures
from analysis.report.step_charts import draw_steps
from analysis.report.time_lines import draw_time_lines
from analysis.report.unusual import tell_of_run, tell_unusual
from analysis.verdicts import judge

SUMMARIES = ("summary.json", "summary.md", "junit.xml", "report.html")  # that are written into the folder
SHARES = (0.5, 0.95, 0.99)
NEARLY = 1e-6
NO_ANSWER = "This is no answer, because the question was not asked properly."


def build_report(folder: Path) -> RunReport:
    """The report of the run in a results folder; raises RunError when the folder holds no run."""
    run = read_run(folder)
    parts = _report_parts(folder, run)
    scenarios = [scenario for scenario, _, _ in parts]
    plans, has_load = [plan for _, plan, _ in parts], any(ran for _, _, ran in parts)
    return RunReport(
        name=run.name,
        profile=run.profile,
        complete=run.complete,
        crashed=tuple(name for name, end in run.ends.items() if end.crashed),
        verdict=worst([scenario.verdict for scenario in scenarios]),
        scenarios=tuple(scenarios),
        facts=run.facts,
        notes=tuple(tell_of_run(replace(run, plans=plans)) if has_load else ()),
        files=tuple(sorted({*SUMMARIES, *(path.name for path in folder.glob("[!.]*") if path.is_file())})),
    )


def _report_parts(folder: Path, run: Run) -> list[tuple[ScenarioReport, Plan, bool]]:
    """Each scenario's part, several at a time, one on each core."""
    report_part = partial(_report_part, folder, run, _books_at_start(folder, run))
    at_once = min(len(run.plans), os.cpu_count() or 1)
    if at_once == 1:
        return [report_part(plan) for plan in run.plans]
    longest_first = sorted(run.plans, key=lambda plan: -plan.seconds)  # else the others would be done long before it
    with ProcessPoolExecutor(at_once) as processes:
        parts = dict(zip([plan.name for plan in longest_first], processes.map(report_part, longest_first), strict=True))
    return [parts[plan.name] for plan in run.plans]


def _report_part(folder: Path, run: Run, books_at_start: int | None, plan: Plan) -> tuple[ScenarioReport, Plan, bool]:
    """A scenario's report, its plan (of a search, as it went), and whether it ran at all."""
    evidence = gather_evidence(folder, plan, run)
    return report_scenario(evidence, books_at_start), evidence.plan, evidence.ran


def _books_at_start(folder: Path, run: Run) -> int | None:
    """The books before the first scenario that noted them."""
    found = (read_data(folder, plan.name, Gaps()) for plan in run.plans)
    return next((data["before"].books for data in found if "before" in data), None)


def report_scenario(evidence: Evidence, books_at_start: int | None = None) -> ScenarioReport:
    """Judge and describe a scenario."""
    plan, answer = evidence.plan, judge(evidence, books_at_start)
    not_passed = list_not_passed(answer.checks)
    verdict = worst([check.verdict for check in not_passed if check.verdict])
    corrected, which = compare_due(evidence) if plan.is_open else compare_corrected(evidence)
    tables = (list_failures(evidence), *answer.tables, *describe_tables(evidence), corrected)
    charts = *draw_steps(answer.tables), draw_percentiles(evidence), draw_throughput(evidence, answer.tables)
    return ScenarioReport(
        name=plan.name,
        question=plan.question,
        verdict=verdict,
        reasons=tuple(check.reason for check in not_passed),
        answer=say_answer(answer.words, verdict),
        planned=describe_planned(plan, evidence.search.steps),
        achieved=describe_achieved(evidence),
        figures=answer.figures,
        checks=answer.checks,
        tables=tuple(table for table in tables if table),
        time_lines=draw_time_lines(evidence),
        marks=tuple(describe_marks(plan)),
        notes=(*tell_unusual(evidence, answer), *([which] if which else [])),
        started=evidence.curve.started or None,
        charts=tuple(chart for chart in charts if chart),
        summary=answer.summary,
    )


def describe_planned(plan: Plan, steps: Sequence[Step]) -> dict[str, Any]:
    """The load as planned; an open load plans no users, and a search for arrivals those of its largest step."""
    planned = {"users": plan.users, "seconds": plan.seconds, "write_share": plan.write_share}
    arrivals = max((step.load for step in steps), default=None) if plan.search else plan.arrivals
    return {**planned, "users": None, "arrivals_per_second": arrivals} if plan.is_open else planned


def say_answer(words: str, verdict: str) -> str:
    """The answer; if the question was not asked properly, it first says so."""
    return f"{NO_ANSWER} {words}" if words and verdict == INVALID else words


def describe_achieved(evidence: Evidence) -> dict[str, Any]:
    """What was measured over the whole load: from the seconds, or from Locust's totals when they were not recorded."""
    counts, seconds = count_requests(evidence.rows), evidence.curve.seconds
    if not evidence.parts:
        counts = count_locust(evidence)
    sent, writes = count_mix(evidence.endpoints)
    requests, errors = counts.requests, count_errors(counts, evidence.results)
    p50, p95, p99 = (evidence.latencies.percentile(share) for share in SHARES)
    return {
        "users": max(evidence.curve.users, default=0),
        "seconds": seconds,
        "requests": requests,
        "rps": round(requests / seconds, 2) if seconds else 0.0,
        "error_ratio": round(errors / requests, 6) if requests else 0.0,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "errors": errors,
        "shed": counts.shed,
        "shed_ratio": round(counts.shed / requests, 6) if requests else 0.0,
        "write_share": round(writes / sent, 4) if sent else None,
    }


def count_locust(evidence: Evidence) -> Counts:
    """The requests as Locust counted them."""
    results = evidence.results
    right = results.requests - results.errors - results.shed
    return Counts(right=right, wrong=results.errors, shed=results.shed)


def describe_tables(evidence: Evidence) -> list[Table]:
    """The endpoints, and what the ledger found."""
    endpoints = list_endpoints(evidence)
    ledger = f"{evidence.file('_ledger.jsonl')}, {evidence.plan.name}_read_back.json"
    violations = list_violations(evidence.audit, ledger)
    return [table for table in (endpoints, violations) if table.rows]


def describe_marks(plan: Plan) -> list[tuple[float, str]]:
    """The moments at which a stage of the plan begins; of a search, at which a step does, in short: it has many."""
    begins, befores = [0.0, *plan.stage_ends[:-1]], [0, *(stage.users for stage in plan.stages)]
    return [
        (begin, str(stage.users) if plan.search else f"{stage.users} users")
        for begin, before, stage in zip(begins, befores, plan.stages, strict=False)
        if not plan.search or abs(stage.users - before) < stage.spawn_rate * stage.seconds * (1 - NEARLY)
    ]
