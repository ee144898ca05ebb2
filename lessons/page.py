"""Writes lessons.html, a page that needs no other file: of each lesson its sentence, table, picture and programs."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.report.page import TEMPLATES
from lessons.lesson import NAMES, TITLES, Outcome
from lessons.picture import DrawnBars, DrawnLines, draw
from lessons.record import read_machine, read_outcomes

FOLDER = Path(__file__).parent
PROGRAMS = ("mistake.py", "cure.py")  # of every lesson
UNSHOWN = ("__init__.py", "experiment.py")


@dataclass(frozen=True)
class Section:
    """One lesson on the page; `programs` are the names and the text of its programs."""

    name: str
    number: int
    title: str
    outcome: Outcome
    picture: DrawnLines | DrawnBars
    programs: list[tuple[str, str]]


def write_page(record: Path, page: Path) -> None:
    """Write the page of the outcomes in a record, see merge_outcomes()."""
    environment = Environment(
        loader=FileSystemLoader([FOLDER, TEMPLATES]), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    sections = [describe_section(name, outcome) for name, outcome in read_outcomes(record).items()]
    template = environment.get_template("lessons.html.j2")
    page.write_text(template.render(sections=sections, machine=read_machine(record)), encoding="utf-8")


def describe_section(name: str, outcome: Outcome) -> Section:
    """What the page shows of a lesson."""
    programs = [(file, (FOLDER / name / file).read_text(encoding="utf-8")) for file in list_programs(name)]
    return Section(name, 1 + NAMES.index(name), TITLES[name], outcome, draw(outcome.picture), programs)


def list_programs(name: str) -> list[str]:
    """The programs of a lesson: its mistake, its cure, then what both of them need."""
    found = {path.name for path in (FOLDER / name).glob("*.py")} - {*UNSHOWN, *PROGRAMS}
    return [*PROGRAMS, *sorted(found)]
