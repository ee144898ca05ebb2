"""What an analysis finds: checks with their verdicts, figures with the file they come from, tables and time lines.

A RunReport holds all that a report shows, as plain data; those who write reports need nothing else.
"""

from dataclasses import dataclass, field
from typing import Any

PASS, FAIL, INVALID, INCONCLUSIVE = "PASS", "FAIL", "INVALID", "INCONCLUSIVE"
WORST_FIRST = (FAIL, INVALID, INCONCLUSIVE, PASS)
VALIDITY, CONTRACT, PERFORMANCE = "validity", "contract", "performance"
WHOLE_LOAD = "right answers of the whole load, ramps and log-ins included"  # what a scenario's row of figures is of
NO_OBJECTIVE = "No objective is given."  # why a check has no verdict


@dataclass(frozen=True)
class Figure:
    """One number, its unit ("" for a plain count) and the name of the file in the results folder it comes from.

    `low` and `high` are the ends of its interval, where it has one; `value` is None when it could not be measured.
    """

    name: str
    value: float | int | str | None
    unit: str
    source: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    `kind` is VALIDITY (was the question asked properly?), CONTRACT (did the services keep their contract?) or
    PERFORMANCE (did an objective hold? only judged when the question was asked properly). `verdict` is None when it
    was not judged; `reason` says why it is not PASS, or why it was not judged.
    """

    name: str
    kind: str
    verdict: str | None
    reason: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of plain values under columns, and the names of the files they come from."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    source: str


@dataclass(frozen=True)
class TimeLine:
    """Values over a scenario: (seconds since the load began, value); lines of the same `group` share a picture.

    Server samples are on the client's clock: the shift of the server's was taken out.
    """

    group: str
    name: str
    unit: str
    source: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ChartCurve:
    """A line of a chart: (x, value), and the interval of each value where they have one."""

    name: str
    points: tuple[tuple[float, float], ...]
    intervals: tuple[tuple[float, float], ...] = ()


PERCENTILES, THROUGHPUT, STEPS = "percentiles", "throughput", "steps"


@dataclass(frozen=True)
class Chart:
    """A picture that has no time axis; its curves have the same x as far as they go, and `names` says what each is.

    In a chart of PERCENTILES x is the share of the answers that took at most so long, in one of THROUGHPUT the right
    answers a second, in one of STEPS the load of a step; points are `joined` in their order where it has a meaning.
    Values are in `unit`. `edges` are the two x between which something happens, which `between` says.
    """

    kind: str
    title: str
    source: str
    names: tuple[str, ...]
    curves: tuple[ChartCurve, ...]
    joined: bool = True
    unit: str = "ms"
    edges: tuple[float, float] | None = None
    between: str = ""


@dataclass(frozen=True)
class Answer:
    """What a scenario's own rules say: the answer to its question in a sentence, and what that rests on."""

    words: str
    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()  # among them what this run could not have seen
    summary: dict[str, Any] = field(default_factory=dict)  # what summary.json has of this scenario alone


@dataclass(frozen=True)
class ScenarioReport:
    """One scenario; `planned` and `achieved` are those of summary.json, `reasons` say what did not pass, worst first.

    `marks` are moments on the time lines (seconds since the load began) at which the planned load changes.
    """

    name: str
    question: str
    verdict: str
    reasons: tuple[str, ...]
    answer: str
    planned: dict[str, Any]
    achieved: dict[str, Any]
    figures: tuple[Figure, ...]
    checks: tuple[Check, ...]
    tables: tuple[Table, ...]
    time_lines: tuple[TimeLine, ...]
    marks: tuple[tuple[float, str], ...]
    notes: tuple[str, ...]
    started: int | None  # seconds since the epoch
    charts: tuple[Chart, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def not_passed(self) -> list[Check]:
        """The checks that were judged and did not pass, worst first: each reason has the verdict of its own check."""
        return list_not_passed(self.checks)


@dataclass(frozen=True)
class RunReport:
    """The whole run; `facts` is run.json as it is, `notes` what is to be known before its figures are read.

    `files` are the names of what is in its folder.
    """

    name: str
    profile: str
    complete: bool
    crashed: tuple[str, ...]
    verdict: str
    scenarios: tuple[ScenarioReport, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def list_not_passed(checks: tuple[Check, ...]) -> list[Check]:
    """The checks that were judged and did not pass, worst first."""
    not_passed = [check for check in checks if check.verdict not in (None, PASS)]
    return sorted(not_passed, key=lambda check: WORST_FIRST.index(check.verdict or PASS))


def worst(verdicts: list[str]) -> str:
    """The verdict that wins: FAIL over INVALID over INCONCLUSIVE over PASS."""
    return min(verdicts, key=WORST_FIRST.index, default=PASS)


def make_check(name: str, kind: str, reason: str, *figures: Figure, verdict: str = "") -> Check:
    """A check that is PASS without a reason; with one it is `verdict`, usually INVALID for validity, else FAIL."""
    failed = verdict or (INVALID if kind == VALIDITY else FAIL)
    return Check(name, kind, failed if reason else PASS, reason, figures)
