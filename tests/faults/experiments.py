"""All fault experiments, in the order of their names."""

from tests.faults import (
    held_slots,
    latency,
    lost_commit,
    mariadb_down,
    overload,
    pool,
    read_overload,
    redis_down,
    reloads,
    slow_clients,
    transactions,
    workers,
)
from tests.faults.findings import Experiment

MODULES = (
    mariadb_down, pool, held_slots, transactions, latency, lost_commit, redis_down, workers, reloads, slow_clients,
    overload, read_overload,
)  # fmt: skip
ALL = [experiment for module in MODULES for experiment in module.EXPERIMENTS]


def rank(name: str) -> tuple[int, str]:
    """Return the place of F2 or F9-full in the order."""
    number, _, part = name[1:].partition("-")
    return int(number), part


BY_NAME: dict[str, Experiment] = {each.name: each for each in sorted(ALL, key=lambda each: rank(each.name))}


def choose(names: list[str]) -> list[Experiment]:
    """Return the experiments of these names, F9 for all of F9-...; all without names. Raises KeyError."""
    chosen = [[each for each in BY_NAME.values() if name in (each.name, each.name.partition("-")[0])] for name in names]
    if unknown := [name for name, found in zip(names, chosen, strict=True) if not found]:
        raise KeyError(" ".join(unknown))
    return [each for found in chosen for each in found] if names else list(BY_NAME.values())
