"""The blocks of a comparison: when which side is under load, and what its users do then. plan.json has them all."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from analysis.plan.plan import Plan
from analysis.plan.scenario_files import read_plan, scenario_path
from analysis.records.comparison import (
    PLAN_FILE,
    SIDES,
    ComparisonPlan,
    PlannedBlock,
    comparison_to_dict,
    read_comparison,
)
from load.client.refusal import Refused

WARM_S = 3  # of load before a block, so that all users act when it begins
GAP_S = 3  # without load behind a block: what it has left to do is none of the next; four blocks are no whole minutes
LINGER_S = 3  # behind the last block, so that all of it is recorded
SATURATING = 32  # users who do not think: more than the services have threads for on few cores
VARIABLE = "COMPARE_BLOCKS"


class Form(NamedTuple):
    """How long a block is, and how many pairs there are; `only` is the side that all blocks are of, if not both."""

    seconds: int
    pairs: int
    only: str = ""


FORMS = {"quick": Form(10, 12), "full": Form(20, 34)}


def choose_form(profile: str) -> Form:
    """Return the form of a profile, or what COMPARE_BLOCKS=SECONDS:PAIRS[:SIDE] asks for instead; raises Refused."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return FORMS[profile]
    found = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})(?::([ab]))?", text)
    if not found:
        raise Refused(f"{VARIABLE}={text} must be SECONDS:PAIRS or SECONDS:PAIRS:SIDE, like 10:10 or 10:120:a")
    return Form(int(found[1]), int(found[2]), found[3] or "")


def plan_blocks(form: Form, begin: float) -> tuple[PlannedBlock, ...]:
    """Return the blocks in their order, A B B A ..., from a moment on; at whole seconds if that is one."""
    blocks = []
    for number in range(2 * form.pairs):
        pair, is_second = divmod(number, 2)
        side = form.only or SIDES[is_second ^ (pair % 2)]
        blocks.append(PlannedBlock(pair, side, begin, begin + WARM_S, begin + WARM_S + form.seconds))
        begin += WARM_S + form.seconds + GAP_S
    return tuple(blocks)


def write_comparison(folder: Path, plan: ComparisonPlan) -> None:
    """Replace plan.json as a whole, because the loads read it meanwhile."""
    new = folder / f"{PLAN_FILE}.new"
    new.write_text(json.dumps(comparison_to_dict(plan), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(new, folder / PLAN_FILE)


def read_scenario(profile: str, name: str) -> Plan:
    """Return the plan of the scenario that a comparison takes its users and its mix from; raises PlanError."""
    return read_plan(scenario_path(Path(), profile, name))


def count_users(scenario: Plan, *, saturate: bool) -> int:
    """Return how many users a side has."""
    return SATURATING if saturate else scenario.users


class Course:
    """What one side's load does: its users, its mix, and its blocks, which are known only when both loads are ready."""

    def __init__(self, prefix: Path) -> None:
        """Take what the load records as: FOLDER/SIDE. plan.json stands in the folder."""
        self._folder, self._side = prefix.parent, prefix.name
        plan = read_comparison(self._folder)
        scenario = read_scenario(plan.profile, plan.scenario)
        self.seed, self.saturates, self.mix = plan.seed, plan.saturate, scenario.locustfile
        self.users = count_users(scenario, saturate=plan.saturate)
        self._blocks: tuple[PlannedBlock, ...] = ()

    def look(self) -> None:
        """Read the blocks, unless that was done; there are none yet until both loads are ready."""
        self._blocks = self._blocks or read_comparison(self._folder).blocks

    def find_block(self) -> PlannedBlock | None:
        """Return this side's block of the moment, or else its next; None where none is known or left."""
        now = time.time()
        return next((block for block in self._blocks if block.side == self._side and now < block.end), None)

    @property
    def is_over(self) -> bool:
        """Whether the last block of both sides has ended."""
        return bool(self._blocks) and time.time() >= self._blocks[-1].end + LINGER_S


_courses: dict[Any, Course] = {}


def course_of(environment: Any) -> Course:
    """Return the course of a load by its Locust's environment."""
    if environment not in _courses:
        _courses[environment] = Course(Path(environment.parsed_options.record))
    return _courses[environment]
