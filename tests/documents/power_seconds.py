"""Makes the evidence for the power of rules that look at single seconds: standstills, recovery, the read model.

Each rule stands at so many times its limit and is judged by the analysis itself, without files between.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.checks.evidence import Evidence
from analysis.checks.standstill_rules import judge_standstills
from analysis.findings import PASS
from analysis.plan.plan import Plan
from analysis.records.curve import Curve
from analysis.records.gaps import Gaps
from analysis.records.latencies import Latencies, Numbers
from analysis.records.locust_files import Results
from analysis.records.results_folder import WAITING, SecondRow, ServerSample
from analysis.records.run import Run
from analysis.scenarios.read_heavy import judge_share, measure_share
from analysis.scenarios.spike_recovery import judge_recovery, measure_recovery

READS = "GET|/api/books"
SIGMA, MEDIAN_US, THINK_S = 0.5, 10_000, 2.0
DEAD_SHARE, DEAD_ROW_S, RECOVERY_S, MISSES = 0.01, 3.0, 30.0, 0.01  # the limits of the scenario files
SLOW = 4.0  # times the usual level: what is not normal is over twice it


def make_latencies(source: np.random.Generator, levels: NDArray[np.float64], rate: float, endpoint: str) -> Latencies:
    """Answers of one endpoint; `levels` are the medians of the seconds in microseconds, `rate` the answers a second."""
    wander = np.zeros(len(levels))
    for place in range(1, len(levels)):
        wander[place] = 0.8 * wander[place - 1] + source.normal(0, 0.06)
    numbers = source.poisson(rate, len(levels))
    second: Numbers = np.repeat(np.arange(len(levels), dtype=np.int64), numbers)
    us = np.repeat(levels * np.exp(wander), numbers) * np.exp(source.normal(0, SIGMA, len(second)))
    whole: Numbers = np.maximum(us, 1).astype(np.int64)
    return Latencies((endpoint,), second, np.zeros(len(second), np.int64), whole, np.ones(len(second), np.int64))


def make_evidence(
    plan: Plan, latencies: Latencies, rows: list[SecondRow], samples: list[ServerSample] | None = None
) -> Evidence:
    """What a scenario is judged by: its seconds, its latencies and its samples; it begins at second 0."""
    results = Results([], None, [], [], 0, None, Gaps())
    curve = Curve(0, [plan.users] * int(plan.seconds))
    run = Run(plan.name, "", [plan], {})
    return Evidence(run, plan, None, results, curve, {"": rows}, latencies, {}, samples or [], [], {}, None)


def judge_dead(plan: Plan, dead: NDArray[np.bool_]) -> bool:
    """Whether these dead seconds are found; every other second has right answers."""
    rows = [
        SecondRow(second, WAITING, 0, 0, 0, 0, 1.0) if gone else SecondRow(second, READS, 20, 0, 0, 0, 0.2)
        for second, gone in enumerate(dead)
    ]
    nothing = make_latencies(np.random.default_rng(0), np.zeros(0), 0, READS)
    return judge_standstills(make_evidence(plan, nothing, rows)).verdict != PASS


def finds_dead_share(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """Each second is dead by itself, with so many times the share that is allowed."""
    return judge_dead(plan, source.random(int(plan.seconds)) < DEAD_SHARE * times)


def finds_dead_row(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """One standstill of so many times 3 s that begins at any moment: only the seconds that lie in it whole are dead."""
    begin = source.uniform(5, plan.seconds - 5 - DEAD_ROW_S * times)
    seconds = np.arange(int(plan.seconds))
    return judge_dead(plan, (seconds >= begin) & (seconds + 1 <= begin + DEAD_ROW_S * times))


def finds_recovery(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """Answers after the spike take four times as long as usual, until so many times 30 s after it."""
    ends = [int(end) for end in plan.stage_ends]
    levels = np.full(ends[2], float(MEDIAN_US))
    levels[ends[1] : ends[1] + round(RECOVERY_S * times)] *= SLOW
    made = make_latencies(source, levels, plan.stages[0].users / THINK_S, READS)
    evidence = make_evidence(plan, made, [])
    recovery = measure_recovery(evidence, made, (0, ends[0]), (ends[1], ends[2]))
    return judge_recovery(plan, recovery, "").verdict != PASS


def finds_misses(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """So many times 1 % of the catalogue reads, by their true share, do not come from the read model."""
    seconds = int(plan.seconds)
    reads = source.poisson(plan.users / THINK_S * (1 - (plan.write_share or 0.0)), seconds)
    missed = np.cumsum(source.binomial(reads, MISSES * times))
    rows = [SecondRow(second, READS, int(number), 0, 0, 0, 0.2) for second, number in enumerate(reads)]
    counted = [0.0, *(float(number) for number in missed)]
    samples = [
        ServerSample(float(at), "books", values={"read_model_misses_total": number})
        for at, number in enumerate(counted)
    ]
    nothing = make_latencies(source, np.zeros(0), 0, READS)
    evidence = make_evidence(plan, nothing, rows, samples)
    return judge_share(evidence, measure_share(evidence)).verdict != PASS
