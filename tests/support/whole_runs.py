"""Writes the folder of a whole run, all seven scenarios of which are all right."""

from pathlib import Path

from analysis.plan.plan import SCENARIOS, Plan, Stage
from tests.support.recordings import make_plan, write_run, write_scenario
from tests.support.written_books import Shelf

SHAPE = (Stage(50, 20, 50), Stage(100, 20, 50), Stage(50, 40, 50))


def plan_all() -> list[Plan]:
    """Short forms of the seven scenarios."""
    stages = {"stages": SHAPE, "spike": SHAPE, "soak": (Stage(20, 150, 20),)}
    plans = [make_plan(*stages.get(name, (Stage(50, 30, 25),)), name=name, share=0.08) for name in SCENARIOS]
    return [Plan(**{**vars(plan), "limits": {"warm-up-seconds": 5.0}}) for plan in plans]


def write_whole_run(folder: Path) -> list[Plan]:
    """A run of all seven scenarios that is all right."""
    plans = plan_all()
    write_run(folder, *plans)
    shelf = Shelf()
    for number in range(10):
        shelf.live(f"979200000000{number}", 40, doubts=0.1)
    shelf.show()
    for plan in plans:
        write_scenario(folder, plan)
        shelf.leave(folder, plan.name)
    return plans
