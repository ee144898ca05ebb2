"""Reads what a run was to do and what became of each scenario: run.json and scenarios.csv."""

import csv
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.plan.plan import ON_DEMAND, SCENARIOS, Plan, plan_from_dict
from analysis.records.gaps import read_json
from analysis.records.results_folder import MASTER, SERVICES, name_source

INTERRUPTED = "interrupted"
ADDRESS = re.compile(r"https?://[\w.:\[\]-]+")
LONGEST_CODE = 3  # digits: an exit code is at most 255
MOST_PROCESSES = 100  # files of more are not looked for


class RunError(Exception):
    """A folder that holds no run; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class End:
    """How Locust ended in a scenario: its exit code, or interrupted from outside."""

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
    """One run: its name, its profile, the scenarios in order, and how each that was started has ended.

    `facts` is run.json as it is; `processes` made the load.
    """

    name: str
    profile: str
    plans: list[Plan]
    ends: dict[str, End]
    facts: dict[str, Any] = field(default_factory=dict)
    processes: int = 1

    @property
    def machines(self) -> int:
        """How many machines made the load for a master; 0 where the master's own made it."""
        found = self.facts.get("machines")
        return len(found) if isinstance(found, list) else 0

    @property
    def parts(self) -> list[str]:
        """The processes whose records a scenario has."""
        alone = self.processes == 1 and not self.machines
        return [""] if alone else [MASTER, *map(str, range(self.processes))]

    @property
    def shares_machine(self) -> bool:
        """Whether load and services ran on one machine; that which leads other machines need not make any load."""
        makes_load = not self.machines or bool(self.facts.get("own_processes"))
        return makes_load and bool(self.facts.get("target_is_this_machine"))

    def settings(self, source: str) -> dict[str, Any]:
        """What a source of samples said of its settings; facts that run.json lacks or has otherwise are left out."""
        service, _, machine = source.partition(" on ")
        return self._find("services", service, *(("machines", machine) if machine else ()), "settings")

    @property
    def sources(self) -> list[str]:
        """What is sampled: both services, or each machine of a service that runs on several; see `name_source`."""
        machines = {service: list(self._find("services", service, "machines")) or [""] for service in SERVICES}
        return [name_source(service, machine) for service, named in machines.items() for machine in named]

    def _find(self, *names: str) -> dict[str, Any]:
        found: Any = self.facts
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def urls(self) -> dict[str, str]:
        """The addresses of the services by name, as far as run.json has them."""
        services = self.facts.get("services")
        found = [(name, services.get(name)) for name in SERVICES] if isinstance(services, dict) else []
        urls = {name: one.get("url") for name, one in found if isinstance(one, dict)}
        return {name: url for name, url in urls.items() if isinstance(url, str) and ADDRESS.fullmatch(url)}

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
        _check_words(data, plans)
        if type(processes) is not int or not 1 <= processes <= MOST_PROCESSES:
            raise ValueError("a number of processes that cannot be")
        return Run(data["run"], data["profile"], plans, ends, data, processes)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; give the folder of a run, test_results_…") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path} is cut off or damaged; this run cannot be summarized") from None


def _read_ends(path: Path) -> dict[str, End]:
    """The lines that the runner adds as scenarios end; what is cut off or damaged is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    ends = {}
    with suppress(csv.Error):  # a field without end
        for row in csv.DictReader(lines):
            name, code = row.get("scenario"), row.get("exit_code")
            if name and code == INTERRUPTED:
                ends[name] = End(None, interrupted=True)
            elif name and code and code.isdecimal() and len(code) <= LONGEST_CODE:
                ends[name] = End(int(code))
    return ends


def _check_words(data: dict[str, Any], plans: list[Plan]) -> None:
    """Raise TypeError or ValueError for a name that is no text or of no scenario, and for text in place of a number."""
    words = [data["run"], data["profile"], *(plan.question for plan in plans)]
    if not all(isinstance(word, str) for word in words):
        raise TypeError("a name that is no text")
    if any(plan.name not in SCENARIOS + ON_DEMAND for plan in plans):
        raise ValueError("a scenario that nobody knows")
    for plan in plans:
        of_stages = [number for stage in plan.stages for number in vars(stage).values()]
        numbers = (*of_stages, plan.write_share, *plan.objectives.values(), *plan.limits.values())
        if any(isinstance(number, str) for number in numbers):
            raise TypeError("text where a number belongs")
