"""The plan of a comparison, plan.json: its two sides, and its blocks of load as they took place.

The folder of a comparison holds beside it what the load of each side recorded, in the files of a results folder
(results_folder.py) with the names of the sides: a_seconds.csv, a.hlog, a_generator.csv, a_server.jsonl, a_data.jsonl,
b_seconds.csv, ...
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from analysis.records.gaps import amount, check_types, read_json
from analysis.records.run import RunError

PLAN_FILE = "plan.json"
SIDES = ("a", "b")
PROFILES = ("quick", "full")


@dataclass(frozen=True)
class Side:
    """What was compared: `what` as it was asked for, its commit where it is a revision, and a label for a reader.

    `settings` are what each service said of its settings, by service.
    """

    what: str
    auth: str
    books: str
    commit: str | None = None
    label: str = ""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.label or self.what


@dataclass(frozen=True)
class PlannedBlock:
    """A block of load of a side: what counts is from `start` on and before `end`, the warm-up before it does not."""

    pair: int
    side: str
    warm_from: float
    start: float
    end: float


@dataclass(frozen=True)
class Died:
    """The side that stopped answering in mid-run, when (seconds since the epoch), and what was seen of it."""

    side: str
    at: float
    why: str


@dataclass(frozen=True)
class ComparisonPlan:
    """plan.json. A block has "from" and "to" there for `start` and `end`, in seconds since the epoch.

    `within` is how far from 1 a ratio may be and still be the same; `idle_cost` the share of a core that each side uses
    while the other is loaded.
    """

    profile: str
    scenario: str
    within: float
    saturate: bool
    seed: int
    sides: dict[str, Side]
    blocks: tuple[PlannedBlock, ...]
    idle_cost: dict[str, float] = field(default_factory=dict)
    complete: bool = True
    died: Died | None = None
    notes: tuple[str, ...] = ()


def comparison_to_dict(plan: ComparisonPlan) -> dict[str, Any]:
    """The plan as JSON holds it."""
    blocks = [
        {"pair": each.pair, "side": each.side, "warm_from": each.warm_from, "from": each.start, "to": each.end}
        for each in plan.blocks
    ]
    return {**asdict(plan), "blocks": blocks}


def comparison_from_dict(data: Mapping[str, Any]) -> ComparisonPlan:
    """The plan that `comparison_to_dict` wrote; raises KeyError, TypeError or ValueError for what cannot be."""
    check_types(dict(data), {"profile": str, "scenario": str, "within": (int, float), "seed": int})
    plan = ComparisonPlan(
        profile=data["profile"],
        scenario=data["scenario"],
        within=check_within(data["within"]),
        saturate=bool(data.get("saturate")),
        seed=data["seed"],
        sides={name: _side(data["sides"][name]) for name in SIDES},
        blocks=tuple(_block(each) for each in data["blocks"]),
        idle_cost={name: amount(share) for name, share in (data.get("idle_cost") or {}).items()},
        complete=bool(data.get("complete")),
        died=Died(**data["died"]) if data.get("died") else None,
        notes=tuple(map(str, data.get("notes", ()))),
    )
    if plan.profile not in PROFILES or any(each.side not in SIDES for each in plan.blocks):
        raise ValueError("a profile or a side that cannot be")
    return plan


def check_within(value: float) -> float:
    """How far a ratio may be from 1 and still be the same, more than 0 and less than 1; raises ValueError."""
    if not 0 < amount(value) < 1:
        raise ValueError(f"within {value} cannot be: it must be more than 0 and less than 1")
    return float(value)


def read_comparison(folder: Path) -> ComparisonPlan:
    """Read plan.json; raises RunError where it is not there or damaged."""
    path = folder / PLAN_FILE
    try:
        return comparison_from_dict(read_json(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; give the folder of a comparison, or those of two runs") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path} is cut off or damaged; this comparison cannot be judged") from None


def _side(data: Mapping[str, Any]) -> Side:
    check_types(dict(data), {"what": str, "auth": str, "books": str, "label": str, "settings": dict})
    return Side(**{each.name: data[each.name] for each in fields(Side) if each.name in data})


def _block(data: Mapping[str, Any]) -> PlannedBlock:
    check_types(dict(data), {"pair": int, "side": str})
    warm_from, start, end = (amount(data[name]) for name in ("warm_from", "from", "to"))
    if not warm_from <= start < end:
        raise ValueError("a block that cannot be")
    return PlannedBlock(data["pair"], data["side"], warm_from, start, end)
