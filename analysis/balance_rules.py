"""Checks a load by Little's law: what its users did must add up to the time they were there."""

from analysis.counts import add_times
from analysis.evidence import Evidence
from analysis.findings import VALIDITY, Check, Figure, hold


def judge_balance(evidence: Evidence) -> list[Check]:
    """INVALID when on a plateau user-seconds differ from request- and think-seconds by more than 10 %.

    Little, "A Proof for the Queuing Formula L = λW" (1961). Think time is the time asked for: a generator that lags
    sleeps longer, and its users are then somewhere that no row accounts for.
    """
    if not evidence.parts:
        return []
    found, worst = [], Figure("accounted for, worst plateau", None, "", evidence.file("_seconds.csv"))
    plateaus = evidence.plan.plateaus()
    for number, plateau in enumerate(plateaus, start=1):
        span = evidence.span_of(plateau)
        there = float(sum(evidence.curve.within(plateau)))
        if span[1] - span[0] < evidence.plan.limit("balance-seconds") or not there:
            continue
        times = add_times(evidence.rows_in(span))
        share = sum(times.values()) / there
        if worst.value is None or abs(share - 1) > abs(float(worst.value) - 1):
            worst = Figure(worst.name, round(share, 4), "", worst.source)
        if abs(share - 1) > evidence.plan.limit("balance-ratio"):
            where = f"plateau {number}: " if len(plateaus) > 1 else ""
            spent = f"{times['requests'] + times['aside']:.0f} s in requests and {times['think']:.0f} s thinking"
            found.append(f"{where}users were there for {there:.0f} s but spent {spent} ({share:.0%})")
    if worst.value is None:
        found.append("no plateau was long enough to check what users did against the time they were there")
    return [hold("the books balance (Little's law)", VALIDITY, "; ".join(found), worst)]
