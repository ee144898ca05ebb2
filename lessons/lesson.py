"""What a lesson is: its name, and the outcome of its experiment."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from lessons.place import Place

TITLES = {
    "development_server": "The development server",
    "connection_per_request": "A connection per request",
    "bare_pool": "A bare pool",
    "zombies": "Zombies",
    "shape_in_the_main_file": "The shape in the main file",
    "status_is_not_enough": "A status is not enough",
    "silent_repeats": "Silent repeats",
    "coordinated_omission": "Coordinated omission",
    "hashing_eats_the_reads": "Hashing eats the reads",
    "cold_cqrs": "A cold read model",
}  # of the lessons by their names, in their order
NAMES = tuple(TITLES)


@dataclass(frozen=True)
class Lines:
    """A picture of values over seconds: the points (second, value) of each line by its name.

    A line is broken where its points are more than 3 s apart. The colour of a line goes by the first word of its name:
    `mistake`, `cure`, or any other word.
    """

    title: str
    unit: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Bars:
    """A picture of one value for each name; the colours are those of Lines."""

    title: str
    unit: str
    bars: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """What an experiment showed: a sentence with its figures, a table, a picture, and the figures by name.

    A row has a cell for each column. The figures are what the tests and docs/lessons.md read.
    """

    sentence: str
    columns: list[str]
    rows: list[list[str]]
    picture: Lines | Bars
    figures: dict[str, float] = field(default_factory=dict)


class Experiment(Protocol):
    """The function `run` of lessons/NAME/experiment.py."""

    def __call__(self, place: Place, short: bool) -> Outcome:
        """Run mistake and cure in a place, for under a minute, or in a few seconds with `short`."""


def find_experiment(name: str) -> Experiment:
    """The experiment of the lesson of that name."""
    experiment: Experiment = import_module(f"lessons.{name}.experiment").run
    return experiment
