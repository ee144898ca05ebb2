"""Says whether the services were watched all the time."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.plan.plan import Plan
from analysis.records.results_folder import SERVICES, ServerSample

LATE_S = 0.5  # a sample that comes so late is not missing


def judge_samples(
    plan: Plan, samples: Sequence[ServerSample], span: tuple[float, float], silence: Mapping[str, set[int]]
) -> list[Check]:
    """INVALID when a service has no samples for more than 5 % of the seconds, or for more than 3 s in a row.

    `silence` are the seconds in which a service answered nothing at all: then its samples are not missed. A service
    that tells of its worker processes has to do so in each sample.
    """
    source, seconds, checks = f"{plan.name}_server.jsonl", span[1] - span[0], []
    for service in SERVICES:
        mine = [sample for sample in samples if sample.service == service]
        tells = any(sample.workers for sample in mine)
        moments = [sample.at for sample in mine if sample.values and (sample.workers or not tells)]
        moments += [second + 0.5 for second in silence.get(service, ())]
        missing, longest = find_holes(moments, span)
        reason = ""
        if seconds and missing > plan.limit("missing-ratio") * seconds:
            reason = f"There is no sample of the {service} service for {missing:,} s (of {seconds:,.0f} s)."
        elif seconds and longest > plan.limit("missing-seconds"):
            reason = f"There is no sample of the {service} service for {longest:,} s in a row."
        said = sorted({sample.error for sample in mine if sample.error})
        if reason and said:
            reason += f" The sampler got: {'; '.join(said[:3])}."
        figures = Figure("missing", missing, "s", source), Figure("missing in a row", longest, "s", source)
        checks.append(make_check(f"the {service} service was sampled every second", VALIDITY, reason, *figures))
    return checks


def find_holes(moments: Sequence[float], span: tuple[float, float]) -> tuple[int, int]:
    """Seconds of a span without a sample: all of them, and the most in a row. Samples are due once a second."""
    inside = sorted(moment for moment in moments if span[0] <= moment <= span[1] + LATE_S)
    due = [span[0] - LATE_S, *inside, span[1] + LATE_S]
    holes = [max(0, math.floor(after - before - LATE_S)) for before, after in pairwise(due)]
    return sum(holes), max(holes, default=0)
