"""Answers whether latency follows load up and down again: the same load gives the same latency on both ways."""

from dataclasses import dataclass

from analysis.checks.bootstrap import Blocks, Ratio, compare_p95, cut_blocks
from analysis.checks.evidence import Evidence
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.number_formats import say_number, say_range
from analysis.plan.plan import Plan
from analysis.records.counts import count_requests

COLUMNS = ("plateau", "users", "seconds", "answers/s", "p50 ms", "p95 ms", "p99 ms", "errors", "shed")


@dataclass(frozen=True)
class Level:
    """A plateau as it was measured; `number` counts from 1."""

    number: int
    users: int
    blocks: Blocks


def answer_stages(evidence: Evidence) -> Answer:
    """Compare each level on the way down with the same level on the way up."""
    plan, source = evidence.plan, evidence.file(".hlog")
    levels = [
        Level(number, plateau.users, cut_blocks(evidence.latencies, evidence.span_of(plateau)))
        for number, plateau in enumerate(plan.plateaus(), start=1)
    ]
    answers, confidence = plan.limit("endpoint-answers"), plan.limit("drift-confidence")
    pairs = [(up, down, compare_p95(up.blocks, down.blocks, answers, confidence)) for up, down in pair_levels(levels)]
    checks = [judge_return(plan, up, ratio, source) for up, _, ratio in pairs]
    if not any(check.verdict for check in checks):
        reason = "The plateaus have too few answers to compare the way up with the way down."
        checks.append(Check("p95 returns with the load", PERFORMANCE, INCONCLUSIVE, reason))
    factor, noise = plan.objective("return-factor"), plan.limit("return-noise-ms")
    note = f"A rise of the p95 by less than a factor of {factor:g} would not show (way down against way up)."
    note += f" A rise by up to {noise:g} ms would not show either, whatever its factor."
    return Answer(say_levels(levels, pairs), tuple(checks), tables=(measure_levels(evidence),), notes=(note,))


def pair_levels(levels: list[Level]) -> list[tuple[Level, Level]]:
    """The levels of the same users before and after the highest."""
    if not levels:
        return []
    top = max(range(len(levels)), key=lambda place: levels[place].users)
    return [(up, down) for up in levels[:top] for down in levels[top + 1 :] if up.users == down.users]


def judge_return(plan: Plan, up: Level, ratio: Ratio, source: str) -> Check:
    """FAIL when p95 on the way down exceeds that up by factor and noise, with an interval that excludes 1.

    INCONCLUSIVE when it does and the interval does not exclude 1.
    """
    factor, noise = plan.objective("return-factor") or 0.0, plan.limit("return-noise-ms")
    name = f"p95 at {up.users} users returns with the load"
    ends = Figure("p95 up", ratio.before_ms, "ms", source), Figure("p95 down", ratio.after_ms, "ms", source)
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return Check(name, PERFORMANCE, None, "There were too few answers.", ends)
    figures = Figure("down over up", ratio.value, "x", source, ratio.low, ratio.high), *ends
    before, after = ratio.before_ms or 0.0, ratio.after_ms or 0.0
    if ratio.value <= factor or after - before <= noise:
        return Check(name, PERFORMANCE, PASS, "", figures)
    times = f"{say_number(ratio.value, beside=factor)} times that on the way up"
    ends_said = f"{say_number(before, 'ms')} then {say_number(after, 'ms')}"
    details = f"{say_range(ratio.low, ratio.high, beside=1)}, {ends_said} at {up.users:,} users, objective {factor:g}"
    reason = f"The p95 on the way down is {times} ({details})."
    if ratio.low <= 1:
        return Check(name, PERFORMANCE, INCONCLUSIVE, f"{reason} The interval is too wide to tell.", figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def say_levels(levels: list[Level], pairs: list[tuple[Level, Level, Ratio]]) -> str:
    """The highest p95 of all levels, and the level that returned least."""
    measured = [(level.blocks.measure(level.blocks.percentile(0.95)), level.users) for level in levels]
    known = [(p95, users) for p95, users in measured if p95 is not None]
    if not known:
        return "No plateau had an answer."
    p95, users = max(known)
    words = f"The highest p95 of a plateau is {say_number(p95, 'ms')} (at {users:,} users)."
    ratios = [(ratio.value, up.users) for up, _, ratio in pairs if ratio.value is not None]
    if ratios:
        ratio, users = max(ratios)
        times = f"{say_number(ratio)} times that on the way up (at {users:,} users)"
        words += f" On the way down, the p95 is at most {times}."
    return words


def measure_levels(evidence: Evidence) -> Table:
    """Latency and throughput of each plateau."""
    rows = []
    for number, plateau in enumerate(evidence.plan.plateaus(), start=1):
        span = evidence.span_of(plateau)
        mine, counts = evidence.latencies.between(*span), count_requests(evidence.rows_in(span))
        seconds = span[1] - span[0]
        rate = round(counts.right / seconds, 1) if seconds else None
        latencies = [mine.percentile(share) for share in (0.5, 0.95, 0.99)]
        rows.append((number, plateau.users, seconds, rate, *latencies, counts.errors, counts.shed))
    source = f"{evidence.file('.hlog')}, {evidence.file('_seconds.csv')}"
    return Table("Plateaus", COLUMNS, tuple(rows), source)
