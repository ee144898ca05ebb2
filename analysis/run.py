"""Reads what a run was to do and what became of each scenario: run.json and scenarios.csv."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from analysis.plan import Plan, plan_from_dict

INTERRUPTED = "interrupted"


class RunError(Exception):
    """A folder that holds no run; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Outcome:
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
    """One run: its name, its profile, the scenarios in order and the outcomes of those that were started."""

    name: str
    profile: str
    plans: list[Plan]
    outcomes: dict[str, Outcome]

    @property
    def complete(self) -> bool:
        """Whether every planned scenario ran to its end."""
        return all(plan.name in self.outcomes and self.outcomes[plan.name].ended_by_itself for plan in self.plans)


def read_run(folder: Path) -> Run:
    """Read run.json and scenarios.csv of a results folder; raises RunError without a whole run.json."""
    path = folder / "run.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        plans = [plan_from_dict(plan) for plan in data["plan"]]
        return Run(data["run"], data["profile"], plans, _read_outcomes(folder / "scenarios.csv"))
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; give the folder of a run, test_results_…") from None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is cut off or damaged; this run cannot be summarized") from None


def _read_outcomes(path: Path) -> dict[str, Outcome]:
    """The lines that the runner adds as scenarios end; one that was cut off is left out."""
    if not path.exists():
        return {}
    outcomes = {}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        code = row["exit_code"]
        if code == INTERRUPTED:
            outcomes[row["scenario"]] = Outcome(None, interrupted=True)
        elif code and code.isdigit():
            outcomes[row["scenario"]] = Outcome(int(code))
    return outcomes
