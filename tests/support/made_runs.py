"""Makes whole runs of the scenario files of the project, all right but for the ways in which they are broken."""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.findings import ScenarioReport
from analysis.plan.plan import Plan, Stage
from analysis.plan.scenario_files import read_plan, scenario_path
from analysis.records.endpoints import group_of
from analysis.records.results_folder import MACHINES, MASTER, part_path
from analysis.report.report import build_report
from tests.support.recordings import (
    START,
    Latency,
    Load,
    Services,
    usual_latency,
    write_data,
    write_failures,
    write_generator,
    write_good_run,
    write_lines,
    write_load,
    write_run,
    write_scenario,
    write_server,
)
from tests.support.written_books import ISBNS, Shelf

PROJECT = Path(__file__).parents[2]
GOOD_RUNS: dict[str, dict[str, bytes]] = {}  # the files of a run that is all right, by its plan
Break = Callable[[Path, Plan], None]  # changes the files of a run that is all right
Edit = Callable[[list[str]], list[str]]
Books = dict[str, dict[str, Any]]


def real_plan(name: str, profile: str) -> Plan:
    """The plan of a scenario file of the project, of the profile `quick` or `full`."""
    return read_plan(scenario_path(PROJECT, profile, name))


def make_run(folder: Path, plan: Plan, breaks: Iterable[Break] = ()) -> None:
    """Write a run that is all right into an empty folder, then break it; a plan's run is made once and then copied."""
    if repr(plan) not in GOOD_RUNS:
        write_good_run(folder, plan)
        keep_books(folder, plan)
        GOOD_RUNS[repr(plan)] = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, content in GOOD_RUNS[repr(plan)].items():
        (folder / name).write_bytes(content)
    for change in breaks:
        change(folder, plan)


def judge_run(folder: Path, name: str) -> ScenarioReport:
    """What the analysis says of a scenario."""
    (scenario,) = [one for one in build_report(folder).scenarios if one.name == name]
    return scenario


@dataclass(frozen=True)
class Slow:
    """Every so many answers of some groups of endpoints take `ms`, in the seconds from `begin` on and before `end`."""

    every: int
    ms: float
    groups: tuple[str, ...] = ("reads", "writes", "login")
    begin: float = 0
    end: float = 10**9
    endpoint: str = ""  # this one alone
    usual: float = 1.0  # times the usual latency for all others

    def start(self) -> Latency:
        """The latencies of one load: the usual ones but for these."""
        seen = 0

        def latency(second: int, endpoint: str, source: random.Random) -> float:
            nonlocal seen
            usual = usual_latency(second, endpoint, source) * self.usual
            mine = endpoint == self.endpoint if self.endpoint else group_of(endpoint) in self.groups
            if not (mine and self.begin <= second < self.end):
                return usual
            seen += 1
            return usual if seen % self.every else self.ms

        return latency


def load(slow: Slow | None = None, **options: Any) -> Break:
    """Another load: see `Load`."""

    def change(folder: Path, plan: Plan) -> None:
        latency: dict[str, Any] = {"latency": slow.start()} if slow else {}
        write_load(folder, Load(plan, **latency, **options))
        keep_books(folder, plan)

    return change


def keep_books(folder: Path, plan: Plan, sabotage: Callable[[Books], object] | None = None, asked: int = 40) -> None:
    """Add acknowledged writes to the ledger of a load that writes, and show them on both roads but for the sabotage.

    The first `asked` ISBNs are read back.
    """
    if plan.name != "write_heavy" and sabotage is None:
        return
    shelf = Shelf(random.Random(1))
    for isbn in ISBNS:
        shelf.write(isbn, "POST")
        shelf.write(isbn, "PATCH", price="4.50", stock=6)
    shelf.show()
    if sabotage:
        sabotage(shelf.shown["database"])
    shelf.unread = set(ISBNS[asked:])
    ledger = folder / f"{plan.name}_ledger.jsonl"
    changes = ledger.read_text()
    shelf.leave(folder, plan.name)
    first = changes.count('"method"')
    write_lines(ledger, [{**line, "n": line["n"] + first} for line in shelf.ledger])
    ledger.write_text(changes + ledger.read_text())


def books(sabotage: Callable[[Books], object] | None = None, asked: int = 40) -> Break:
    """Other books in MariaDB than those that were written, or fewer read back."""

    def change(folder: Path, plan: Plan) -> None:
        write_load(folder, Load(plan))
        keep_books(folder, plan, sabotage or (lambda _: None), asked)

    return change


def generator(**odd: Any) -> Break:
    """Another process of the load: see `write_generator`."""
    return lambda folder, plan: write_generator(folder, plan, **odd)


def services(**odd: Any) -> Break:
    """Other services: see `Services`."""
    return lambda folder, plan: write_server(folder, plan, Services(**odd))


def ended(code: object) -> Break:
    """Another exit code of Locust; None where nothing says how it ended."""
    return lambda folder, plan: write_run(folder, plan, codes={} if code is None else {plan.name: code})


def raised(exceptions: int) -> Break:
    """The load side raised."""
    return lambda folder, plan: write_failures(folder, plan.name, [], exceptions)


def data(**states: int) -> Break:
    """Another state of the data: see `write_data`."""
    return lambda folder, plan: write_data(folder, plan.name, **states)


def after_another(books_before: int) -> Break:
    """The second scenario of a run whose first began with so many books."""

    def change(folder: Path, plan: Plan) -> None:
        first = real_plan("smoke", "quick")
        write_scenario(folder, first)
        write_data(folder, first.name, books_before)
        write_run(folder, first, plan)

    return change


def objectives(**given: float | None) -> Break:
    """A scenario file of one's own with other objectives; None for those that it lacks."""

    def change(folder: Path, plan: Plan) -> None:
        named = {name.replace("_", "-"): value for name, value in given.items()}
        wanted = {**plan.objectives, **named}
        write_run(
            folder, replace(plan, objectives={name: value for name, value in wanted.items() if value is not None})
        )

    return change


def settings(**of_books: str) -> Break:
    """Settings of the books service, as run.json has them."""
    return lambda folder, plan: write_run(folder, plan, services={"books": {"settings": of_books}})


def machines(lost_at: float | None = None, whole: bool = True, offset_s: float = 0.3, later_s: float = 0.3) -> Break:
    """The load of a process on another machine; its clock has these offsets from the master's, half a minute apart."""

    def change(folder: Path, plan: Plan) -> None:
        write_run(folder, plan, machines=[{"id": "1", "name": "load-1", "processes": 1, "build": {}}])
        for ending in (".hlog", "_seconds.csv", "_generator.csv", "_ledger.jsonl"):
            part_path(folder, plan.name, "", ending).rename(part_path(folder, plan.name, "0", ending))
        write_generator(folder, plan, MASTER)
        own = {"machine": "load-1", "part": "0"}
        clock = {**own, "event": "clock", "error_s": 0.001}
        events = [{**own, "at": START - 1, "event": "came"}, {**clock, "at": START - 1, "offset_s": offset_s}]
        events += [{**clock, "at": START + 29, "offset_s": later_s}]
        events += [{**own, "at": START + lost_at, "event": "lost"}] if lost_at is not None else []
        events += [{**own, "at": START + plan.seconds, "event": "whole"}] if whole else []
        write_lines(folder / f"{plan.name}{MACHINES}", events)

    return change


def lines(ending: str, change: Edit) -> Break:
    """Other lines in a file of the scenario."""

    def edit(folder: Path, plan: Plan) -> None:
        path = folder / f"{plan.name}{ending}"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return edit


def remove(ending: str) -> Break:
    """A file of the scenario is not there."""
    return lambda folder, plan: (folder / f"{plan.name}{ending}").unlink()


def shorten(*stages: Stage) -> Callable[[Plan], Plan]:
    """A shorter plan with the objectives of the real one."""
    return lambda plan: replace(plan, stages=stages)


def unanswered_writes(folder: Path, plan: Plan) -> None:
    """No write was acknowledged."""
    write_load(folder, Load(plan))


def change_samples(change: Callable[[dict[str, Any]], object], begin: float = 0, end: float = 10**9) -> Break:
    """Other samples of the services in the seconds from `begin` on and before `end`."""

    def edit(found: list[str]) -> list[str]:
        samples = [json.loads(line) for line in found]
        for sample in samples:
            if begin <= sample["at"] - START < end:
                change(sample)
        return [json.dumps(sample) + "\n" for sample in samples]

    return lines("_server.jsonl", edit)


def replace_worker(sample: dict[str, Any]) -> None:
    """Another process took the place of books 4001."""
    if "4001" in sample["workers"]:
        sample["workers"]["4009"] = sample["workers"].pop("4001")


def forget_worker(sample: dict[str, Any]) -> None:
    """A sample leaves books 4001 out."""
    sample["workers"].pop("4001", None)
