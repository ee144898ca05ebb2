"""Judges a comparison: reads its folder, asks whether it was done properly, and says what it showed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from analysis.compare.blocks import Block, count_side, read_blocks
from analysis.compare.judging import FAMILY, INVALID, Finding, conclude, is_blind, judge_pairs, list_worse
from analysis.compare.pairs import ALL, Ratios, pair_blocks, take_ratios
from analysis.compare.validity import check_blocks
from analysis.compare.words import list_reasons, say_answer
from analysis.findings import PASS, Check
from analysis.number_formats import say_count, say_share
from analysis.records.comparison import SIDES, ComparisonPlan, read_comparison
from analysis.records.counts import Counts
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_failure_samples
from analysis.report.unusual import summarize_gaps

BLOCKS, RUNS = "blocks", "runs"  # kinds of comparisons
IDLE_WORTH_TELLING = 0.05  # of a core


@dataclass(frozen=True)
class Comparison:
    """All that the outputs show of a comparison, as plain data.

    `reasons` are (verdict, words), the worst first; `courses` are the measures of the picture, pair by pair.
    """

    name: str
    kind: str
    profile: str
    scenario: str
    verdict: str
    answer: str
    within: float
    saturate: bool
    complete: bool
    sides: dict[str, dict[str, Any]]
    reasons: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    courses: tuple[Ratios, ...] = ()


def build_comparison(folder: Path, within: float | None = None) -> Comparison:
    """What a comparison's folder shows; `within` wins over the one in plan.json. Raises RunError without a plan."""
    plan = read_comparison(folder)
    plan = replace(plan, within=within) if within else plan
    blocks, gaps = read_blocks(folder, plan) if plan.blocks else ([], Gaps())
    pairs = pair_blocks(blocks)
    checks = check_blocks(folder, plan, blocks, len(pairs), gaps)
    findings = judge_pairs(pairs, plan.within, plan.saturate)
    worse = list_worse(findings, plan.within, plan.saturate)
    asked = all(check.verdict == PASS for check in checks)
    if not asked:
        findings = [replace(finding, verdict=None) for finding in findings]
    verdict = conclude(findings, worse) if asked else INVALID
    return Comparison(
        name=folder.resolve().name,
        kind=BLOCKS,
        profile=plan.profile,
        scenario=plan.scenario,
        verdict=verdict,
        answer=say_answer(verdict, findings, plan.within, worse),
        within=plan.within,
        saturate=plan.saturate,
        complete=plan.complete,
        sides={name: {**asdict(plan.sides[name]), "label": plan.sides[name].title} for name in SIDES},
        reasons=list_reasons(checks, findings, worse if asked else ()),
        findings=tuple(findings),
        checks=tuple(checks),
        notes=(*tell(folder, plan, blocks, findings), *summarize_gaps(gaps)),
        courses=tuple(take_ratios(pairs, ALL, measure) for measure in FAMILY) if pairs else (),
    )


def tell(folder: Path, plan: ComparisonPlan, blocks: Sequence[Block], findings: Sequence[Finding]) -> list[str]:
    """What is to be known before the figures are believed."""
    a, b = (plan.sides[name] for name in SIDES)
    notes = [*plan.notes, *tell_settings(a.settings, b.settings)]
    for name in SIDES:
        notes += tell_failures(folder, name, count_side(blocks, name))
        if (idle := plan.idle_cost.get(name, 0.0)) > IDLE_WORTH_TELLING:
            notes.append(f"Side {name.upper()} uses {say_share(idle)} of a core while it is left idle.")
    if is_blind(findings, scope_is_all=True):
        notes.append("The pairs are too few to find any difference.")
    elif is_blind(findings, scope_is_all=False):
        notes.append("The pairs are too few to find a difference of a single endpoint.")
    return notes


def tell_failures(folder: Path, side: str, counts: Counts) -> list[str]:
    """How many requests of a side failed or were refused in its blocks, and what was the first that failed."""
    if not counts.wrong and not counts.shed:
        return []
    failed, refused = say_count(counts.wrong, "request"), say_count(counts.shed, "request")
    told = f"On side {side.upper()}, {failed} failed and {refused} got 503 or 429, of {counts.requests:,}."
    samples = read_failure_samples(folder, side, Gaps())
    if samples:
        first = min(samples, key=lambda sample: sample.at)
        told += f" The first: {first.method} {first.name}: {first.text}."
    return [told]


def tell_settings(a: dict[str, dict[str, Any]], b: dict[str, dict[str, Any]]) -> list[str]:
    """In which settings the services of the sides differ."""
    notes = []
    for service in sorted({*a, *b}):
        one, other = a.get(service, {}), b.get(service, {})
        for name in sorted({*one, *other}):
            values = one.get(name, "unknown"), other.get(name, "unknown")
            if values[0] != values[1]:
                notes.append(f"The {service} services differ in {name}: {values[0]} on A, {values[1]} on B.")
    return notes
