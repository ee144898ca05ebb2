"""Writes report.html, one page that needs nothing else: the verdict and its reasons, the answers, then the details."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from analysis import number_formats
from analysis.findings import PASS, WORST_FIRST, Check, Figure, RunReport, ScenarioReport
from analysis.pictures import Picture, draw_picture
from analysis.report_facts import list_facts

TEMPLATE = "report.html.j2"
LARGEST = 1_900_000  # bytes of the page
POINTS = 1_200_000 / 14  # of all lines together: a bucket of a line takes about so many bytes
MOST_BUCKETS, FEWEST_BUCKETS = 300, 25  # of a line
REASONS_ON_TOP = 6  # if there are more, only the worst of each scenario is on top
ROWS = 200  # of a table; summary.json has all
SIGNS = {"PASS": "✓", "FAIL": "✗", "INVALID": "!", "INCONCLUSIVE": "?", None: "·"}
MEANINGS = {
    "PASS": "Every question was asked properly, and every objective held.",
    "FAIL": "A promise or an objective did not hold.",
    "INVALID": "A question was not asked properly: its figures do not answer it.",
    "INCONCLUSIVE": "There is too little data to tell.",
}
KINDS = {"validity": "question", "contract": "contract", "performance": "objective", "": ""}


@dataclass(frozen=True)
class Reason:
    """Why a scenario is not PASS; `more` reasons of it are left to its section."""

    verdict: str
    scenario: ScenarioReport
    words: str
    more: int = 0


@dataclass(frozen=True)
class Section:
    """One scenario as the page shows it: `counted` are its figures in the overview, by name."""

    anchor: str
    scenario: ScenarioReport
    counted: dict[str, Figure]
    against: list[Check]
    held: list[Check]
    picture: Picture | None


def write_html(report: RunReport) -> str:
    """The text of report.html, under 2 MB; the more there is to draw, the wider a stretch is drawn by two points."""
    lines = max(1, sum(len(scenario.time_lines) for scenario in report.scenarios))
    buckets = max(FEWEST_BUCKETS, min(MOST_BUCKETS, int(POINTS / lines)))
    while True:
        page = fill_page(report, buckets)
        if len(page.encode()) <= LARGEST or buckets <= FEWEST_BUCKETS:
            return page
        buckets = max(FEWEST_BUCKETS, buckets // 2)


def fill_page(report: RunReport, buckets: int) -> str:
    """The page with so many buckets to a line."""
    return load_template().render(
        report=report,
        meaning=MEANINGS[report.verdict],
        reasons=choose_reasons(list_reasons(report.scenarios)),
        facts=list_facts(report),
        sections=[describe_section(scenario, buckets) for scenario in report.scenarios],
        signs=SIGNS,
        kinds=KINDS,
        most_rows=ROWS,
    )


@cache
def load_template() -> Template:
    """The page's template; everything put into it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for name in ("show_number", "show_figure", "show_interval", "show_clock", "show_moment", "write_exactly"):
        environment.filters[name] = getattr(number_formats, name)
    environment.filters["name_anchor"] = name_anchor
    environment.filters["group_by_source"] = group_by_source
    environment.tests["number"] = is_number
    return environment.get_template(TEMPLATE)


def is_number(value: object) -> bool:
    """Whether a value of a table is a number, not text, nor missing."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def name_anchor(scenario: ScenarioReport) -> str:
    """The name of a scenario's section in links."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", scenario.name)


def group_by_source(figures: Iterable[Figure]) -> list[tuple[str, list[Figure]]]:
    """The figures of each file, files in the order in which they come up."""
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.source, []).append(figure)
    return list(groups.items())


def rank(verdict: str | None) -> int:
    """How bad a verdict is, 0 the worst; what was not judged comes last."""
    return WORST_FIRST.index(verdict) if verdict else len(WORST_FIRST)


def list_reasons(scenarios: Iterable[ScenarioReport]) -> list[Reason]:
    """All that speaks against PASS, the worst first, else in the order of the run."""
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


def describe_section(scenario: ScenarioReport, buckets: int) -> Section:
    """A scenario with its pictures; its checks are parted into those that held and the others, worst first."""
    against = [check for check in scenario.checks if check.verdict != PASS]
    return Section(
        anchor=name_anchor(scenario),
        scenario=scenario,
        counted={figure.name: figure for figure in count_achieved(scenario)},
        against=sorted(against, key=lambda check: rank(check.verdict)),
        held=[check for check in scenario.checks if check.verdict == PASS],
        picture=draw_picture(scenario, buckets),
    )


def count_achieved(scenario: ScenarioReport) -> list[Figure]:
    """What was achieved over the whole load, with the files that it was counted from."""
    got, name = scenario.achieved, scenario.name
    history, totals = f"{name}_stats_history.csv", f"{name}_stats.csv"
    counted = find_source(scenario, "answers", got["requests"], totals)
    latencies = next((line.source for line in scenario.time_lines if line.group == "latency"), f"{name}.hlog")
    return [
        Figure("users", got["users"], "", history),
        Figure("seconds", got["seconds"], "s", history),
        Figure("requests", got["requests"], "", counted),
        Figure("requests a second", got["rps"], "/s", f"{counted}, {history}"),
        *(Figure(key[:3], got[key], "ms", latencies) for key in ("p50_ms", "p95_ms", "p99_ms")),
        Figure("errors", got["errors"], "", counted if counted == totals else f"{counted}, {totals}"),
        Figure("shed", got["shed"], "", counted),
    ]


def find_source(scenario: ScenarioReport, name: str, value: int, otherwise: str) -> str:
    """The file of the figure of that name in a check if it has that value: the requests were counted from it."""
    figures = [figure for check in scenario.checks for figure in check.figures]
    return next((each.source for each in figures if each.name == name and each.value == value), otherwise)
