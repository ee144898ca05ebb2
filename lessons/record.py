"""Keeps the outcomes of lessons in a JSON file, of which lessons.html and docs/lessons.md are made."""

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lessons.lesson import NAMES, Bars, Lines, Outcome


def merge_outcomes(file: Path, outcomes: dict[str, Outcome]) -> None:
    """Write outcomes into a file, each in the place of the one of its name. Those of another machine go."""
    machine = describe_machine()
    others = read_outcomes(file) if file.exists() and read_machine(file) == machine else {}
    merged = {**others, **outcomes}
    found = {name: asdict(merged[name]) for name in NAMES if name in merged}
    text = json.dumps({"machine": machine, "lessons": found}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def read_machine(file: Path) -> str:
    """The machine on which the last outcomes in a file were measured, in words."""
    return str(json.loads(file.read_text(encoding="utf-8"))["machine"])


def read_outcomes(file: Path) -> dict[str, Outcome]:
    """The outcomes in a file by the names of their lessons; none if there is no file."""
    if not file.exists():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))["lessons"]
    return {name: Outcome(**{**each, "picture": read_picture(each["picture"])}) for name, each in found.items()}


def read_picture(found: dict[str, Any]) -> Lines | Bars:
    """The picture that was written as a dict; JSON has its points as lists."""
    if "bars" in found:
        return Bars(**found)
    lines = {name: [(at, value) for at, value in points] for name, points in found["lines"].items()}
    return Lines(found["title"], found["unit"], lines)


def describe_machine() -> str:
    """The machine on which it was measured, in words."""
    cores = len(os.sched_getaffinity(0))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return f"{cores} cores, {system}, Python {platform.python_version()}"
