"""Answers whether latency follows load up and down again: the same load gives the same latency on both ways."""

from dataclasses import dataclass

from analysis.checks.bootstrap import Blocks, Ratio, compare_p95, cut_blocks
from analysis.checks.evidence import Evidence
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
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
    """Compare each level on the way down with the same one on the way up."""
    plan, source = evidence.plan, evidence.file(".hlog")
    levels = [
        Level(number, plateau.users, cut_blocks(evidence.latencies, evidence.span_of(plateau)))
        for number, plateau in enumerate(plan.plateaus(), start=1)
    ]
    answers, confidence = plan.limit("endpoint-answers"), plan.limit("drift-confidence")
    pairs = [(up, down, compare_p95(up.blocks, down.blocks, answers, confidence)) for up, down in pair_levels(levels)]
    checks = [judge_return(plan, up, ratio, source) for up, _, ratio in pairs]
    if not any(check.verdict for check in checks):
        reason = "too few answers on the plateaus to compare the way up with the way down"
        checks.append(Check("p95 returns with the load", PERFORMANCE, INCONCLUSIVE, reason))
    factor = plan.objective("return-factor")
    note = f"a difference below {factor:g} x between the way up and the way down would not show"
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
    if ratio.value is None or ratio.low is None or ratio.before_ms is None or ratio.after_ms is None:
        return Check(name, PERFORMANCE, None, "too few answers", ends)
    figures = Figure("down over up", ratio.value, "x", source, ratio.low, ratio.high), *ends
    if ratio.value <= factor or ratio.after_ms - ratio.before_ms <= noise:
        return Check(name, PERFORMANCE, PASS, "", figures)
    words = (
        f"at {up.users} users p95 was {ratio.before_ms:.4g} ms on the way up and {ratio.after_ms:.4g} on the way down"
    )
    reason = f"{words}: {ratio.value:.2f} x ({ratio.low:.2f} to {ratio.high:.2f}), objective {factor:g} x"
    if ratio.low <= 1:
        return Check(name, PERFORMANCE, INCONCLUSIVE, f"{reason}; the interval is too wide to tell", figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def say_levels(levels: list[Level], pairs: list[tuple[Level, Level, Ratio]]) -> str:
    """The p95 of every level, and how they returned."""
    seen = [
        f"{level.blocks.measure(level.blocks.percentile(0.95)):.4g} ms at {level.users}"
        for level in levels
        if level.blocks.answers
    ]
    back = [f"{ratio.value:.2f} x at {up.users}" for up, _, ratio in pairs if ratio.value is not None]
    words = f"p95 {', '.join(seen)} users" if seen else "no plateau had an answer"
    return words + (f"; down over up: {', '.join(back)}" if back else "")


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
