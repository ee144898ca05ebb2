"""What a scenario plans: its curve of users over time, its mix and its objectives."""

from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import Any

from analysis.plan.thresholds import LIMITS, OBJECTIVES
from analysis.records.gaps import amount

SCENARIOS = ("smoke", "baseline", "read_heavy", "write_heavy", "stages", "soak", "spike")
ON_DEMAND = ("break_point", "arrivals")  # only run where they are asked for by name
UNITS = {
    "users": "users",
    "arrivals": "arrivals_per_second",
}  # of the load that a search looks for, and in summary.json


@dataclass(frozen=True)
class Stage:
    """One level of users; `seconds` counts from the begin of its ramp, `spawn_rate` is users a second."""

    users: int
    seconds: float
    spawn_rate: float


@dataclass(frozen=True)
class Plateau:
    """A stretch of the plan, in seconds from its start, during which `users` do not change."""

    users: int
    start: float
    end: float


MOST_ACCOUNTS = 100_000  # accounts that an option may name


@dataclass(frozen=True)
class Plan:
    """A scenario as planned; without a shape it has a single stage."""

    name: str
    question: str
    locustfile: str
    stages: tuple[Stage, ...]
    stop_timeout: float
    write_share: float | None
    objectives: dict[str, float]
    limits: dict[str, float] = field(default_factory=dict)
    shared_accounts: int | None = None  # the most that the users share; None for all of them
    arrivals: float | None = None  # actions that begin in a second in an open load, whatever the answers do
    search: str | None = None  # one of UNITS where the load looks for the break-point: its stages are known afterwards

    def objective(self, name: str) -> float | None:
        """What the services are to achieve: the scenario's own value or the usual value; None if not judged."""
        return self.objectives.get(name, OBJECTIVES[name].usual)

    def limit(self, name: str) -> float:
        """The scenario's own value of a limit, or the usual value."""
        usual = LIMITS[name].usual
        if usual is None:
            raise KeyError(name)
        return self.limits.get(name, usual)

    @property
    def is_open(self) -> bool:
        """Whether its actions begin whatever the answers do."""
        return self.arrivals is not None or self.search == "arrivals"

    @property
    def users(self) -> int:
        """The most users at any moment."""
        return max(stage.users for stage in self.stages)

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def stage_ends(self) -> list[float]:
        """Seconds from the start to the end of each stage."""
        return list(accumulate(stage.seconds for stage in self.stages))

    def plateaus(self) -> list[Plateau]:
        """The stages without their ramps; a stage that is all ramp has no plateau."""
        found, before, start = [], 0, 0.0
        for stage in self.stages:
            level_from = start + abs(stage.users - before) / stage.spawn_rate
            before, start = stage.users, start + stage.seconds
            if level_from < start:
                found.append(Plateau(stage.users, level_from, start))
        return found


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as JSON holds it."""
    return asdict(plan)


def plan_from_dict(data: dict[str, Any]) -> Plan:
    """The plan that `plan_to_dict` wrote; raises KeyError, TypeError or ValueError for numbers that cannot be."""
    plan = Plan(**{**data, "stages": tuple(Stage(**stage) for stage in data["stages"])})
    levels = [number for stage in plan.stages for number in (stage.users, stage.seconds, stage.spawn_rate)]
    if not plan.stages or not all(amount(number) > 0 for number in levels):
        raise ValueError("stages that cannot be")
    check_count(1 if plan.shared_accounts is None else plan.shared_accounts)
    check_share(0.0 if plan.write_share is None else plan.write_share)
    if plan.arrivals is not None and not amount(plan.arrivals) > 0:
        raise ValueError("arrivals that cannot be")
    if plan.search not in (None, *UNITS):
        raise ValueError("a search that cannot be")
    for values, known in ((plan.objectives, OBJECTIVES), (plan.limits, LIMITS)):
        for name, value in values.items():
            check = check_share if name in known and known[name].is_share else amount
            check(value)
    return plan


def check_count(value: Any) -> None:
    """Raise TypeError or ValueError unless a value is a whole number from 1 to MOST_ACCOUNTS."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no count")
    if not 1 <= value <= MOST_ACCOUNTS:
        raise ValueError("a count that cannot be")


def check_share(value: float) -> None:
    """Raise TypeError or ValueError unless a value is from 0 to 1."""
    if amount(value) > 1:
        raise ValueError(f"{value} is no share")
