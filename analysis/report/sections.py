"""Sorts what report.html shows of each scenario: reasons worst first, held checks apart, figures with their files."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from analysis.findings import PASS, WORST_FIRST, Check, Figure, ScenarioReport
from analysis.report.picture_charts import DrawnChart, draw_chart
from analysis.report.pictures import LATENCIES, Picture, draw_picture
from analysis.report.tables import ShownTable, show_table

REASONS_ON_TOP = 6  # if there are more, only the worst of each scenario is on top


@dataclass(frozen=True)
class Reason:
    """Why a scenario is not PASS; `more` reasons of it are left to its section."""

    verdict: str
    scenario: ScenarioReport
    words: str
    more: int = 0


@dataclass(frozen=True)
class Section:
    """One scenario as the page shows it: `counted` are its figures in the overview, by name.

    `recorded` tells whether it left anything, `files` are the names of what it left.
    """

    anchor: str
    scenario: ScenarioReport
    counted: dict[str, Figure]
    not_passed: list[Check]
    unjudged: list[Check]
    held: list[Check]
    picture: Picture | None
    charts: list[DrawnChart]
    tables: list[ShownTable]
    files: list[str]
    recorded: bool


def name_anchor(scenario: ScenarioReport) -> str:
    """The name of a scenario's section in links."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", scenario.name)


def rank(verdict: str | None) -> int:
    """How bad a verdict is, 0 the worst; what was not judged comes last."""
    return WORST_FIRST.index(verdict) if verdict else len(WORST_FIRST)


def list_reasons(scenarios: Iterable[ScenarioReport]) -> list[Reason]:
    """The reasons of all checks that did not pass, the worst first, else in the order of the run."""
    found = [
        Reason(check.verdict, scenario, check.reason)
        for scenario in scenarios
        for check in scenario.checks
        if check.verdict and check.verdict != PASS
    ]
    return sorted(found, key=lambda reason: rank(reason.verdict))


def choose_reasons(reasons: list[Reason]) -> list[Reason]:
    """All of them if they are few, else the worst of each scenario."""
    if len(reasons) <= REASONS_ON_TOP:
        return reasons
    count = Counter(reason.scenario.name for reason in reasons)
    first = {reason.scenario.name: reason for reason in reversed(reasons)}
    return [replace(each, more=count[each.scenario.name] - 1) for each in reasons if each is first[each.scenario.name]]


def describe_section(scenario: ScenarioReport, buckets: int, files: Sequence[str] = ()) -> Section:
    """A scenario with its pictures; its checks are parted into not passed, not judged, and held."""
    return Section(
        anchor=name_anchor(scenario),
        scenario=scenario,
        counted={figure.name: figure for figure in count_achieved(scenario)},
        not_passed=scenario.not_passed,
        unjudged=[check for check in scenario.checks if check.verdict is None],
        held=[check for check in scenario.checks if check.verdict == PASS],
        picture=draw_picture(scenario, buckets),
        charts=[draw_chart(chart) for chart in scenario.charts],
        tables=[show_table(table) for table in scenario.tables],
        files=list_files(files, scenario.name),
        recorded=is_recorded(scenario),
    )


def is_recorded(scenario: ScenarioReport) -> bool:
    """Whether there is anything of it: a row of zeros would look as if it had been measured."""
    return bool(scenario.time_lines or scenario.achieved["seconds"] or scenario.achieved["requests"])


def count_achieved(scenario: ScenarioReport) -> list[Figure]:
    """What was achieved over the whole load, with the files that it was counted from."""
    got, name = scenario.achieved, scenario.name
    history, totals = f"{name}_stats_history.csv", f"{name}_stats.csv"
    counted = find_source(scenario, "answers", got["requests"], totals)
    latencies = next((line.source for line in scenario.time_lines if line.group in LATENCIES), f"{name}.hlog")
    found = [
        Figure("users", got["users"], "", history),
        Figure("seconds", got["seconds"], "s", history),
        Figure("requests", got["requests"], "", counted),
        Figure("requests a second", got["rps"], "/s", f"{counted}, {history}"),
        *(Figure(f"{key[:3]} of all answers", got[key], "ms", latencies) for key in ("p50_ms", "p95_ms", "p99_ms")),
        Figure("errors", got["errors"], "", counted if counted == totals else f"{counted}, {totals}"),
        Figure("shed", got["shed"], "", counted),
    ]
    return found if is_recorded(scenario) else [replace(figure, value=None) for figure in found]


def find_source(scenario: ScenarioReport, name: str, value: int, otherwise: str) -> str:
    """The file of the figure of that name in a check if it has that value: the requests were counted from it."""
    figures = [figure for check in scenario.checks for figure in check.figures]
    return next((each.source for each in figures if each.name == name and each.value == value), otherwise)


def list_files(files: Sequence[str], scenario: str) -> list[str]:
    """The files that a scenario has left."""
    return [name for name in files if name.startswith((f"{scenario}.", f"{scenario}_"))]
