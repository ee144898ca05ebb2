"""The full spike of 1,000 users against this build and an earlier one, each by its own run_all_tests.sh."""

import argparse
import json
import os
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.builds import BEFORE, unpack_build
from benchmarks.origin import name_commit, name_machine
from benchmarks.services import NOW
from benchmarks.stand import PROJECT, StandError, read_last, run_script
from benchmarks.table import Table
from stack.ports import find_free_ports

RUN_S = 1800
FIGURES = {"p50_ms": "p50 ms", "p95_ms": "p95 ms", "p99_ms": "p99 ms", "rps": "requests/s", "shed": "shed"}
COLUMNS = ["the full spike against", *FIGURES.values()]


def measure_spike(_: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Run both spikes, one after the other; return the table and whether both passed."""
    projects = {NOW: PROJECT, BEFORE: unpack_build(folder)}
    found = {name: run_spike(name, project, folder / project.name) for name, project in projects.items()}
    return [make_table(found, name_commit())], all(one["verdict"] == "PASS" for one in found.values())


def run_spike(name: str, project: Path, folder: Path) -> dict[str, Any]:
    """Run the spike of a build on a stack of its own; return its scenario in summary.json; raises StandError."""
    print(f"the spike against {name} ...", flush=True)
    folder.mkdir(exist_ok=True)
    ports = dict(zip(("AUTH_PORT", "BOOKS_PORT"), map(str, find_free_ports(2)), strict=True))
    environment = {**os.environ, **ports, "STACK_DIR": str(folder / "stack")}
    for address in ("AUTH_URL", "BOOKS_URL"):
        environment.pop(address, None)  # both builds would be measured against the services there
    if project != PROJECT:
        environment.pop("VIRTUAL_ENV", None)  # it has requirements of its own
    command = [str(project / "run_all_tests.sh"), "--only", "spike", "--out", str(folder / "results")]
    log = folder / "run.log"
    with log.open("w", encoding="utf-8") as words:
        code = run_script(command, RUN_S, env=environment, stdout=words, stderr=subprocess.STDOUT)
    if code not in (0, 1, 2):
        raise StandError(f"the spike against {name} ended with {code}:\n{read_last(log)}")
    return read_spike(folder / "results")


def read_spike(folder: Path) -> dict[str, Any]:
    """Return the spike in the summary.json of a results folder."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return next(one for one in summary["scenarios"] if one["name"] == "spike")


def make_table(found: Mapping[str, Mapping[str, Any]], commit: str) -> Table:
    """Return the table of both spikes; `commit` is that of this build."""
    caption = (
        f"`python -m benchmarks spike`, {date.today().isoformat()}, {NOW} is commit {commit}, {name_machine()}. Each"
        " ran once, with its own load. Latencies are of right answers of the whole load, ramps and log-ins included."
    )
    rows = [[name, *(f"{one['achieved'][key]:,.3g}" for key in FIGURES)] for name, one in found.items()]
    return Table("The spike, before and after", caption, COLUMNS, rows)
