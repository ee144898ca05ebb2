"""Reads what a run was to do and what became of each scenario: run.json and scenarios.csv."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.gaps import read_json
from analysis.plan import Plan, plan_from_dict

INTERRUPTED = "interrupted"
MOST_PROCESSES = 100  # files of more are not looked for


class RunError(Exception):
    """A folder that holds no run; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class End:
    """How Locust ended in one scenario: its exit code, or interrupted from outside."""

    exit_code: int | None
    interrupted: bool = False

    @property
    def crashed(self) -> bool:
        return bool(self.exit_code)

    @property
    def ended_by_itself(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True)
class Run:
    """One run: its name, its profile, the scenarios in order, and how those ended that were started.

    `facts` is run.json as it is; `processes` made the load.
    """

    name: str
    profile: str
    plans: list[Plan]
    ends: dict[str, End]
    facts: dict[str, Any] = field(default_factory=dict)
    processes: int = 1

    @property
    def shares_machine(self) -> bool:
        """Whether load and services ran on one machine."""
        return bool(self.facts.get("target_is_this_machine"))

    @property
    def complete(self) -> bool:
        """Whether every planned scenario ran to its end."""
        return all(plan.name in self.ends and self.ends[plan.name].ended_by_itself for plan in self.plans)


def read_run(folder: Path) -> Run:
    """Read run.json and scenarios.csv of a results folder; raises RunError without a whole run.json."""
    path = folder / "run.json"
    try:
        data = read_json(path.read_text(encoding="utf-8"))
        plans = [plan_from_dict(plan) for plan in data["plan"]]
        if not plans:
            raise ValueError("no plan")
        ends = _read_ends(folder / "scenarios.csv")
        processes = data.get("processes", 1)
        if type(processes) is not int or not 1 <= processes <= MOST_PROCESSES:
            raise ValueError("a number of processes that cannot be")
        return Run(data["run"], data["profile"], plans, ends, data, processes)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; give the folder of a run, test_results_…") from None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is cut off or damaged; this run cannot be summarized") from None


def _read_ends(path: Path) -> dict[str, End]:
    """The lines that the runner adds as scenarios end; one that was cut off is left out."""
    if not path.exists():
        return {}
    ends = {}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        code = row["exit_code"]
        if code == INTERRUPTED:
            ends[row["scenario"]] = End(None, interrupted=True)
        elif code and code.isdigit():
            ends[row["scenario"]] = End(int(code))
    return ends
