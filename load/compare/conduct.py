"""Conducts a comparison: waits until both loads are ready, measures what idle sides cost, and watches every block."""

import math
import time
from dataclasses import replace
from pathlib import Path

from analysis.records.comparison import ComparisonPlan, Died, PlannedBlock
from load.client.refusal import BROKEN, Refused
from load.compare.loads import SideLoad
from load.compare.signs import Signs
from load.run.blocks import Form, plan_blocks, write_comparison
from stack.programs import undisturbed

READY_S = 180.0  # for a load to have all its users: its sessions are looked at, and the catalogue read
IDLE_S = 5.0  # in which the cost of idle sides is measured
LOOK_S = 0.25
TOLD_S = 1.5  # after a second, by when a load has recorded it


class DiedError(Exception):
    """A side that does not answer any more; `died` says which, when and why."""

    def __init__(self, side: str, why: str) -> None:
        super().__init__(why)
        self.died = Died(side, time.time(), why)


class Conductor:
    """Both sides of a comparison under way, by name."""

    def __init__(self, loads: dict[str, SideLoad], signs: dict[str, Signs], users: int) -> None:
        """Take what loads them, and what follows them."""
        self._loads, self._signs, self._users = loads, signs, users

    def run(self, plan: ComparisonPlan, form: Form, folder: Path) -> ComparisonPlan:
        """Run all blocks, and return the plan as it took place; plan.json is written before, because the loads read it.

        Raises Refused when a load does not begin.
        """
        self._await_users()
        plan = replace(plan, idle_cost=self._measure_idle(), blocks=plan_blocks(form, math.ceil(time.time()) + 1.0))
        write_comparison(folder, plan)
        try:
            for number, block in enumerate(plan.blocks, 1):
                self._follow(block, f"{number}/{len(plan.blocks)}")
        except DiedError as problem:
            return replace(cut_off(plan), died=problem.died)
        except BaseException:
            with undisturbed():
                write_comparison(folder, cut_off(plan))
            raise
        for load in self._loads.values():
            load.wait()
        return replace(plan, complete=True)

    def _await_users(self) -> None:
        until = time.monotonic() + READY_S
        while any(load.count_users() < self._users for load in self._loads.values()):
            for side, load in self._loads.items():
                if words := load.find_end():
                    raise Refused(f"side {side.upper()}: {words}", BROKEN)
            if time.monotonic() > until:
                counts = {side: load.count_users() for side, load in self._loads.items()}
                came = " and ".join(f"side {side.upper()} has {count}" for side, count in counts.items())
                words = f"after {READY_S:g} s {came} of its {self._users} users; see the log of each load"
                raise Refused(words, BROKEN)
            time.sleep(LOOK_S)

    def _measure_idle(self) -> dict[str, float]:
        """Return the share of a core that each side uses while nobody loads it."""
        print(f"both sides are ready; {IDLE_S:g} s without load, to measure what an idle side costs", flush=True)
        time.sleep(1)  # what the users have begun is over, and was sampled
        for side, signs in self._signs.items():
            if not signs.knows_cost():
                words = "its books service does not tell worker_cpu_seconds_total in /metrics: the build is too old"
                raise Refused(f"side {side.upper()}: {words}", BROKEN)
        before = {side: signs.read_spent() for side, signs in self._signs.items()}
        time.sleep(IDLE_S)
        after = {side: signs.read_spent() for side, signs in self._signs.items()}
        return {side: share_of(before[side], after[side]) for side in self._signs}

    def _follow(self, block: PlannedBlock, number: str) -> None:
        """Wait for the end of a block, and say what it brought; raises DiedError."""
        while time.time() < block.end + TOLD_S:
            self._look()
            time.sleep(LOOK_S)
        right, words = self._loads[block.side].describe(block)
        print(f"block {number}, pair {block.pair + 1}, {block.side.upper()}: {words}", flush=True)
        if not right:
            raise DiedError(block.side, f"it gave no right answer in block {number}")

    def _look(self) -> None:
        for side in self._loads:
            if words := self._signs[side].find_death() or self._loads[side].find_end():
                raise DiedError(side, words)


def cut_off(plan: ComparisonPlan) -> ComparisonPlan:
    """Return a plan with those of its blocks that have ended; the loads have read the others already."""
    now = time.time()
    return replace(plan, blocks=tuple(block for block in plan.blocks if block.end <= now))


def share_of(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Return the share of a core between two readings, each a moment and the processor seconds used by then."""
    return round(max(0.0, after[1] - before[1]) / max(after[0] - before[0], 1e-3), 4)
