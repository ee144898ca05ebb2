"""Answers whether anything grows at constant load: the slope and the level of each process, each store, and of p95."""

from analysis.checks.bootstrap import compare_p95, cut_blocks
from analysis.checks.evidence import Evidence, Span
from analysis.checks.growth import Course
from analysis.checks.series import Series
from analysis.findings import FAIL, INCONCLUSIVE, NO_OBJECTIVE, PASS, PERFORMANCE, Answer, Check, Figure, Table
from analysis.number_formats import say_number
from analysis.records.endpoints import ALL_BUT_LOGIN
from analysis.scenarios.baseline import judge_drift, steady_span
from analysis.scenarios.soak_growth import (
    COLUMNS,
    Growth,
    make_growth,
    measure_series,
    say_doubt,
    say_growth,
    write_row,
)
from analysis.scenarios.soak_series import OF_ANSWERS, OF_STORES, OF_WORKERS, Quantity, draw_series


def answer_soak(evidence: Evidence) -> Answer:
    """Measure every series after the warm-up, and judge it where it has an objective."""
    span = steady_span(evidence)
    server, latencies = f"{evidence.plan.name}_server.jsonl", evidence.file(".hlog")
    growths, short = measure_growths(evidence, span)
    checks = [judge_growth(each, latencies if each.quantity is OF_ANSWERS else server) for each in growths]
    checks += judge_watch(growths, evidence.run.sources)
    checks.append(judge_course(evidence, span))
    table = Table("Growth", COLUMNS, tuple(write_row(each) for each in growths), f"{server}, {latencies}")
    left_out = say_number(float(span[0] - evidence.curve.started), "s")
    measured = f"Growth is measured over {say_number(float(span[1] - span[0]), 's')} (without the first {left_out})."
    notes = [*short, measured, "Nine of ten such runs find growth that is called detectable."]
    return Answer(say_growths(growths), tuple(checks), tables=(table,), notes=tuple(notes))


def judge_course(evidence: Evidence, span: Span) -> Check:
    """Hold p95 of the last third against that of the first, as in the baseline: it must not creep up."""
    third, plan = (span[1] - span[0]) // 3, evidence.plan
    latencies = evidence.latencies_of(*ALL_BUT_LOGIN)
    first = cut_blocks(latencies, (span[0], span[0] + third))
    last = cut_blocks(latencies, (span[1] - third, span[1]))
    drift = compare_p95(first, last, plan.limit("endpoint-answers"), plan.limit("drift-confidence"))
    return judge_drift(plan, drift, evidence.file(".hlog"))


def measure_growths(evidence: Evidence, span: Span) -> tuple[list[Growth], list[str]]:
    """How every series grew, and a sentence for each that is too short to tell."""
    measured: list[tuple[Quantity, Series, Course]] = []
    short: dict[str, None] = {}
    for quantity, series in draw_series(evidence, span):
        course = measure_series(quantity, series)
        if course is None:
            short[f"{series.owner} was there for too short a time to judge its growth."] = None
        else:
            measured.append((quantity, series, course))
    judged = sum(evidence.plan.objective(quantity.objective) is not None for quantity, _, _ in measured)
    confidence = 1 - (1 - evidence.plan.limit("growth-confidence")) / max(1, 2 * judged)
    return [make_growth(evidence.plan, *each, confidence) for each in measured], list(short)


def judge_growth(growth: Growth, source: str) -> Check:
    """FAIL when the lower end of an interval exceeds what is allowed; INCONCLUSIVE when only the value does."""
    name = f"{growth.what}: no growth"
    unit, slope, level = growth.quantity.unit, growth.slope, growth.level
    a_minute = f"{unit} a minute".strip()
    figures: tuple[Figure, ...] = (
        Figure("slope", slope.value, a_minute, source, slope.low, slope.high),
        Figure("end less begin", level.value, unit, source, level.low, level.high),
        Figure("smallest detectable growth", growth.detectable, a_minute, source),
    )
    if slope.objective is None:
        return Check(name, PERFORMANCE, None, NO_OBJECTIVE, figures)
    if slope.exceeds or level.exceeds:
        return Check(name, PERFORMANCE, FAIL, say_growth(growth), figures)
    if doubt := say_doubt(growth):
        return Check(name, PERFORMANCE, INCONCLUSIVE, doubt, figures)
    return Check(name, PERFORMANCE, PASS, "", figures)


def judge_watch(growths: list[Growth], sources: list[str]) -> list[Check]:
    """INCONCLUSIVE for what could not be watched for long enough: in no process of a source, or not at all."""
    watched = {(each.quantity, owner) for each in growths for owner in (each.owner.rpartition(" ")[0], "")}
    wanted = [(quantity, source) for quantity in OF_WORKERS for source in sources]
    checks = []
    for quantity, source in [*wanted, (OF_STORES[0], "")]:
        if (quantity, source) not in watched:
            words = f"{quantity.words} of {source}" if source else quantity.words
            reason = f"There are too few samples to judge the growth of {words}."
            checks.append(Check(f"{words}: no growth", PERFORMANCE, INCONCLUSIVE, reason))
    return checks


def say_growths(growths: list[Growth]) -> str:
    """The steepest slope of each quantity, and the least growth that would have been found in each of its series."""
    said = []
    for quantity in (*OF_WORKERS, *OF_STORES, OF_ANSWERS):
        mine = [each for each in growths if each.quantity is quantity]
        if not mine:
            continue
        found = [each.detectable for each in mine if each.detectable is not None]
        detectable = f" (detectable from {quantity.say(max(found))})" if found else ""
        said.append(f"{say_steepest(quantity, max(each.slope.value for each in mine))}{detectable}.")
    return " ".join(said) or "Nothing could be watched for long enough."


def say_steepest(quantity: Quantity, slope: float) -> str:
    """How fast a quantity grew in the process in which it grew fastest."""
    if slope == 0:
        return f"The {quantity.words} did not grow"
    return f"The {quantity.words} {'grew by at most' if slope > 0 else 'fell by'} {quantity.say(abs(slope))} a minute"
