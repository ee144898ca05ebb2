"""Answers what is normal, and whether it is steady: percentiles and throughput with intervals, and no drift."""

from analysis.checks.bootstrap import Blocks, Ratio, compare_p95, cut_blocks, find_interval
from analysis.checks.evidence import Evidence, Span
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure
from analysis.number_formats import say_number, say_range
from analysis.plan.plan import Plan

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
INTERVAL = 0.95  # confidence of the intervals that are shown


def answer_baseline(evidence: Evidence) -> Answer:
    """Measure the plateau after warm-up, and compare its last third with its first."""
    span, source = steady_span(evidence), evidence.file(".hlog")
    latencies = evidence.latencies
    figures = tuple(measure_figures(cut_blocks(latencies, span), source))
    third = (span[1] - span[0]) // 3
    first = cut_blocks(latencies, (span[0], span[0] + third))
    last = cut_blocks(latencies, (span[1] - third, span[1]))
    limits = evidence.plan
    drift = compare_p95(first, last, limits.limit("endpoint-answers"), limits.limit("drift-confidence"))
    check = judge_drift(limits, drift, source)
    said = [say_measure(figure) for figure in figures if figure.value is not None]
    words = f"After ramp and warm-up, the {' The '.join(said)}" if said else "Nothing was answered after the warm-up."
    if drift.value is not None and drift.low is not None and drift.high is not None:
        ratio = f"{say_number(drift.value)} times that of the first ({say_range(drift.low, drift.high)})"
        words += f" The p95 of the last third is {ratio}."
    factor = limits.objective("drift-factor")
    note = f"A rise of the p95 by less than a factor of {factor:g} would not show (over thirds of {third:.0f} s)."
    note += " Neither would a slower rise."
    return Answer(words, (check,), figures, notes=(note,))


def steady_span(evidence: Evidence) -> Span:
    """The longest plateau without its warm-up, in seconds since the epoch; empty when the run ended before it."""
    plateaus = evidence.plan.plateaus()
    if not plateaus:
        return evidence.span[1], evidence.span[1]
    plateau = max(plateaus, key=lambda plateau: plateau.end - plateau.start)
    start, end = evidence.span_of(plateau)
    return min(start + evidence.plan.limit("warm-up-seconds"), end), end


def measure_figures(blocks: Blocks, source: str) -> list[Figure]:
    """p50, p95, p99 and throughput with their 95 % intervals."""
    if not blocks.answers:
        return []
    measures = {name: (blocks.percentile(share), "ms") for name, share in SHARES.items()}
    measures["throughput"] = (blocks.throughput, "answers/s")
    figures = []
    for name, (measure, unit) in measures.items():
        low, high = find_interval((blocks,), measure, INTERVAL) or (None, None)
        figures.append(Figure(name, blocks.measure(measure), unit, source, low, high))
    return figures


def judge_drift(plan: Plan, drift: Ratio, source: str) -> Check:
    """FAIL when p95 rose by more than the factor and the interval of the ratio excludes 1; a fall is no drift.

    INCONCLUSIVE when it rose by more than the factor and the interval does not exclude 1, but for a rise of a few ms.
    """
    name, factor = "p95 is steady", plan.objective("drift-factor") or 0.0
    ends = (
        Figure("p95 of the first third", drift.before_ms, "ms", source),
        Figure("p95 of the last third", drift.after_ms, "ms", source),
    )
    if drift.value is None or drift.low is None or drift.high is None:
        reason = "A third of the run has too few answers to tell whether the p95 is steady."
        return Check(name, PERFORMANCE, INCONCLUSIVE, reason, ends)
    figures = Figure("last third over first", drift.value, "x", source, drift.low, drift.high), *ends
    before, after = drift.before_ms or 0.0, drift.after_ms or 0.0
    unsure = drift.low <= 1
    if drift.value <= factor or (unsure and after - before <= plan.limit("drift-noise-ms")):
        return Check(name, PERFORMANCE, PASS, "", figures)
    reason = f"The p95 of the last third is {say_number(drift.value, beside=factor)} times that of the first"
    ends_said = f"{say_number(before, 'ms')} then {say_number(after, 'ms')}"
    reason += f" ({say_range(drift.low, drift.high, beside=1)}, {ends_said}, objective {factor:g})."
    if unsure:
        return Check(name, PERFORMANCE, INCONCLUSIVE, f"{reason} The interval is too wide to tell.", figures)
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def say_measure(figure: Figure) -> str:
    """`p95 is 12 ms (11 to 13).`"""
    words = f"{figure.name} is {say_number(float(figure.value or 0), figure.unit)}"
    has_interval = figure.low is not None and figure.high is not None
    return f"{words} ({say_range(figure.low or 0.0, figure.high or 0.0)})." if has_interval else f"{words}."
