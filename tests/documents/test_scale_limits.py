"""Every number that docs/scale.md gives of the machines that make a load is that of the code."""

import re
from pathlib import Path

import pytest

from analysis.checks.machine_rules import MOST_S
from load.machines.clock import TRIPS
from load.machines.files import PIECE
from load.machines.pieces import AGAIN_S

PROJECT = Path(__file__).parents[2]
NUMBERS = {1: "once a second", 12: "twelve times in a row"}


def read_constant(module: str, name: str) -> float:
    """A constant of a module that imports Locust, which would change this process."""
    text = (PROJECT / f"load/machines/{module}.py").read_text(encoding="utf-8")
    found = re.search(rf"^{name} = ([0-9.]+)", text, re.MULTILINE)
    assert found, f"{module} has no {name}"
    return float(found[1])


PORT = read_constant("join", "PORT")
CASES = [
    f"on port {PORT:g}",
    f"sends what it adds to them {NUMBERS[int(read_constant('worker', 'SEND_EVERY_S'))]}",
    f"messages of at most {PIECE / 1024:g} KiB",
    f"not confirmed within {AGAIN_S:g} s",
    NUMBERS[TRIPS],
    f"asks again every {read_constant('worker', 'CLOCK_EVERY_S'):g} s",
    f"moves by over {1000 * MOST_S:g} ms",
    f"does not come to a scenario within {read_constant('master', 'COME_S') / 60:g} minutes",
]


@pytest.mark.parametrize("case", CASES)
def test_the_document_gives_the_numbers_of_the_code(case: str) -> None:
    """In the words of the document, which would have to change with the code."""
    assert case in " ".join((PROJECT / "docs/scale.md").read_text(encoding="utf-8").split())


def test_both_sides_of_a_load_know_the_same_port() -> None:
    assert f"\nLOAD_PORT={PORT:g} " in (PROJECT / "stack/machines.sh").read_text(encoding="utf-8")
