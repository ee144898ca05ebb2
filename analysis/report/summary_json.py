"""Writes summary.json: the fields that other people's scripts rely on, and behind them everything that was judged."""

import json
from dataclasses import asdict
from typing import Any

from analysis.findings import RunReport, ScenarioReport


def write_json(report: RunReport) -> str:
    """The text of summary.json; time lines are left out, for they are in the raw files."""
    summary = {
        "run": report.name,
        "profile": report.profile,
        "complete": report.complete,
        "verdict": report.verdict,
        "scenarios": [describe_scenario(scenario) for scenario in report.scenarios],
        "crashed": list(report.crashed),
        "notes": list(report.notes),
    }
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def describe_scenario(scenario: ScenarioReport) -> dict[str, Any]:
    """The entry of one scenario."""
    return {
        "name": scenario.name,
        "question": scenario.question,
        "verdict": scenario.verdict,
        "reasons": list(scenario.reasons),
        "planned": scenario.planned,
        "achieved": scenario.achieved,
        **scenario.summary,
        "answer": scenario.answer,
        "figures": [asdict(figure) for figure in scenario.figures],
        "checks": [asdict(check) for check in scenario.checks],
        "tables": [asdict(table) for table in scenario.tables],
        "notes": list(scenario.notes),
    }
