"""Writes report.html, a page that needs no other file: the verdict and its reasons, the answers, then the details."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from analysis import number_formats
from analysis.findings import WHOLE_LOAD, Figure, RunReport
from analysis.report.facts import list_facts
from analysis.report.sections import choose_reasons, describe_section, list_reasons, name_anchor

TEMPLATES = Path(__file__).parent / "templates"
LARGEST = 1_900_000  # bytes of the page
POINTS = 1_200_000 / 22  # of all lines together: a bucket of a line takes about so many bytes, drawn and to be read
MOST_BUCKETS, FEWEST_BUCKETS = 300, 25  # of a line
SIGNS = {"PASS": "✓", "FAIL": "✗", "INVALID": "!", "INCONCLUSIVE": "?", None: "·"}
MEANINGS = {
    "PASS": "Every question was asked properly, and every objective held.",
    "FAIL": "A guarantee or an objective did not hold.",
    "INVALID": "A question was not asked properly, so its figures do not answer it.",
    "INCONCLUSIVE": "There is too little data to tell.",
}
KINDS = {"validity": "question", "contract": "contract", "performance": "objective", "": ""}
Link = tuple[str, str]  # words, address; "" for a name that leads nowhere


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
    sections = [describe_section(scenario, buckets, report.files) for scenario in report.scenarios]
    return load_template("page.html.j2").render(
        report=report,
        meaning=MEANINGS[report.verdict],
        reasons=choose_reasons(list_reasons(report.scenarios)),
        facts=list_facts(report),
        sections=sections,
        link=make_linker(report.files, [section.anchor for section in sections]),
        signs=SIGNS,
        kinds=KINDS,
        whole_load=WHOLE_LOAD,
    )


@cache
def load_template(name: str) -> Template:
    """The template of a page, which includes a template for each part; everything put into it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for shown in ("show_number", "show_figure", "show_interval", "show_clock", "show_moment", "write_exactly"):
        environment.filters[shown] = getattr(number_formats, shown)
    environment.filters["name_anchor"] = name_anchor
    environment.filters["group_by_source"] = group_by_source
    environment.tests["number"] = is_number
    return environment.get_template(name)


def is_number(value: object) -> bool:
    """Whether a value of a table is a number, not text, nor missing."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def group_by_source(figures: Iterable[Figure]) -> list[tuple[str, list[Figure]]]:
    """The figures of each file, files in the order in which they come up."""
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.source, []).append(figure)
    return list(groups.items())


def make_linker(files: Sequence[str], anchors: Sequence[str]) -> Callable[[str], list[Link]]:
    """A function that gives the links of a source, `a.csv, b_*.hlog`.

    A file that is there is linked by its name, which leads there from any place into which the folder is unpacked. The
    files of several processes of a scenario lead to the list of that scenario's files (`anchors` are their sections).
    """
    there = frozenset(files)

    def link(source: str) -> list[Link]:
        return [(name, find_address(name)) for name in source.split(", ")]

    def find_address(name: str) -> str:
        if name in there:
            return quote(name)
        anchor = name.partition("_*")[0]
        return f"#files-{anchor}" if "_*" in name and anchor in anchors else ""

    return link
