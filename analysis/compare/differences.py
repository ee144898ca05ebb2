"""Says in which settings, machines and versions two runs differ, from their run.json."""

from collections.abc import Mapping
from typing import Any

UNLIKE = ("run", "started", "plan", "scenario_files")  # differ between any two runs, or are compared elsewhere
MISSING = "not known"


def list_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """A sentence for each fact that differs: `machine cpus differs: 2 in A, 4 in B.`"""
    one, other = (flatten({name: value for name, value in facts.items() if name not in UNLIKE}) for facts in (a, b))
    names = [name for name in {**one, **other} if one.get(name, MISSING) != other.get(name, MISSING)]
    return [f"{name} differs: {one.get(name, MISSING)} in A, {other.get(name, MISSING)} in B." for name in names]


def flatten(facts: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """The facts inside facts by their path, `services books settings workers`; a list is a single fact."""
    found: dict[str, str] = {}
    for name, value in facts.items():
        path = f"{before} {name}".strip()
        if isinstance(value, Mapping):
            found |= flatten(value, path)
        else:
            found[path] = str(value)
    return found
