"""Says whether the services were watched all the time, and whether the clocks of their machines agree."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_number
from analysis.plan.plan import Plan
from analysis.records.clocks import MOST_APART_S, measure_shift
from analysis.records.results_folder import SERVICES, ServerSample, say_source

LATE_S = 0.5  # a sample that comes so late is not missing


def judge_samples(
    plan: Plan,
    samples: Sequence[ServerSample],
    span: tuple[float, float],
    silence: Mapping[str, set[int]],
    sources: Sequence[str] = SERVICES,
) -> list[Check]:
    """INVALID when a source has no samples for more than 5 % of the seconds, or for more than 3 s in a row.

    `silence` are the seconds in which a service answered nothing at all: then its samples are not missed. A source
    that tells of its worker processes has to do so in each sample.
    """
    file, seconds, checks = f"{plan.name}_server.jsonl", span[1] - span[0], []
    for source in sources:
        mine = [sample for sample in samples if sample.source == source]
        tells = any(sample.workers for sample in mine)
        moments = [sample.at for sample in mine if sample.values and (sample.workers or not tells)]
        moments += [second + 0.5 for second in silence.get(source.partition(" ")[0], ())]
        missing, longest = find_holes(moments, span)
        reason = ""
        if seconds and missing > plan.limit("missing-ratio") * seconds:
            reason = f"There is no sample of {say_source(source)} for {missing:,} s (of {seconds:,.0f} s)."
        elif seconds and longest > plan.limit("missing-seconds"):
            reason = f"There is no sample of {say_source(source)} for {longest:,} s in a row."
        said = sorted({sample.error for sample in mine if sample.error})
        if reason and said:
            reason += f" The sampler got: {'; '.join(said[:3])}."
        figures = Figure("missing", missing, "s", file), Figure("missing in a row", longest, "s", file)
        checks.append(make_check(f"{say_source(source)} was sampled every second", VALIDITY, reason, *figures))
    return checks


def judge_clocks(plan: Plan, samples: Sequence[ServerSample], sources: Sequence[str]) -> list[Check]:
    """INVALID when the clocks of two machines are over 1 s apart; nothing where each service is on one machine."""
    shifts = {source: shift for source, shift in measure_shift(samples).items() if source in sources}
    if len(sources) <= len(SERVICES) or not shifts:
        return []
    ahead, behind = max(shifts, key=lambda source: shifts[source]), min(shifts, key=lambda source: shifts[source])
    apart, reason = shifts[ahead] - shifts[behind], ""
    if apart > MOST_APART_S:
        reason = f"The clock of {say_source(ahead)} is {say_number(apart, 's')} ahead of that of {say_source(behind)}"
        reason += f" (at most {MOST_APART_S:g} s)."
    figure = Figure("clocks apart by", round(apart, 3), "s", f"{plan.name}_server.jsonl")
    return [make_check("the clocks of the services' machines agree", VALIDITY, reason, figure)]


def find_holes(moments: Sequence[float], span: tuple[float, float]) -> tuple[int, int]:
    """Seconds of a span without a sample: all of them, and the most in a row. Samples are due once a second."""
    inside = sorted(moment for moment in moments if span[0] <= moment <= span[1] + LATE_S)
    due = [span[0] - LATE_S, *inside, span[1] + LATE_S]
    holes = [max(0, math.floor(after - before - LATE_S)) for before, after in pairwise(due)]
    return sum(holes), max(holes, default=0)
