"""The steps of a search for the break-point: what its load wanted, when, and what it made of that: NAME_steps.jsonl.

The load writes a line when a step has ended, and a last one when the search has: {"end": at, "because": one of ENDS}.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from analysis.plan.plan import Plan, Stage
from analysis.records.gaps import Gaps, check_amounts, check_time, check_types, read_json
from analysis.records.locust_files import DAY_S

STEPS = "_steps.jsonl"  # the ending of the file
FOUND, MOST, LEAST, TIME, GENERATOR, ILL = "found", "most", "least", "time", "generator", "ill"
ENDS = {
    FOUND: "the step that holds and the step that breaks are near each other, and both were tried twice",
    MOST: "the largest step that is allowed held",
    LEAST: "the smallest step that makes sense broke",
    TIME: "the next step would have ended too late",
    GENERATOR: "the load itself gave way",
    ILL: "the services did not become normal again after a step that broke",
}
TYPES: dict[str, type | tuple[type, ...]] = {"load": int, "users": int, "why": list, "because": str}


@dataclass(frozen=True)
class Step:
    """A stretch of a search: a `load` in its unit, for which `users` were wanted from `begin` on.

    They came or left at `spawn_rate` a second.

    It was judged by the seconds from `measured` on and before `end`; `why` says what broke it. Where nothing was
    judged, because the services were to become normal again or the load itself gave way, `broken` is None; `why` then
    says in which way it did. Times are seconds since the epoch.
    """

    begin: float
    measured: int
    end: float
    load: int
    users: int
    spawn_rate: float
    broken: bool | None
    why: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[float, float]:
        """The seconds by which it was judged."""
        return float(self.measured), float(int(self.end))


@dataclass(frozen=True)
class Search:
    """All steps of a search, in their order, and why it ended: one of ENDS, "" when it was cut off."""

    steps: tuple[Step, ...] = ()
    because: str = ""

    @property
    def judged(self) -> list[Step]:
        """The steps that were judged."""
        return [step for step in self.steps if step.broken is not None]


@dataclass(frozen=True)
class Bracket:
    """The largest load that held each time, as all smaller ones did, and the smallest that broke, likewise."""

    holds: int | None
    breaks: int | None


def find_bracket(tries: Iterable[tuple[int, bool]]) -> Bracket:
    """What all tries together say: of each, its load and whether it broke."""
    found = list(tries)
    held, broken = [load for load, broke in found if not broke], [load for load, broke in found if broke]
    holds = max((load for load in held if load < min(broken, default=load + 1)), default=None)
    breaks = min((load for load in broken if load > max(held, default=load - 1)), default=None)
    return Bracket(holds, breaks)


def write_step(step: Step) -> str:
    """The line of a step."""
    return json.dumps(asdict(step)) + "\n"


def write_end(at: float, because: str) -> str:
    """The last line."""
    return json.dumps({"end": round(at, 3), "because": because}) + "\n"


def read_search(folder: Path, name: str, gaps: Gaps, near: tuple[float, float] | None = None) -> Search:
    """The search that a load wrote down; adds to `gaps` what is missing or damaged.

    Lines with a moment outside of `near` (seconds since the epoch) cannot be.
    """
    path = folder / f"{name}{STEPS}"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        gaps.miss(path)
        return Search()
    gaps.lines[path.name] += len(lines)
    steps: list[Step] = []
    because = ""
    for number, line in enumerate(lines, start=1):
        try:
            found = _convert(read_json(line), near)
        except (ValueError, KeyError, TypeError, AttributeError):
            gaps.damage(path, number)
            continue
        if isinstance(found, Step):
            steps.append(found)
        else:
            because = found
    return Search(tuple(steps), because)


def _convert(line: dict[str, Any], near: tuple[float, float] | None) -> Step | str:
    check_types(line, TYPES)
    if "because" in line:
        check_amounts({"end": line["end"]}, optional=False)
        check_time(line["end"], near)
        if line["because"] not in ENDS:
            raise ValueError("an end that cannot be")
        return str(line["because"])
    check_amounts(
        {name: line[name] for name in ("begin", "measured", "end", "load", "users", "spawn_rate")}, optional=False
    )
    step = Step(**{**line, "why": tuple(str(words) for words in line.get("why", ()))})
    if line["broken"] not in (None, True, False):
        raise TypeError("a verdict that cannot be")
    if not (step.load and step.users and step.spawn_rate and step.begin <= step.measured <= step.end):
        raise ValueError("a step that cannot be")
    check_time(step.begin, (step.end - DAY_S, step.end))
    check_time(step.begin, near)
    check_time(step.end, near)
    return step


def plan_steps(plan: Plan, steps: Iterable[Step]) -> Plan:
    """The plan with the stages that its search has asked for; as it is without any.

    A stretch in which the services became normal again is all ramp: users who wait for an answer leave late.
    """
    found, stages, before = list(steps), [], 0
    ends = [*(step.begin for step in found[1:]), *(step.end for step in found[-1:])]
    for step, end in zip(found, ends, strict=True):
        seconds = max(round(end - step.begin, 3), 0.001)
        ramp = max(abs(step.users - before), 1) / seconds
        stages.append(Stage(step.users, seconds, ramp if step.broken is None else step.spawn_rate))
        before = step.users
    return replace(plan, stages=tuple(stages)) if stages else plan
