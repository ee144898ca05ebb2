"""Asks whether the blocks of a comparison were a fair question; each check that is not PASS makes it INVALID."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.checks.generator_rules import judge_generator
from analysis.checks.guarantees import audit_writes, judge_guarantees
from analysis.checks.record_rules import say_damage
from analysis.compare.blocks import Block, count_side
from analysis.compare.pairs import FEWEST_PAIRS
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_number, say_share
from analysis.plan.plan import Plan
from analysis.records.comparison import PLAN_FILE, SIDES, ComparisonPlan
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data, read_generator, read_ledger, read_read_back

FAILED_APART = 0.01  # of the requests: a side that answers fewer of them has less to do


def check_blocks(folder: Path, plan: ComparisonPlan, blocks: Sequence[Block], pairs: int, gaps: Gaps) -> list[Check]:
    """All checks of a comparison; `pairs` is the number of whole ones, `gaps` what is damaged of the records."""
    return [
        check_lives(plan),
        check_pairs(plan, blocks, pairs),
        check_sizes(folder),
        check_failures(plan, blocks),
        make_check("what was written down is whole", VALIDITY, say_damage(usual_limits(PLAN_FILE), gaps)),
        *(check_writes(folder, side) for side in SIDES),
        *(check for side in SIDES for check in check_generator(folder, plan, side)),
    ]


def check_lives(plan: ComparisonPlan) -> Check:
    """INVALID where a side died in mid-run; the reason names it."""
    died, reason = plan.died, ""
    if died:
        after = died.at - min([died.at, *(block.warm_from for block in plan.blocks)])
        reason = f"Side {died.side.upper()} died {say_number(round(after), 's')} after the begin: {died.why}."
    return make_check("both sides lived to the end", VALIDITY, reason)


def check_pairs(plan: ComparisonPlan, blocks: Sequence[Block], pairs: int) -> Check:
    """INVALID with fewer than FEWEST_PAIRS whole pairs of blocks; the reason says where the processor time lacks."""
    begun, reason = len({block.pair for block in plan.blocks}), ""
    if pairs < FEWEST_PAIRS:
        reason = f"Too few pairs are whole: {pairs} of {begun}, and {FEWEST_PAIRS} are needed."
        for side in SIDES:
            mine = [block for block in blocks if block.side == side]
            if lacking := sum("books" not in block.cpu_s for block in mine):
                words = f"in {lacking} of its {len(mine)} blocks"
                reason += f" What the books service of {side.upper()} cost is not known {words}."
    figure = Figure("whole pairs", pairs, "", PLAN_FILE)
    return make_check("there are enough whole pairs of blocks", VALIDITY, reason, figure)


def check_sizes(folder: Path) -> Check:
    """INVALID where the catalogues of the sides differ in size before the load, or nobody looked."""
    before = {side: read_data(folder, side, Gaps()).get("before") for side in SIDES}
    books = {side: None if state is None else state.books for side, state in before.items()}
    unseen = [side.upper() for side in SIDES if books[side] is None]
    reason = f"Nobody counted the books of side {' and '.join(unseen)} before the load." if unseen else ""
    if not unseen and books["a"] != books["b"]:
        reason = f"The data differ in size: {books['a']:,} books on A, {books['b']:,} on B."
    figures = [Figure(f"books of {side.upper()}", books[side], "", f"{side}_data.jsonl") for side in SIDES]
    return make_check("both sides have as many books", VALIDITY, reason, *figures)


def check_failures(plan: ComparisonPlan, blocks: Sequence[Block]) -> Check:
    """INVALID where a side failed or refused more of its requests than the other, by over 1 % of them.

    At the limit of both sides refusals are no fault: the answers that came are what is compared.
    """
    counts = {side: count_side(blocks, side) for side in SIDES}
    failed = {side: each.wrong + (0 if plan.saturate else each.shed) for side, each in counts.items()}
    shares = {side: failed[side] / max(1, counts[side].requests) for side in SIDES}
    a, b, reason = shares["a"], shares["b"], ""
    if abs(a - b) > FAILED_APART:
        reason = f"A failed or refused {say_share(a)} of its requests, B {say_share(b)}: the lesser has more to do."
    figures = [Figure(f"failed on {side.upper()}", round(shares[side], 6), "", f"{side}_seconds.csv") for side in SIDES]
    return make_check("both sides answered alike", VALIDITY, reason, *figures)


def check_writes(folder: Path, side: str) -> Check:
    """INVALID where a side has lost, changed or doubled what it had acknowledged: it has done less, or something else.

    Without a reading back, as of a comparison that was cut off, it is judged by the answers alone.
    """
    gaps, sources = Gaps(), f"{side}_ledger.jsonl, {side}_read_back.json"
    audit = audit_writes(read_ledger(folder, side, gaps), read_read_back(folder, side, gaps))
    reasons = [check.reason for check in judge_guarantees(audit, sources, gaps.unsent) if check.reason]
    reason = f"On side {side.upper()}: {' '.join(reasons)}" if reasons else ""
    figure = Figure("ISBNs written to", audit.isbns, "", sources)
    return make_check(f"what {side.upper()} has acknowledged is there", VALIDITY, reason, figure)


def check_generator(folder: Path, plan: ComparisonPlan, side: str) -> list[Check]:
    """INVALID where the load of a side was itself the limit in its blocks, by the rules of every scenario.

    Users who do not think let the event loop lag by their mere number. That makes latency longer, which is not judged
    then; whether the process was the limit of the answers a second, its processor time and its stalls tell.
    """
    rows = read_generator(folder, side, Gaps())
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
