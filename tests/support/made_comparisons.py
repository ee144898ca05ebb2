"""Writes folders of comparisons whose right answer is known: plan.json, and the records of both sides."""

import json
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analysis.records.comparison import SIDES, ComparisonPlan, PlannedBlock, Side, comparison_to_dict
from analysis.records.results_folder import GENERATOR, SECONDS
from tests.support.recordings import (
    ADD,
    BOOKS,
    LIST,
    ONE,
    START,
    Made,
    write_csv,
    write_data,
    write_latencies,
    write_ledger,
    write_lines,
)

GAP_S, WARM_S = 2, 1
PER_SECOND = {LIST: 4, ONE: 4, ADD: 3}  # answers
COST_MS = 4.0  # of an answer


@dataclass(frozen=True)
class Compared:
    """What is written: `slow` has factors of B's latencies by endpoint, `cost` the factor of its processor time.

    `noise` is the deviation of the logarithm of a latency. `odd` changes plan.json.
    """

    pairs: int = 12
    seconds: int = 4
    slow: dict[str, float] = field(default_factory=dict)
    cost: float = 1.0
    noise: float = 0.1
    answers: float = 1.0  # factor of B's answers a second
    wrong: int = 0  # requests of B in each second that fail
    shed: int = 0
    books: tuple[int, int] = (BOOKS, BOOKS)
    odd: dict[str, Any] = field(default_factory=dict)


def plan_blocks(pairs: int, seconds: int) -> tuple[PlannedBlock, ...]:
    """Blocks in the order A B B A, each after a warm-up and before a gap."""
    blocks, begin = [], float(START)
    for number in range(2 * pairs):
        pair, second = divmod(number, 2)
        side = SIDES[second ^ (pair % 2)]
        blocks.append(PlannedBlock(pair, side, begin, begin + WARM_S, begin + WARM_S + seconds))
        begin += WARM_S + seconds + GAP_S
    return tuple(blocks)


def make_plan(made: Compared) -> ComparisonPlan:
    """The plan of a comparison."""
    sides = {
        side: Side(f"build-{side}", "http://127.0.0.1:5000", "http://127.0.0.1:5001", f"{side}{side}1234")
        for side in SIDES
    }
    plan = ComparisonPlan("quick", "read_heavy", 0.10, False, 1, sides, plan_blocks(made.pairs, made.seconds))
    return replace(plan, **made.odd)


def write_comparison(folder: Path, made: Compared | None = None) -> ComparisonPlan:
    """Write the folder of a comparison, and return its plan."""
    made = made or Compared()
    plan = make_plan(made)
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(comparison_to_dict(plan)))
    for number, side in enumerate(SIDES):
        write_side(folder, side, plan, made)
        write_data(folder, side, before=made.books[number])
    return plan


def write_side(folder: Path, side: str, plan: ComparisonPlan, made: Compared) -> None:
    """Write what the load of a side recorded, in its own blocks alone."""
    source = random.Random(f"{side} {made.pairs}")
    is_b = side == "b"
    last = int(max(block.end for block in plan.blocks)) + 2
    busy = {s for each in plan.blocks if each.side == side for s in range(int(each.start), int(each.end))}
    answers: list[Made] = []
    rows: list[list[object]] = []
    used, lines, generator = 10.0, [], []
    for second in range(START - 2, last):
        if second in busy:
            for endpoint, rate in PER_SECOND.items():
                count = max(1, round(rate * (made.answers if is_b else 1.0)))
                factor = made.slow.get(endpoint, 1.0) if is_b else 1.0
                answers += [
                    (second - START, endpoint, 10 * factor * source.lognormvariate(0, made.noise)) for _ in range(count)
                ]
                odd = (made.wrong, made.shed) if is_b and endpoint == LIST else (0, 0)
                rows.append([second, endpoint, count, odd[0], 0, odd[1], "0.040000"])
                used += count * COST_MS / 1000 * (made.cost if is_b else 1.0)
        workers = {"4001": {"cpu_s": round(used, 6), "rss": 6e7, "fds": 20, "threads": 12, "clients": 8}}
        at = second + 1
        lines += [
            {"at": at, "service": name, "took": 0.004, "server_at": at, "values": {}, "workers": workers}
            for name in ("auth", "books")
        ]
        generator.append([f"{second + 1:.3f}", 4700, "0.3000", 20, 20, ""])
    write_latencies(folder / f"{side}.hlog", answers)
    write_ledger(folder / f"{side}_ledger.jsonl", sum(endpoint == ADD for _, endpoint, _ in answers))
    (folder / f"{side}_read_back.json").write_text('{"at": 0, "lag_s": 0.0, "complete": true, "isbns": {}}')
    write_csv(folder / f"{side}_seconds.csv", [SECONDS, *rows])
    write_lines(folder / f"{side}_server.jsonl", lines)
    write_csv(folder / f"{side}_generator.csv", [GENERATOR, *generator])
