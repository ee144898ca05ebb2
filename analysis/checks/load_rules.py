"""Says whether the load was the one that was planned, ran to its end, and was written down whole."""

from collections.abc import Iterable, Mapping

from scipy.stats import binom

from analysis.findings import VALIDITY, Check, Figure, hold
from analysis.plan.plan import Plan, Plateau
from analysis.records.counts import Counts
from analysis.records.curve import Curve
from analysis.records.endpoints import count_ledger_writes, count_mix, is_ledger_write
from analysis.records.ledger import Write
from analysis.records.locust_files import Results
from analysis.records.run import End


def judge_end(plan: Plan, end: End | None) -> Check:
    """INVALID unless Locust ended by itself with code 0."""
    reason = ""
    if end is None:
        reason = "was cut off: nothing says how Locust ended"
    elif end.interrupted:
        reason = "was interrupted"
    elif end.exit_code:
        killed = f", killed by signal {end.exit_code - 128}" if end.exit_code > 128 else ""
        reason = f"Locust crashed (exit code {end.exit_code}{killed}); see {plan.name}.log"
    code = end.exit_code if end else None
    return hold("the load ran to its end", VALIDITY, reason, Figure("exit code", code, "", "scenarios.csv"))


def judge_seconds(plan: Plan, curve: Curve) -> Check:
    """INVALID when the load lasted longer or shorter than planned, by more than 5 % (or 2 s)."""
    allowed = max(plan.limit("off-plan-ratio") * plan.seconds, plan.limit("off-plan-seconds"))
    reason = ""
    if abs(curve.seconds - plan.seconds) > allowed:
        reason = f"ran {curve.seconds} s where {plan.seconds:g} s were planned"
    source = f"{plan.name}_stats_history.csv"
    figures = Figure("planned", plan.seconds, "s", "run.json"), Figure("ran", curve.seconds, "s", source)
    return hold("it lasted as long as planned", VALIDITY, reason, *figures)


def judge_users(plan: Plan, curve: Curve) -> Check:
    """INVALID when on a plateau the users left the plan by more than 5 %, for more than 5 % of it (or 2 s)."""
    found = []
    for number, plateau in enumerate(plan.plateaus(), start=1):
        where = f"plateau {number}: " if len(plan.stages) > 1 else ""
        if words := _users_off_plan(plan, plateau, curve.within(plateau)):
            found.append(where + words)
    most = Figure("most users", max(curve.users, default=0), "", f"{plan.name}_stats_history.csv")
    planned = Figure("planned", plan.users, "", "run.json")
    return hold("the users were those planned", VALIDITY, "; ".join(found), planned, most)


def _users_off_plan(plan: Plan, plateau: Plateau, users: list[int]) -> str:
    off = [count for count in users if abs(count - plateau.users) > plan.limit("off-plan-ratio") * plateau.users]
    length = plateau.end - plateau.start
    allowed = max(plan.limit("off-plan-ratio") * length, plan.limit("off-plan-seconds"))
    if not off or (len(off) <= allowed and len(off) < len(users)):
        return ""
    seen = f"{off[0]}" if min(off) == max(off) else f"{min(off)} to {max(off)}"
    return f"users were {seen} where {plateau.users} were planned, for {len(off)} of {len(users)} s"


def judge_mix(plan: Plan, endpoints: Mapping[str, Counts], source: str) -> list[Check]:
    """INVALID when the planned share of writes lies outside the 99.9 % binomial interval of what was sent."""
    sent, writes = count_mix(endpoints)
    if plan.write_share is None or not sent:
        return []
    low, high = binom.interval(plan.limit("mix-confidence"), sent, plan.write_share)
    reason = ""
    if not low <= writes <= high:
        reason = (
            f"writes were {writes / sent:.1%} of {sent} catalogue requests where {plan.write_share:.1%} were planned"
            f" ({writes}, not {low:.0f} to {high:.0f})"
        )
    figures = Figure(
        "share of writes", round(writes / sent, 4), "", source, round(low / sent, 4), round(high / sent, 4)
    )
    return [hold("the mix was the planned one", VALIDITY, reason, figures)]


def judge_ledger(plan: Plan, endpoints: Mapping[str, Counts], entered: int, source: str) -> Check:
    """INVALID when over 1 % of the writes are not in the ledger: what became of those nobody can look up."""
    writes = count_ledger_writes(endpoints)
    missing = writes - entered
    reason = ""
    if missing > plan.limit("unrecorded-ratio") * writes:
        reason = f"{writes} writes were sent, and {source} has {entered}"
    return hold("every write is in the ledger", VALIDITY, reason, Figure("writes in it", entered, "", source))


def judge_outcomes(plan: Plan, endpoints: Mapping[str, Counts], writes: Iterable[Write], source: str) -> Check:
    """INVALID when over 1 % of the writes that were answered right have no answer in the ledger: none could be lost.

    Writes that are not in it at all are another matter.
    """
    right = sum(counts.right for name, counts in endpoints.items() if is_ledger_write(name))
    outcomes = [outcome for _, outcome in writes]
    answered = sum(1 for outcome in outcomes if outcome and outcome.status)
    reason = ""
    if min(right, len(outcomes)) - answered > plan.limit("unrecorded-ratio") * right:
        reason = f"{right} writes were answered right, and {source} has the answers to {answered}"
    return hold("the ledger has the answers", VALIDITY, reason, Figure("answers in it", answered, "", source))


def judge_exceptions(plan: Plan, exceptions: int) -> Check:
    """INVALID when the load side itself raised: what it would have sent is not known."""
    source = f"{plan.name}_exceptions.csv"
    reason = f"the load side raised {exceptions} exceptions; see {source}" if exceptions else ""
    return hold("the load side worked", VALIDITY, reason, Figure("exceptions", exceptions, "", source))


def judge_recording(plan: Plan, results: Results, recorded: Counts, latencies: int, sources: tuple[str, str]) -> Check:
    """INVALID when two counts of the same requests differ by more than 1 %: then some were not written down.

    Compared are the endpoints of Locust's statistics with their total, that total with `recorded` requests, and the
    right answers among them with the number of `latencies`; `sources` are the files of the two.
    """
    total = results.total.requests if results.total else None
    listed = sum(endpoint.requests for endpoint in results.endpoints)
    pairs = [
        (recorded.right, sources[0], latencies, sources[1], "right answers"),
        (recorded.requests, sources[0], total, f"{plan.name}_stats.csv", "requests"),
        (listed, "the endpoints", total, "the total", f"requests in {plan.name}_stats.csv"),
    ]
    found = [
        f"{one_source} and {other_source} say {one} and {other} {what}"
        for one, one_source, other, other_source, what in pairs
        if other is not None and abs(one - other) > plan.limit("unrecorded-ratio") * max(one, other)
    ]
    figures = Figure("requests", recorded.requests, "", sources[0]), Figure("latencies", latencies, "", sources[1])
    return hold("all requests were written down", VALIDITY, "; ".join(found), *figures)
