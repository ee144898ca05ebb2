"""Answers how much load the services bear, and what gave way first: what the steps of a search have shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.checks.bootstrap import cut_blocks, find_interval
from analysis.checks.evidence import Evidence
from analysis.checks.step_rules import NAMES, judge_step, measure_asked
from analysis.findings import INCONCLUSIVE, INVALID, PERFORMANCE, VALIDITY, Answer, Check, Figure, Table, make_check
from analysis.number_formats import say_count, say_number, say_share
from analysis.plan.plan import UNITS
from analysis.records.counts import count_requests
from analysis.records.steps import ENDS, GENERATOR, ILL, LEAST, MOST, STEPS, TIME, Bracket, Step, find_bracket
from analysis.scenarios.gave_way import Reading, find_first, find_readings, tabulate
from analysis.scenarios.scalability import Point, fit_law, say_law

TITLE = "Steps"
COLUMNS = (
    "step", "load", "answers/s", "from", "to", "p50 ms", "p95 ms", "asked for", "failed", "it", "because",
)  # fmt: skip
WORDS = {"users": "users", "arrivals": "arrivals a second"}
CONFIDENCE = 0.95  # of the interval of the answers a second of a step
TIMES = {1: "once", 2: "twice"}


@dataclass(frozen=True)
class Taken:
    """A step as it was measured; `broke` is what the report makes of it."""

    step: Step
    point: Point
    broke: tuple[str, ...]
    row: tuple[Any, ...]


def answer_break_point(evidence: Evidence) -> Answer:
    """Say which load holds, which breaks, and what gave way."""
    taken = [measure_step(evidence, number, step) for number, step in enumerate(evidence.search.judged, start=1)]
    bracket = find_bracket((each.step.load, bool(each.step.broken)) for each in taken)
    checks = [judge_bracket(evidence, bracket), judge_agreement(evidence, taken), judge_limit(evidence, bracket)]
    readings = read_limits(evidence, taken, bracket)
    law = fit_law([each.point for each in taken]) if evidence.plan.search == "users" else None
    notes = [say_law(law, max(each.step.load for each in taken))] if law else []
    tables = [
        Table(
            f"{TITLE}, load in {name_unit(evidence)}",
            COLUMNS,
            tuple(each.row for each in taken),
            f"{evidence.file('.hlog')}, {evidence.plan.name}{STEPS}",
        )
    ]
    if readings:
        tables.append(tabulate(readings, evidence.plan.name))
    words = say_bracket(evidence, taken, bracket, readings)
    figures = measure_bracket(evidence, taken, bracket)
    summary = {"break_point": describe_bracket(evidence, taken, bracket, readings)}
    return Answer(words, tuple(checks), figures, tuple(tables), tuple(notes), summary)


def measure_step(evidence: Evidence, number: int, step: Step) -> Taken:
    """What the files say of a step."""
    rows, answers = evidence.rows_in(step.span), evidence.latencies.between(*step.span)
    why = judge_step(evidence.plan, step.load, rows, answers, step.span)
    blocks, counts = cut_blocks(evidence.latencies, step.span), count_requests(rows)
    seconds = step.span[1] - step.span[0]
    rate = answers.answers / seconds
    low, high = find_interval((blocks,), blocks.throughput, CONFIDENCE) or (rate, rate)
    others = answers.of_groups("reads", "writes")
    row = (
        number, step.load, round(rate, 1), round(low, 1), round(high, 1), others.percentile(0.5),
        others.percentile(0.95), say_share(round(measure_asked(evidence.plan, rows, step.load, seconds), 3)),
        counts.errors + counts.shed, "breaks" if step.broken else "holds", "; ".join(step.why) or None,
    )  # fmt: skip
    return Taken(step, Point(step.load, rate, low, high), why, row)


def judge_bracket(evidence: Evidence, bracket: Bracket) -> Check:
    """INCONCLUSIVE when no step held, or none broke, or the search was cut off before it had both."""
    because, name = evidence.search.because, "a step held and one broke"
    reason = ""
    if because in (MOST, LEAST, ILL) or bracket.holds is None or bracket.breaks is None:
        reason = f"There is no break-point between two steps, because {ENDS.get(because, 'the search was cut off')}."
    found = (
        Figure("holds", bracket.holds, name_unit(evidence), f"{evidence.plan.name}{STEPS}"),
        Figure("breaks", bracket.breaks, name_unit(evidence), f"{evidence.plan.name}{STEPS}"),
    )
    return make_check(name, PERFORMANCE, reason, *found, verdict=INCONCLUSIVE)


def judge_agreement(evidence: Evidence, taken: Sequence[Taken]) -> Check:
    """INVALID when the files say another thing of a step than the load made of it while it ran."""
    differing = [str(number) for number, each in enumerate(taken, start=1) if bool(each.broke) != each.step.broken]
    reason = ""
    if differing:
        steps = say_count(len(differing), "step")
        reason = f"The load took {steps} for another thing than the files say (step {', '.join(differing)})."
    return make_check(
        "the search went by what was recorded",
        VALIDITY,
        reason,
        Figure("steps", len(taken), "", f"{evidence.plan.name}{STEPS}"),
    )


def judge_limit(evidence: Evidence, bracket: Bracket) -> Check:
    """INVALID when the load itself was the limit: then the services bear at least what held."""
    reason = ""
    if evidence.search.because == GENERATOR:
        least = "" if bracket.holds is None else f" The services bear at least {bracket.holds:,} {name_unit(evidence)}."
        add = f"Add --processes {evidence.run.processes + 1}, or a machine for the load."
        reason = f"The generator gave way first.{least} {add}"
    return make_check("the services gave way before the load did", VALIDITY, reason, verdict=INVALID)


def read_limits(evidence: Evidence, taken: Sequence[Taken], bracket: Bracket) -> list[Reading]:
    """What was at its limit in the first step of the smallest load that broke."""
    breaking = next((each.step for each in taken if each.step.load == bracket.breaks), None)
    holding = next((each.step for each in taken if each.step.load == bracket.holds), None)
    return find_readings(evidence, holding, breaking) if breaking else []


def name_first(taken: Sequence[Taken], bracket: Bracket, readings: Sequence[Reading]) -> tuple[str, list[str]]:
    """What gave way first, and the evidence for it."""
    why = next((each.step.why for each in taken if each.step.load == bracket.breaks), ())
    groups = [name for name in NAMES.values() if any(name in words for words in why)]
    first = find_first(readings)
    what = " and ".join(each.rule.what for each in first) or "nothing that was watched"
    who = " and ".join(groups)
    return f"{who}: {what}" if who else what, [*why, *(each.say() for each in first)]


def name_unit(evidence: Evidence) -> str:
    """`users`, `arrivals a second`."""
    return WORDS[evidence.plan.search or "users"]


def say_bracket(evidence: Evidence, taken: Sequence[Taken], bracket: Bracket, readings: Sequence[Reading]) -> str:
    """`The services bear 1,240 users (they hold 1,240 twice and break at 1,360 twice; 617 answers/s). ...`."""
    if bracket.holds is None:
        return "No step held." if taken else "No step was taken to its end."
    rate = next(each.point.rate for each in taken if each.step.load == bracket.holds)
    holds, unit = f"hold {bracket.holds:,} {_say_tries(taken, bracket.holds)}", name_unit(evidence)
    if bracket.breaks is None:
        return f"The services bear at least {bracket.holds:,} {unit} (they {holds}; {say_number(rate)} answers/s)."
    breaks = f"break at {bracket.breaks:,} {_say_tries(taken, bracket.breaks)}"
    words = f"The services bear {bracket.holds:,} {unit} (they {holds} and {breaks}; {say_number(rate)} answers/s)."
    why = next(each.step.why for each in taken if each.step.load == bracket.breaks)
    words += f" The step of {bracket.breaks:,} broke: {'; '.join(why)}."
    first = find_first(readings)
    words += f" First to give way: {'; '.join(each.say() for each in first) or 'nothing that was watched'}."
    if evidence.search.because == TIME:
        words += " The search was cut off by its time."
    return words


def _say_tries(taken: Sequence[Taken], load: int) -> str:
    tries = sum(each.step.load == load for each in taken)
    return TIMES.get(tries, f"{tries} times")


def measure_bracket(evidence: Evidence, taken: Sequence[Taken], bracket: Bracket) -> tuple[Figure, ...]:
    """The figures of the answer."""
    source = f"{evidence.plan.name}{STEPS}"
    unit = name_unit(evidence)
    figures = [Figure("holds", bracket.holds, unit, source), Figure("breaks", bracket.breaks, unit, source)]
    for name, load in (("answers a second that hold", bracket.holds), ("answers a second that break", bracket.breaks)):
        point = next((each.point for each in taken if each.step.load == load), None)
        if point:
            figures.append(
                Figure(
                    name, round(point.rate, 2), "/s", evidence.file(".hlog"), round(point.low, 2), round(point.high, 2)
                )
            )
    return tuple(figures)


def describe_bracket(
    evidence: Evidence, taken: Sequence[Taken], bracket: Bracket, readings: Sequence[Reading]
) -> dict[str, Any]:
    """The `break_point` of summary.json."""
    rates = {each.step.load: round(each.point.rate, 2) for each in reversed(taken)}
    what, details = name_first(taken, bracket, readings) if bracket.breaks else (None, [])
    return {
        "unit": UNITS[evidence.plan.search or "users"],
        "holds": bracket.holds,
        "breaks": bracket.breaks,
        "holds_rps": rates.get(bracket.holds or 0),
        "breaks_rps": rates.get(bracket.breaks or 0),
        "first": {"what": what, "evidence": details},
    }
