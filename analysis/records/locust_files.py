"""Reads Locust's own files of a scenario: stats, history, failures and exceptions (.csv), and NAME_requests.json.

What is missing or cut off is tolerated and named.
"""

import csv
import io
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from analysis.records.failures import SHED, Kind, bare_text, kind_of_text
from analysis.records.gaps import Gaps, amount, check_time, read_json, whole

Row = dict[str, str]
DAY_S = 86_400  # no scenario is that long: a moment that far from the others is damaged
T = TypeVar("T")


@dataclass(frozen=True)
class Second:
    """One line of Locust's history: the state at a moment (epoch seconds)."""

    at: int
    users: int
    requests: int
    failures: int
    requests_per_s: float


@dataclass(frozen=True)
class Endpoint:
    """How often an endpoint was asked, and how often that failed."""

    method: str
    name: str
    requests: int
    failures: int


@dataclass(frozen=True)
class Failure:
    """One kind of failure: on which endpoint, the text, how often, when first and last (epoch seconds, if known)."""

    method: str
    name: str
    text: str
    count: int
    first: float | None = None
    last: float | None = None

    @property
    def kind(self) -> Kind:
        """Whether the answer was wrong, there was none, or the service refused because it was full."""
        return kind_of_text(self.text)


@dataclass(frozen=True)
class Results:
    """All there is of one scenario; `gaps` says in words which files are missing or cut off.

    `stopped_at` is the moment (epoch seconds) in which the load was ended, None after a kill.
    """

    endpoints: list[Endpoint]
    total: Endpoint | None
    history: list[Second]
    failures: list[Failure]
    exceptions: int
    stopped_at: float | None
    gaps: Gaps

    @property
    def requests(self) -> int:
        """All requests, as Locust's total has them."""
        return self.total.requests if self.total else 0

    @property
    def shed(self) -> int:
        return sum(failure.count for failure in self.failures if failure.kind == SHED)

    @property
    def errors(self) -> int:
        """Failures that are no refusals; counted from the totals, so that a cut failures file hides none."""
        listed = sum(failure.count for failure in self.failures if failure.kind != SHED)
        return max(listed, (self.total.failures if self.total else 0) - self.shed)


def read_results(folder: Path, name: str) -> Results:
    """Read what Locust wrote for scenario `name` in `folder`; never raises for missing or damaged data."""
    gaps = Gaps()
    history = read_history(folder / f"{name}_stats_history.csv", gaps)
    rows = _read_rows(folder / f"{name}_stats.csv", _endpoint, gaps)
    aggregated = [row for row in rows if row.name == "Aggregated"]
    return Results(
        endpoints=[row for row in rows if row.name != "Aggregated"],
        total=aggregated[0] if aggregated else None,
        history=history,
        failures=read_failures(folder / f"{name}_failures.csv", gaps),
        exceptions=sum(_read_rows(folder / f"{name}_exceptions.csv", lambda row: whole(row["Count"]), gaps)),
        stopped_at=_read_stop(folder / f"{name}_requests.json", history, gaps),
        gaps=gaps,
    )


def read_history(path: Path, gaps: Gaps) -> list[Second]:
    """The aggregated lines of a history file, oldest first; adds to `gaps` what could not be read."""
    found = [second for second in _read_rows(path, _aggregated_second, gaps) if second is not None]
    usual = statistics.median(second.at for second in found) if found else 0
    kept = [second for second in found if abs(second.at - usual) <= DAY_S]
    for _ in range(len(found) - len(kept)):
        gaps.damage(path)
    return kept


def read_failures(path: Path, gaps: Gaps) -> list[Failure]:
    """The lines of a failures file; adds to `gaps` what could not be read."""
    return _read_rows(path, _failure, gaps)


def _read_rows(path: Path, convert: Callable[[Row], T], gaps: Gaps) -> list[T]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        gaps.miss(path)
        return []
    rows: list[T] = []
    for number, row in _parse_rows(path, text.replace("\0", ""), gaps):
        gaps.lines[path.name] += 1
        try:
            if None in row.values():
                raise ValueError("cut off")
            rows.append(convert(row))
        except (KeyError, TypeError, ValueError):
            gaps.damage(path, number)
    return rows


def _parse_rows(path: Path, text: str, gaps: Gaps) -> Iterator[tuple[int, Row]]:
    """Each row with the line in which it ends; from a field on that is too long for the parser, all lines are damaged.

    A quote that is left open makes such a field of all that follows, so nothing behind it can be told apart.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    done = 0  # lines of the rows that are whole
    try:
        if len(reader.fieldnames or []) < 2:  # no head, or one that was cut off in its first column
            gaps.damage(path)
        done = reader.line_num
        for row in reader:
            done = reader.line_num
            yield done, row
    except csv.Error:
        left = len(text.splitlines()) - done
        gaps.lines[path.name] += left
        gaps.damage(path, done + 1, left)


def _read_stop(path: Path, history: list[Second], gaps: Gaps) -> float | None:
    try:
        moment = read_json(path.read_text(encoding="utf-8"))["stopped_at"]
        if moment is None:
            return None
        if history:
            check_time(amount(moment), (history[0].at - DAY_S, history[-1].at + DAY_S))
        return amount(moment)
    except OSError:
        gaps.miss(path)
    except (ValueError, KeyError, TypeError):
        gaps.damage(path)
    return None


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(row["Type"], row["Name"], whole(row["Request Count"]), whole(row["Failure Count"]))


def _aggregated_second(row: Row) -> Second | None:
    return read_second(row) if row["Name"] == "Aggregated" else None


def read_second(row: Row) -> Second:
    """One line of a history; raises KeyError, TypeError or ValueError when it is damaged."""
    return Second(
        at=whole(row["Timestamp"]),
        users=whole(row["User Count"]),
        requests=whole(row["Total Request Count"]),
        failures=whole(row["Total Failure Count"]),
        requests_per_s=amount(row["Requests/s"]),
    )


def _failure(row: Row) -> Failure:
    moments = [_moment(row.get(column) or "") for column in ("First Seen", "Last Seen")]
    return Failure(row["Method"], row["Name"], bare_text(row["Error"]), whole(row["Occurrences"]), *moments)


def _moment(text: str) -> float | None:
    """`2027-01-15T08:00:05Z` in epoch seconds; None for nothing, as an older Locust has it; raises ValueError."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return amount((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
