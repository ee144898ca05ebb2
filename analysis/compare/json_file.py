"""Writes compare.json, whose fields docs/compare.md lists."""

import json
from dataclasses import asdict
from typing import Any

from analysis.compare.comparison import Comparison
from analysis.compare.holm import LEVEL
from analysis.compare.judging import Finding
from analysis.compare.pairs import Ratios


def write_json(comparison: Comparison) -> str:
    """The text of compare.json."""
    data = {
        "comparison": comparison.name,
        "kind": comparison.kind,
        "profile": comparison.profile,
        "scenario": comparison.scenario,
        "verdict": comparison.verdict,
        "answer": comparison.answer,
        "reasons": [f"{verdict}: {words}" for verdict, words in comparison.reasons],
        "complete": comparison.complete,
        "within": comparison.within,
        "saturate": comparison.saturate,
        "level": LEVEL,
        "sides": comparison.sides,
        "measures": [describe_finding(finding) for finding in comparison.findings],
        "pairs": [describe_course(course) for course in comparison.courses],
        "checks": [asdict(check) for check in comparison.checks],
        "notes": list(comparison.notes),
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def describe_finding(finding: Finding) -> dict[str, Any]:
    """The entry of a measure; `ratio` is B / A."""
    measure = {"measure": finding.measure.title, "unit": finding.measure.unit, "more_is_better": finding.measure.more}
    return {**asdict(finding), **measure}


def describe_course(course: Ratios) -> dict[str, Any]:
    """A measure in each pair: when it began (seconds since the epoch), and the values of A and B."""
    return {"measure": course.measure.title, "starts": course.starts, "a": course.a, "b": course.b}
