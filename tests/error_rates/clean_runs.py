"""Says how often a clean run is not PASS: `python -m tests.error_rates.clean_runs FOLDER [--runs 40] [--seed 1]`.

Each run is drawn out of the recorded one in FOLDER, in blocks of --block seconds, and judged by the analysis. The
recorded run must have ended by itself. With --json the numbers go to docs/data/clean_runs.json and to
docs/verdicts.md too.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from analysis.findings import RunReport
from analysis.records.run import RunError, read_run
from analysis.report.report import build_report
from tests.documents.verdict_controls import DOCUMENT, replace_between
from tests.error_rates.resampling import BLOCK_S, resample_run

FILE = DOCUMENT.parent / "data" / "clean_runs.json"
BEGIN, END = "<!-- clean runs: begin -->\n", "<!-- clean runs: end -->\n"


def measure(folder: Path, runs: int, seed: int, block: int) -> dict[str, Any]:
    """How many drawn runs, and scenarios of them, have which verdict, and why; and what the recorded run has."""
    run = read_run(folder)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for number in range(runs):
        with TemporaryDirectory() as drawn:
            resample_run(folder, run, Path(drawn), np.random.default_rng([seed, number]), block)
            report = build_report(Path(drawn))
        verdicts["run"][report.verdict] += 1
        for scenario in report.scenarios:
            verdicts[scenario.name][scenario.verdict] += 1
            reasons[scenario.name].update(f"{c.verdict} {c.name}" for c in scenario.checks if is_against(c.verdict))
    return {
        "recorded": run.name,
        "profile": run.profile,
        "runs": runs,
        "seed": seed,
        "block_s": block,
        "recorded_verdicts": describe(build_report(folder)),
        "verdicts": {name: dict(sorted(counts.items())) for name, counts in verdicts.items()},
        "reasons": {name: dict(counts.most_common()) for name, counts in reasons.items() if counts},
    }


def is_against(verdict: str | None) -> bool:
    """Whether a check speaks against its scenario."""
    return verdict not in (None, "PASS")


def describe(report: RunReport) -> dict[str, Any]:
    """The verdict of each scenario with its reasons."""
    return {scenario.name: [scenario.verdict, *scenario.reasons] for scenario in report.scenarios}


def say(found: dict[str, Any]) -> str:
    """The numbers in words."""
    lines = [
        f"{found['runs']} runs drawn out of {found['recorded']} ({found['profile']}) in {found['block_s']} s blocks"
    ]
    for name, counts in found["verdicts"].items():
        recorded = found["recorded_verdicts"].get(name, [""])[0]
        lines.append(f"{name}: {counts}" + (f", recorded {recorded}" if recorded else ""))
        lines += [f"  {number} x {reason}" for reason, number in found["reasons"].get(name, {}).items()]
    return "\n".join(lines)


def write_table(found: dict[str, Any]) -> str:
    """How many drawn runs, and scenarios of them, have which verdict, in Markdown."""
    lines = [f"{found['runs']} runs, drawn in blocks of {found['block_s']} s:", ""]
    lines += ["| | verdicts of the drawn runs | verdict of the recorded run |", "|---|---|---|"]
    for name, counts in found["verdicts"].items():
        drawn = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        lines.append(f"| {name} | {drawn} | {found['recorded_verdicts'].get(name, [''])[0]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Judge clean runs that are drawn out of a recorded one.")
    parser.add_argument("folder", type=Path, help="results folder of a run")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--block", type=int, default=BLOCK_S, help="seconds of a block")
    parser.add_argument("--json", action="store_true", help=f"write {FILE.name} and {DOCUMENT.name} too")
    given = parser.parse_args()
    try:
        if not read_run(given.folder).complete:
            parser.error(f"{given.folder}: not every scenario ran to its end; give a run that is whole")
    except RunError as error:
        parser.error(str(error))
    found = measure(given.folder, given.runs, given.seed, given.block)
    print(say(found))
    if given.json:
        FILE.write_text(json.dumps(found, indent=1) + "\n")
        DOCUMENT.write_text(replace_between(DOCUMENT.read_text(), BEGIN, END, write_table(found)))


if __name__ == "__main__":
    main()
