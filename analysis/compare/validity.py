"""Asks whether the blocks of a comparison were a fair question; each check that is not PASS makes it INVALID."""

import math
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

from analysis.checks.generator_rules import judge_generator
from analysis.checks.guarantees import audit_writes, judge_guarantees, judge_reading
from analysis.checks.record_rules import judge_ledger, judge_outcomes, say_damage
from analysis.compare.blocks import Block, count_side
from analysis.compare.pairs import count_needed
from analysis.findings import PASS, VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_count, say_number, say_share
from analysis.plan.plan import Plan
from analysis.records.comparison import PLAN_FILE, SIDES, ComparisonPlan
from analysis.records.counts import Counts, count_endpoints
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data, read_generator, read_ledger, read_read_back, read_seconds

FAILED_MOST = 0.01  # of the requests of a side: one that answers fewer of them has less to do
FAILED_APART = 0.05  # of the requests of one endpoint, between the sides
FEW_FAILED = 5  # requests of one endpoint that prove nothing


def check_blocks(folder: Path, plan: ComparisonPlan, blocks: Sequence[Block], pairs: int, gaps: Gaps) -> list[Check]:
    """All checks of a comparison; `pairs` is the number of whole ones, `gaps` takes what is damaged of the records."""
    of_sides = [
        *(check_writes(folder, plan, side, gaps) for side in SIDES),
        *(check for side in SIDES for check in check_generator(folder, plan, side, gaps)),
    ]
    return [
        check_lives(plan),
        check_sizes(folder, gaps),
        check_pairs(plan, blocks, pairs),
        check_failures(plan, blocks),
        check_endpoints(plan, blocks),
        check_sent(blocks),
        make_check("what was written down is whole", VALIDITY, say_damage(usual_limits(PLAN_FILE), gaps)),
        *of_sides,
    ]


def check_lives(plan: ComparisonPlan) -> Check:
    """INVALID where a side died in mid-run; the reason names it."""
    died, reason = plan.died, ""
    if died:
        after = died.at - min([died.at, *(block.warm_from for block in plan.blocks)])
        reason = f"Side {died.side.upper()} died {say_number(round(after), 's')} after the begin: {died.why}."
    return make_check("both sides lived to the end", VALIDITY, reason)


def check_pairs(plan: ComparisonPlan, blocks: Sequence[Block], pairs: int) -> Check:
    """INVALID with too few whole pairs of blocks; the reason says where the processor time lacks."""
    begun, reason = len({block.pair for block in plan.blocks}), ""
    needed = count_needed([block.pair for block in plan.blocks])
    if pairs < needed:
        reason = f"Too few pairs are whole: {pairs} of {begun}. At least {needed} are needed."
        for side in SIDES:
            mine = [block for block in blocks if block.side == side]
            if lacking := sum("books" not in block.cpu_s for block in mine):
                words = f"in {lacking} of its {len(mine)} blocks"
                reason += f" What the books service of {side.upper()} cost is not known {words}."
    figure = Figure("whole pairs", pairs, "", PLAN_FILE)
    return make_check("there are enough whole pairs of blocks", VALIDITY, reason, figure)


def check_sizes(folder: Path, gaps: Gaps) -> Check:
    """INVALID where the catalogues of the sides differ in size before the load, or nobody looked."""
    before = {side: read_data(folder, side, gaps).get("before") for side in SIDES}
    books = {side: None if state is None else state.books for side, state in before.items()}
    unseen = [side.upper() for side in SIDES if books[side] is None]
    reason = f"Nobody counted the books of side {' and '.join(unseen)} before the load." if unseen else ""
    if not unseen and books["a"] != books["b"]:
        reason = f"The data differ in size: {books['a']:,} books on A, {books['b']:,} on B."
    figures = [Figure(f"books of {side.upper()}", books[side], "", f"{side}_data.jsonl") for side in SIDES]
    return make_check("both sides have as many books", VALIDITY, reason, *figures)


def check_failures(plan: ComparisonPlan, blocks: Sequence[Block]) -> Check:
    """INVALID where a side failed or refused over FAILED_MOST of its requests: it had less to do than one that did not.

    At the limit of both sides refusals are no fault: the answers that came are what is compared.
    """
    shares = {side: find_failed(count_side(blocks, side), plan.saturate) for side in SIDES}
    reason = ""
    if max(shares.values()) > FAILED_MOST:
        verb = "failed" if plan.saturate else "failed or refused"
        found = " ".join(f"{side.upper()} {verb} {say_share(share)} of its requests." for side, share in shares.items())
        reason = f"{found} Over {say_share(FAILED_MOST)} is too many: a side that answers fewer has less to do."
    figures = [Figure(f"failed on {side.upper()}", round(shares[side], 6), "", f"{side}_seconds.csv") for side in SIDES]
    return make_check("both sides answered what they were asked", VALIDITY, reason, *figures)


def check_endpoints(plan: ComparisonPlan, blocks: Sequence[Block]) -> Check:
    """INVALID where a side failed or refused more than the other of some endpoint, whose share of all may be small.

    An endpoint that only one side asked, as after a write of unknown outcome, has nothing to be compared with.
    """
    counts = {side: count_titles(blocks, side) for side in SIDES}
    titles = sorted({*counts["a"]} & {*counts["b"]})
    reasons = []
    for title in titles:
        one, other = (counts[side][title] for side in SIDES)
        a, b = (find_failed(each, plan.saturate) for each in (one, other))
        more = max(each.errors + (0 if plan.saturate else each.shed) for each in (one, other))
        if abs(a - b) > FAILED_APART and more > FEW_FAILED:
            reasons.append(f"Of {title}, A failed or refused {say_share(a)}. B failed or refused {say_share(b)}.")
    figure = Figure("endpoints", len(titles), "", " and ".join(f"{side}_seconds.csv" for side in SIDES))
    return make_check("both sides answered each endpoint alike", VALIDITY, " ".join(reasons), figure)


def check_sent(blocks: Sequence[Block]) -> Check:
    """INVALID where a load had no descriptor or port left to send a request."""
    lacking = {side: sum(block.not_sent for block in blocks if block.side == side) for side in SIDES}
    reason = " ".join(
        f"The load of side {side.upper()} had no descriptor or port left for {say_count(number, 'request')}."
        for side, number in lacking.items()
        if number
    )
    figures = [Figure(f"not sent on {side.upper()}", lacking[side], "", f"{side}_seconds.csv") for side in SIDES]
    return make_check("the load could send its requests", VALIDITY, reason, *figures)


def find_failed(counts: Counts, saturate: bool) -> float:
    """The share of requests that failed or were refused; at the limit, of those that were not refused."""
    if saturate:
        return counts.errors / max(1, counts.requests - counts.shed)
    return (counts.errors + counts.shed) / max(1, counts.requests)


def count_titles(blocks: Sequence[Block], side: str) -> dict[str, Counts]:
    """All requests of a side by the titles of their endpoints."""
    found: dict[str, Counts] = {}
    for block in blocks:
        for title, counts in block.counts.items() if block.side == side else ():
            one = found.get(title, Counts())
            pairs = zip(astuple(one), astuple(counts), strict=True)
            found[title] = Counts(*(so_far + more for so_far, more in pairs))
    return found


def check_writes(folder: Path, plan: ComparisonPlan, side: str, gaps: Gaps) -> Check:
    """INVALID where a side has lost, changed or doubled what it had acknowledged: it has done less, or something else.

    It is INVALID too where nobody looked, or the ledger lacks what was sent. A comparison that was cut off is judged by
    the answers alone.
    """
    ledger, unsent = f"{side}_ledger.jsonl", gaps.unsent
    writes, sources = read_ledger(folder, side, gaps), f"{ledger}, {side}_read_back.json"
    unsent, limits = gaps.unsent - unsent, usual_limits(side)
    audit = audit_writes(writes, read_read_back(folder, side, gaps))
    sent = count_endpoints(row for rows in read_seconds(folder, side, Gaps()).values() for row in rows)
    checks = [judge_ledger(limits, sent, len(writes), ledger), judge_outcomes(limits, sent, writes, ledger)]
    checks += [*judge_guarantees(audit, sources, unsent), judge_reading(audit, sources, needed=plan.complete)]
    reasons = [check.reason for check in checks if check.reason and check.verdict not in (None, PASS)]
    reason = f"On side {side.upper()}: {' '.join(reasons)}" if reasons else ""
    figure = Figure("ISBNs written to", audit.isbns, "", sources)
    return make_check(f"what {side.upper()} has acknowledged is there", VALIDITY, reason, figure)


def check_generator(folder: Path, plan: ComparisonPlan, side: str, gaps: Gaps) -> list[Check]:
    """INVALID where the load of a side was itself the limit in its blocks, by the rules of every scenario.

    Users who do not think let the event loop lag by their mere number. That makes latency longer, which is not judged
    then; whether the process was the limit of the answers a second, its processor time and its stalls tell.
    """
    rows = read_generator(folder, side, gaps)
    mine = [block for block in plan.blocks if block.side == side]
    if not mine:
        return []
    span = min(block.warm_from for block in mine), max(block.end for block in mine)
    limits = replace(usual_limits(side), limits={"generator-lag-p99-ms": math.inf} if plan.saturate else {})
    checks = judge_generator(limits, rows, list(rows) or [""], span, [(block.start, block.end) for block in mine])
    name = f"side {side.upper()}"
    return [
        replace(check, name=f"{name}: {check.name}", reason=check.reason and f"On {name}: {check.reason}")
        for check in checks
    ]


def usual_limits(name: str) -> Plan:
    """A plan whose limits all have their usual values, for the rules of every scenario; `name` is that of its files."""
    return Plan(name, "", "", (), 0.0, None, {})
