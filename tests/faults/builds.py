"""Builds of the services: the product itself, and copies of its code with a protection taken out."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.stacks import PROJECT
from tests.support.weak_builds import copy_build


class Cut(NamedTuple):
    """A text of one file, which must be there once, and what stands there instead."""

    file: str
    old: str
    new: str


def make_build(folder: Path, cuts: Sequence[Cut]) -> Path:
    """Copy the services' code into `folder` with these cuts and return it; the project itself when there are none."""
    return copy_build(folder, *cuts) if cuts else PROJECT
