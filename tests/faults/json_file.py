"""The file of `--json`: by the name of a fault what was found, and in which run; a later run takes its place."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.origin import name_commit, name_machine
from tests.faults.form import Form
from tests.faults.table import Result, find_failed, seen_to_fail


def describe_run(form: Form) -> dict[str, str]:
    """Return what all results of a run share: its form, day, commit and machine."""
    return {
        "form": form.name,
        "date": date.today().isoformat(),
        "commit": name_commit(),
        "machine": name_machine(),
    }


def describe_result(result: Result) -> dict[str, Any]:
    """Return a result as JSON can hold it; of a control the checks that failed as they have to."""
    controls = [
        {
            "without": control.without,
            "seen_to_fail": seen_to_fail(control, findings),
            "findings": find_failed(control, findings),
        }
        for control, findings in result.controls
    ]
    return {
        "fault": result.experiment.fault,
        "broken": result.broken,
        "checks": len(result.findings),
        "hold": sum(each.holds for each in result.findings),
        "findings": result.findings,
        "controls": controls,
        "others": round(result.others, 2),
    }


def merge_results(file: Path, found: dict[str, dict[str, Any]]) -> None:
    """Write results by name into a file, beside what it holds of other faults."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**kept, **found}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
