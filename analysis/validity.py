"""Says whether a scenario's question was asked properly: as planned, by a load that worked, and written down."""

from scipy.stats import binom

from analysis.curve import Curve
from analysis.findings import MIX_CONFIDENCE, TOLERANCE, TOLERANCE_S, Finding
from analysis.plan import Plan, Plateau
from analysis.results import Results
from analysis.run import Outcome


def judge_outcome(outcome: Outcome | None, plan: Plan) -> list[Finding]:
    """INVALID unless Locust ended by itself with code 0."""
    if outcome is None:
        return [Finding("INVALID", "was cut off: nothing says how Locust ended")]
    if outcome.interrupted:
        return [Finding("INVALID", "was interrupted")]
    if outcome.exit_code:
        killed = f", killed by signal {outcome.exit_code - 128}" if outcome.exit_code > 128 else ""
        return [Finding("INVALID", f"Locust crashed (exit code {outcome.exit_code}{killed}); see {plan.name}.log")]
    return []


def judge_load(plan: Plan, curve: Curve) -> list[Finding]:
    """INVALID when users or seconds left the plan by more than 5 % (or 2 s), in either direction."""
    findings = []
    if abs(curve.seconds - plan.seconds) > max(TOLERANCE * plan.seconds, TOLERANCE_S):
        findings.append(Finding("INVALID", f"ran {curve.seconds} s where {plan.seconds:g} s were planned"))
    for number, plateau in enumerate(plan.plateaus(), start=1):
        where = f"plateau {number}: " if len(plan.stages) > 1 else ""
        if reason := _users_off_plan(plateau, curve.within(plateau)):
            findings.append(Finding("INVALID", where + reason))
    return findings


def _users_off_plan(plateau: Plateau, users: list[int]) -> str:
    off = [count for count in users if abs(count - plateau.users) > TOLERANCE * plateau.users]
    allowed = max(TOLERANCE * (plateau.end - plateau.start), TOLERANCE_S)
    if not off or (len(off) <= allowed and len(off) < len(users)):
        return ""
    seen = f"{off[0]}" if min(off) == max(off) else f"{min(off)} to {max(off)}"
    return f"users were {seen} where {plateau.users} were planned, for {len(off)} of {len(users)} s"


def judge_mix(plan: Plan, results: Results) -> list[Finding]:
    """INVALID when the planned share of writes lies outside the 99.9 % binomial interval of what was sent."""
    sent, writes = count_mix(results)
    if plan.write_share is None or not sent:
        return []
    low, high = binom.interval(MIX_CONFIDENCE, sent, plan.write_share)
    if low <= writes <= high:
        return []
    share, wanted = f"{writes / sent:.1%}", f"{plan.write_share:.1%}"
    reason = f"writes were {share} of {sent} catalogue requests where {wanted} were planned"
    return [Finding("INVALID", f"{reason} ({writes}, not {low:.0f} to {high:.0f})")]


def count_mix(results: Results) -> tuple[int, int]:
    """Requests sent to the catalogue, and how many of them were writes."""
    catalogue = [endpoint for endpoint in results.endpoints if endpoint.name.startswith("/api/")]
    writes = sum(endpoint.requests for endpoint in catalogue if endpoint.method != "GET")
    return sum(endpoint.requests for endpoint in catalogue), writes


def judge_exceptions(plan: Plan, results: Results) -> list[Finding]:
    """INVALID when the load side itself raised: what it would have sent is not known."""
    if not results.exceptions:
        return []
    reason = f"the load side raised {results.exceptions} exceptions; see {plan.name}_exceptions.csv"
    return [Finding("INVALID", reason)]


def judge_books(results: Results) -> list[Finding]:
    """INVALID when the endpoints do not add up to the total: then some were not written down."""
    listed = sum(endpoint.requests for endpoint in results.endpoints)
    total = results.total.requests if results.total else 0
    if listed == total:
        return []
    return [Finding("INVALID", f"the endpoints add up to {listed} requests, the total says {total}")]
