"""Records a comparison: brings both sides up, loads them in turn, and writes all of it into a results folder."""

import argparse
import os
import secrets
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from analysis.records.comparison import ComparisonPlan
from load.client.refusal import Refused
from load.client.script import warn
from load.compare.conduct import Conductor
from load.compare.loads import open_load
from load.compare.places import (
    Place,
    check_place,
    note_catalogue,
    place_of_host,
    place_of_stack,
    prepare_accounts,
    remove_books,
)
from load.compare.sides import Side
from load.compare.signs import Signs
from load.compare.stacks import open_checkout, open_stack, open_state
from load.run.blocks import Form, write_comparison
from stack.programs import undisturbed

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Asked:
    """What is to be recorded: the sides by name, the form of their blocks, how many users each has, and where to."""

    sides: dict[str, Side]
    form: Form
    users: int
    folder: Path


def record(asked: Asked, options: argparse.Namespace, notes: list[str]) -> None:
    """Record a comparison; plan.json says how far it came. Raises Refused."""
    with ExitStack() as opened:
        stack = options.called_from / os.environ["STACK_DIR"] if os.environ.get("STACK_DIR") else Path(".local")
        state = opened.enter_context(open_state(stack.absolute()))
        places = {name: open_place(name, side, state, opened) for name, side in asked.sides.items()}
        plan = ComparisonPlan(
            options.profile, options.scenario, options.within, options.saturate, secrets.randbelow(2**31),
            {name: check_place(side, places[name]) for name, side in asked.sides.items()}, (), complete=False,
            notes=tuple(notes),
        )  # fmt: skip
        for name, place in places.items():
            tell(f"side {name.upper()}: accounts at {place.target.auth} ...")
            prepare_accounts(place)
        states = [note_catalogue(name, place, asked.folder) for name, place in places.items()]
        write_comparison(asked.folder, plan)
        if len({state.books for state in states}) != 1:
            return  # the analysis says that it is INVALID
        plan = load_both(plan, asked, places)
        write_comparison(asked.folder, plan)
        for name, place in places.items():
            if place.is_private and plan.complete:
                read_back(name, place, asked.folder)


def open_place(name: str, side: Side, state: Path, opened: ExitStack) -> Place:
    """Bring a side up unless it is a host, and return where it answers; raises Refused."""
    if side.target:
        return place_of_host(name, side.target)
    tell(f"side {name.upper()}: {side.label}: starting a stack for it ...")
    code = side.folder or opened.enter_context(open_checkout(PROJECT, side.commit or "", state / f"{name}_code"))
    values = opened.enter_context(open_stack(code, PROJECT, state / name))
    return place_of_stack(values, state)


def load_both(plan: ComparisonPlan, asked: Asked, places: dict[str, Place]) -> ComparisonPlan:
    """Load both sides in turn, and return the plan as it took place; raises Refused.

    The books that the loads have added are removed from a host however this ends; a private stack goes with them.
    """
    folder, users = asked.folder, asked.users
    with ExitStack() as opened:
        for name, place in places.items():
            if not place.is_private:
                opened.callback(read_back, name, place, folder)
        signs = {name: opened.enter_context(closing(Signs(name, place, folder))) for name, place in places.items()}
        loads = {name: opened.enter_context(open_load(name, place, folder)) for name, place in places.items()}
        return Conductor(loads, signs, users).run(plan, asked.form, folder)


def read_back(name: str, place: Place, folder: Path) -> None:
    """Read the books of a side's load back and remove them, or say why that cannot be; the analysis judges them."""
    with undisturbed():
        try:
            remove_books(name, place, folder)
        except Refused as problem:
            words = f"the books of this load on side {name.upper()} could not all be read back and removed"
            warn(f"compare.sh: {words}: {problem}")


def tell(words: str) -> None:
    """Show how far it is."""
    print(words, flush=True)
