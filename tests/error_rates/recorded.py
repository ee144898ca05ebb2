"""Draws soaks without growth from one that was recorded: what its series leave of a line, in blocks drawn at random."""

from pathlib import Path

import numpy as np

from analysis.checks.evidence import gather_evidence
from analysis.checks.growth import Values
from analysis.records.run import read_run
from analysis.scenarios.baseline import steady_span
from analysis.scenarios.soak_series import draw_series
from tests.error_rates.rates import Form, judge
from tests.error_rates.wander import Random

BLOCK_S = 30  # of a recorded series that stay together


def read_recorded(folder: Path) -> list[Values]:
    """What each series of a recorded soak leaves of a line, as a share of the growth a minute that is allowed."""
    run = read_run(folder)
    (plan,) = [plan for plan in run.plans if plan.name == "soak"]
    evidence = gather_evidence(folder, plan, run)
    found = []
    for quantity, series in draw_series(evidence, steady_span(evidence)):
        objective = plan.objective(quantity.objective)
        if objective and len(series.points) > 2 * BLOCK_S:
            at, values = np.array(series.points).T
            left = values - np.polyval(np.polyfit(at - at[0], values, 1), at - at[0])
            found.append(left * quantity.scale / objective)
    return found


def count_recorded(form: Form, series: list[Values], runs: int, source: Random) -> dict[str, float]:
    """Shares of such runs that fail, and that are other than PASS."""
    fails, other = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    blocks = -(-int(form.seconds) // BLOCK_S)
    for left in series:
        starts = source.integers(0, len(left) - BLOCK_S + 1, (runs, blocks, 1))
        values = left[starts + np.arange(BLOCK_S)].reshape(runs, -1)[:, : int(form.seconds)]
        found = judge(Form(form.name, form.seconds, 1, len(series)), values, form.seconds / 60)
        fails |= found.fails
        other |= found.other
    return {"series": len(series), "runs": runs, "fail": float(fails.mean()), "other": float(other.mean())}
