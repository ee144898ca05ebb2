"""Checks a load by Little's law: what its users did must add up to the time they were there."""

import math
from collections import defaultdict

from analysis.checks.evidence import Evidence
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_share
from analysis.plan.plan import Plateau
from analysis.records.counts import add_times

WINDOW_S = 10


def judge_balance(evidence: Evidence) -> list[Check]:
    """INVALID when on a plateau user-seconds differ from request- and think-seconds by more than 2 %.

    Little, "A Proof for the Queuing Formula L = λW" (1961). Think time is the time asked for: a generator that lags
    sleeps longer, and its users are then somewhere that no row accounts for. Loads that were all right have accounted
    for 99.9 % of the time on each plateau, and for 99.5 % where they walk without a pause.
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
            where = f" on plateau {number}" if len(plateaus) > 1 else ""
            said = say_share(share, beside=1 - math.copysign(evidence.plan.limit("balance-ratio"), 1 - share))
            spent = f"{times['requests'] + times['aside']:,.0f} s in requests and {times['think']:,.0f} s thinking"
            found.append(f"Users{where} account for {said} of their time ({spent}, of {there:,.0f} s).")
        if hole := find_hole(evidence, plateau):
            found.append(hole)
    if worst.value is None:
        found.append("No plateau was long enough to compare what users did with the time they had.")
    return [make_check("the books balance (Little's law)", VALIDITY, " ".join(found), worst)]


def find_hole(evidence: Evidence, plateau: Plateau) -> str:
    """Words for the first ten seconds of a plateau in which its users did nothing half of the time; "" without any.

    Over the whole of a long plateau a load that pauses for so long would balance.
    """
    first, end = (int(edge) for edge in evidence.span_of(plateau))
    busy_s: dict[int, float] = defaultdict(float)
    for row in evidence.rows_in((first, end)):
        busy_s[row.second] += sum(add_times([row]).values())
    for start in range(first, end - WINDOW_S + 1):
        second = start - evidence.curve.started
        there = sum(evidence.curve.users[second : second + WINDOW_S])
        spent = sum(busy_s[each] for each in range(start, start + WINDOW_S))
        if spent < there / 2:
            busy = f"from second {second:,} on they were busy for {spent:.0f} s of {there:,}"
            return f"Users did nothing for over half of {WINDOW_S} s ({busy})."
    return ""
