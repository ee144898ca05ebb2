"""Measures how often a rule finds 1.1 to 2 times its limit: `python -m tests.documents.verdict_power [RUNS]`.

Writes docs/data/verdict_power.json and the table in docs/verdicts.md. Answers are lognormal (10 ms, sigma 0.5) around
a level that wanders (AR(1) over seconds, 0.8, 10 %); the true percentile stands at the multiple of its limit.
"""

import json
import sys
from collections.abc import Callable

import numpy as np

from analysis.checks.answer_rules import judge_shed
from analysis.checks.bootstrap import compare_p95, cut_blocks
from analysis.checks.objectives import judge_longest, judge_objectives
from analysis.findings import PASS
from analysis.plan.plan import Plan
from analysis.records.counts import Counts
from analysis.scenarios.baseline import judge_drift
from analysis.scenarios.stages import Level, judge_return
from tests.documents.power_seconds import (
    MEDIAN_US,
    SIGMA,
    THINK_S,
    finds_dead_row,
    finds_dead_share,
    finds_misses,
    finds_recovery,
    make_latencies,
)
from tests.documents.verdict_controls import DOCUMENT, replace_between
from tests.support.made_runs import real_plan

FILE = DOCUMENT.parent / "data" / "verdict_power.json"
BEGIN, END = "<!-- power: begin -->\n", "<!-- power: end -->\n"
TIMES, ERRORS = (1.1, 1.2, 1.5, 2.0), (0.001, 0.002, 0.005, 0.01, 0.02)
LOGINS = 0.005  # of the requests of read_heavy: 5 of 1,005 actions of locustfile.py sign in
Z = {"p95": 1.6449, "p99": 2.3263}
Found = Callable[[np.random.Generator, Plan, float], bool]
ENDPOINTS = {"reads": "GET|/api/books", "writes": "POST|/api/books", "login": "POST|/login"}


def finds_percentile(group: str, percentile: str) -> Found:
    """An objective of latency: the true percentile stands at so many times it; the other one is not given."""

    def found(source: np.random.Generator, plan: Plan, times: float) -> bool:
        limit = plan.objectives[f"{group}-{percentile}-ms"]
        level = 1000 * limit * times / np.exp(Z[percentile] * np.hypot(SIGMA, 0.1))
        share = {"reads": 0.46, "writes": plan.write_share or 0.08, "login": LOGINS}[group]
        levels = np.full(int(plan.seconds), level)
        made = make_latencies(source, levels, plan.users / THINK_S * share, ENDPOINTS[group])
        checks = [each for each in judge_objectives(plan, made, "") if each.name.endswith(percentile)]
        # A run has enough answers of other endpoints, so that it is never without any latency to judge.
        return any(each.verdict not in (None, PASS) and not each.reason.startswith("No latency") for each in checks)

    return found


def finds_longest(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """The one longest answer."""
    made = make_latencies(source, np.full(int(plan.seconds), MEDIAN_US), plan.users / 4, ENDPOINTS["reads"])
    made.us[source.integers(len(made.us))] = int(5_500_000 * times)
    return judge_longest(plan, made, "").verdict != PASS


def finds_shed(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """The share of refusals in the spike, whose true value is so many times the limit."""
    requests = int(plan.users / THINK_S * plan.stages[1].seconds)
    shed = int(source.binomial(requests, 0.05 * times))
    return any(check.verdict != PASS for check in judge_shed(plan, Counts(requests - shed, shed=shed), ""))


def finds_errors(source: np.random.Generator, plan: Plan, share: float) -> bool:
    """At least one of the requests fails, at that true rate."""
    return bool(source.binomial(int(plan.users / THINK_S * plan.seconds), share))


def finds_drift(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """p95 grows evenly, to so many times the factor between the middles of the first and the last third."""
    seconds = int(plan.seconds - plan.users / plan.stages[0].spawn_rate - plan.limit("warm-up-seconds"))
    growth = np.exp(np.log(1.5 * times) * 1.5 * (np.arange(seconds) / seconds))
    made = make_latencies(source, MEDIAN_US * growth, plan.users / THINK_S, ENDPOINTS["reads"])
    third = seconds // 3
    first, last = cut_blocks(made, (0, third)), cut_blocks(made, (seconds - third, seconds))
    return judge_drift(plan, compare_p95(first, last, 100, 0.99), "").verdict != PASS


def finds_return(source: np.random.Generator, plan: Plan, times: float) -> bool:
    """p95 on the way down is so many times the factor of that on the way up, at the fewest users."""
    seconds, users = int(plan.stages[0].seconds) - 3, plan.stages[0].users
    factor = plan.objective("return-factor") or 1.25
    up = make_latencies(source, np.full(seconds, MEDIAN_US), users / THINK_S, ENDPOINTS["reads"])
    down = make_latencies(source, np.full(seconds, MEDIAN_US * factor * times), users / THINK_S, ENDPOINTS["reads"])
    before, after = cut_blocks(up, (0, seconds)), cut_blocks(down, (0, seconds))
    return judge_return(plan, Level(1, users, before), compare_p95(before, after, 100, 0.99), "").verdict != PASS


RULES: dict[str, tuple[str, Found, tuple[float, ...]]] = {
    **{
        f"{group} {percentile}": ("read_heavy", finds_percentile(group, percentile), TIMES)
        for group in ("reads", "writes", "login")
        for percentile in ("p95", "p99")
    },
    "longest answer": ("read_heavy", finds_longest, TIMES),
    "shed share in the spike": ("spike", finds_shed, TIMES),
    "drift of the baseline": ("baseline", finds_drift, TIMES),
    "return of the stages": ("stages", finds_return, TIMES),
    "share of dead seconds": ("read_heavy", finds_dead_share, TIMES),
    "dead seconds in a row": ("stages", finds_dead_row, TIMES),
    "recovery after the spike": ("spike", finds_recovery, TIMES),
    "share of the read model": ("read_heavy", finds_misses, TIMES),
    "errors": ("baseline", finds_errors, ERRORS),
}


def count_found(found: Found, plan: Plan, times: float, runs: int) -> int:
    """In how many runs it was found."""
    return sum(bool(found(np.random.default_rng(seed), plan, times)) for seed in range(runs))


def measure(runs: int) -> dict[str, dict[str, dict[str, float]]]:
    """The share of runs in which each rule found it, by rule, profile and multiple (errors: true rate)."""
    return {
        rule: {
            profile: {
                f"{times:g}": count_found(found, real_plan(scenario, profile), times, runs) / runs
                for times in (1.0 if rule != "errors" else 0.0, *multiples)
            }
            for profile in ("quick", "full")
        }
        for rule, (scenario, found, multiples) in RULES.items()
    }


def write_power(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """The table in Markdown."""
    head = "| rule | profile | found how often, at how many times the limit (errors: at which true rate) |"
    lines = [head, "|---|---|---|"]
    for rule, profiles in found.items():
        for profile, shares in profiles.items():
            unit = " %" if rule == "errors" else " x"
            cells = [f"{float(t) * (100 if rule == 'errors' else 1):g}{unit}: {s:.0%}" for t, s in shares.items()]
            lines.append(f"| {rule} | {profile} | {', '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, keep the numbers, write the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    found = measure(runs)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"runs": runs, "found": found}, indent=1) + "\n")
    DOCUMENT.write_text(replace_between(DOCUMENT.read_text(), BEGIN, END, write_power(found)))


if __name__ == "__main__":
    main()
