"""Draws another run out of a recorded one: blocks of its seconds change places within each plateau.

Künsch, "The Jackknife and the Bootstrap for General Stationary Observations" (1989). All records of a second move
together. Kept in place: ramps, the warm-up of baseline and soak, the 10 s after a spike, and smoke, whose walk has an
order. Users, data, read-back and Locust's history stay as they are. Blocks of a soak come from near by, so that a p95
that grows goes on growing; elsewhere a trend of latency is broken up.

A mix that was the planned one is the plan of the drawn run: else the chance by which it missed the plan would count
twice (Hall and Wilson, "Two Guidelines for Bootstrap Hypothesis Testing", 1991: draw as if the hypothesis held).
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.checks.evidence import gather_evidence
from analysis.checks.load_rules import judge_mix
from analysis.findings import PASS
from analysis.plan.plan import Plan, plan_to_dict
from analysis.records.curve import Curve, measure_curve
from analysis.records.endpoints import count_mix
from analysis.records.locust_files import read_results
from analysis.records.results_folder import find_parts
from analysis.records.run import Run
from tests.error_rates.resampled_samples import move_samples
from tests.error_rates.resampled_totals import Kinds, add_refused_writes, change_failures, change_stats

BLOCK_S = 5
AFTERMATH_S = 10  # after the end of a spike: how it calms down has an order
NEAR_SHARE = 0.1  # of the judged time of a soak: its blocks come from no farther away
MOVED = (".hlog", "_seconds.csv", "_generator.csv", "_server.jsonl", "_stats.csv", "_failures.csv", "_ledger.jsonl")
Sources = dict[int, int]  # second of the new run: the second of the recorded one that it shows (since the epoch)
Lines = dict[int, list[str]]  # by the second to which they belong


def resample_run(folder: Path, run: Run, target: Path, source: np.random.Generator, block: int = BLOCK_S) -> None:
    """Write a run into the empty folder `target` that is drawn out of the run in `folder`, in blocks of `block` s."""
    shutil.copy(folder / "scenarios.csv", target)
    plans = [plan_to_dict(plan_recorded_mix(folder, run, plan)) for plan in run.plans]
    (target / "run.json").write_text(json.dumps({**run.facts, "plan": plans}))
    for plan in run.plans:
        results = read_results(folder, plan.name)
        curve = measure_curve(results.history, results.stopped_at)
        write_scenario(folder, plan.name, target, draw_sources(plan, curve, source, block))


def plan_recorded_mix(folder: Path, run: Run, plan: Plan) -> Plan:
    """The plan with the share of writes that was recorded, where that passes for the planned one."""
    endpoints = gather_evidence(folder, plan, run).endpoints
    sent, writes = count_mix(endpoints)
    if any(check.verdict != PASS for check in judge_mix(plan, endpoints, "")) or plan.write_share is None or not sent:
        return plan
    return replace(plan, write_share=writes / sent)


def draw_sources(plan: Plan, curve: Curve, source: np.random.Generator, block: int) -> Sources:
    """Which recorded second each second of the load shows; seconds that stay are not in it."""
    drawn: Sources = {}
    for first, end in find_sections(plan, curve):
        length = max(1, min(block, (end - first) // 3))
        near = max(length, round(NEAR_SHARE * (end - first))) if plan.name == "soak" else end - first
        for begin in range(first, end, length):
            low, high = max(first, begin - near), min(end - length, begin + near)
            chosen = int(source.integers(min(low, high), high + 1))
            for step in range(min(length, end - begin)):
                drawn[curve.started + begin + step] = curve.started + chosen + step
    return drawn


def find_sections(plan: Plan, curve: Curve) -> list[tuple[int, int]]:
    """The stretches, in seconds of the load, within which blocks may change places."""
    if plan.name == "smoke":
        return []
    warm = plan.limit("warm-up-seconds") if plan.name in ("baseline", "soak") else 0
    peak = max(range(len(plan.stages)), key=lambda index: plan.stages[index].users)
    calm = plan.stage_ends[peak] + AFTERMATH_S if plan.name == "spike" else 0
    sections = []
    for plateau in plan.plateaus():
        first, end = curve.bounds_of(plateau)
        first = round(max(first + warm, calm if plateau.start >= calm - AFTERMATH_S > 0 else 0))
        if end - first >= 3:
            sections.append((first, end))
    return sections


def write_scenario(folder: Path, name: str, target: Path, sources: Sources) -> None:
    """Write all files of a scenario, each second of the load as the recorded one that it shows."""
    moving = {path for ending in MOVED for path in find_parts(folder, name, ending).values()}
    for path in folder.glob(f"{name}_*"):
        if path not in moving and path.suffix in (".csv", ".json", ".jsonl"):
            shutil.copy(path, target)
    before, after = Kinds(), Kinds()
    for path in find_parts(folder, name, "_seconds.csv").values():
        lines = path.read_text().splitlines(keepends=True)
        moved = move_lines(lines, sources, second_of_row, shift_first)
        _write(target / path.name, moved)
        before.add(lines[1:])
        after.add(moved[1:])
    for ending, second_of, shift in (
        (".hlog", second_of_histogram, shift_tagged),
        ("_generator.csv", second_of_generator, shift_first),
    ):
        for path in find_parts(folder, name, ending).values():
            lines = path.read_text().splitlines(keepends=True)
            _write(target / path.name, move_lines(lines, sources, second_of, shift))
    for path in find_parts(folder, name, "_server.jsonl").values():
        _write(target / path.name, move_samples(path.read_text().splitlines(), sources))
    for ending, change in (("_stats.csv", change_stats), ("_failures.csv", change_failures)):
        if (path := folder / f"{name}{ending}").exists():
            change(path, target / path.name, before, after)
    add_refused_writes(find_parts(folder, name, "_ledger.jsonl"), target, after.writes - before.writes)


def move_lines(
    lines: list[str], sources: Sources, second_of: Callable[[str], int], shift: Callable[[str, int], str]
) -> list[str]:
    """The lines of a new run, in the order of their seconds; heads, and lines that cannot be read, stay first."""
    heads: list[str] = []
    by_second: Lines = defaultdict(list)
    for line in lines:
        try:
            by_second[second_of(line)].append(line)
        except (ValueError, IndexError):
            heads.append(line)
    moved = list(heads)
    for second in sorted(by_second.keys() | sources.keys()):
        origin = sources.get(second, second)
        moved += [shift(line, second - origin) for line in by_second.get(origin, [])]
    return moved


def second_of_row(line: str) -> int:
    """The second of a row of NAME_seconds.csv."""
    return int(line.split(",", 1)[0])


def second_of_histogram(line: str) -> int:
    """The second of a line of a HdrHistogram log."""
    return int(float(line.split(",")[1]))


def second_of_generator(line: str) -> int:
    """The second that a row of NAME_generator.csv is about: the one that ended with it."""
    return round(float(line.split(",", maxsplit=1)[0])) - 1


def shift_first(line: str, by: int) -> str:
    """A line of comma-separated values whose first is a moment, so many seconds later."""
    moment, rest = line.split(",", 1)
    return f"{int(moment) + by},{rest}" if moment.isdigit() else f"{float(moment) + by:.3f},{rest}"


def shift_tagged(line: str, by: int) -> str:
    """A line of a HdrHistogram log, so many seconds later."""
    tag, moment, rest = line.split(",", 2)
    return f"{tag},{float(moment) + by:.6f},{rest}"


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(lines))
