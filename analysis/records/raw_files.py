"""Reads what load/ recorded of a scenario: seconds, generator, server, ledger, data, read-back, failure samples.

What is missing or cut off is tolerated and named. results_folder.py defines the files.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from analysis.records.gaps import Gaps, amount, check_amounts, check_time, check_types, read_json, whole
from analysis.records.results_folder import (
    ACKNOWLEDGED,
    FAILURE_SAMPLES,
    GENERATOR,
    MACHINE_EVENTS,
    MACHINES,
    REFUSED,
    SECONDS,
    UNKNOWN,
    DataState,
    FailureSample,
    GeneratorRow,
    MachineEvent,
    Outcome,
    ReadBack,
    SecondRow,
    Sent,
    ServerSample,
    Shown,
    Worker,
    find_parts,
    part_path,
)

T = TypeVar("T")
Line = TypeVar("Line")
Timed = TypeVar("Timed", GeneratorRow, ServerSample, Sent | Outcome, DataState, MachineEvent)  # what is `at` a moment
Span = tuple[float, float]
NOTHING = type(None)
LEDGER_TYPES: dict[str, type | tuple[type, ...]] = {
    "n": int,
    "isbn": str,
    "method": str,
    "key": (str, NOTHING),
    "if_match": (int, NOTHING),
    "fields": (dict, NOTHING),
    "digest": (str, NOTHING),
    "status": (int, NOTHING),
    "version": (int, NOTHING),
}
SAMPLE_TYPES: dict[str, type | tuple[type, ...]] = {
    "method": str,
    "name": str,
    "text": str,
    "status": (int, NOTHING),
    "request_id": (str, NOTHING),
}
MOMENTS = ("before", "after")
METHODS, OUTCOMES = ("POST", "PATCH", "DELETE"), (ACKNOWLEDGED, REFUSED, UNKNOWN)


def read_seconds(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> dict[str, list[SecondRow]]:
    """The rows of every part's NAME_seconds.csv, by part; adds to `gaps` what could not be read.

    Rows of a second outside of `near` (seconds since the epoch) cannot be.
    """
    parts = _parts(folder, name, "_seconds.csv", gaps)

    def convert(line: list[str]) -> SecondRow:
        row = second_row(line)
        check_time(row.second, near)
        return row

    return {part: list(_read_csv(path, SECONDS, convert, gaps)) for part, path in parts.items()}


def read_generator(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> dict[str, list[GeneratorRow]]:
    """The rows of every part's NAME_generator.csv, by part; adds to `gaps` what could not be read.

    Rows of a moment outside of `near` cannot be; so it is with the lines of the next four.
    """
    parts = _parts(folder, name, "_generator.csv", gaps)
    convert = _checked(generator_row, near)
    return {part: list(_read_csv(path, GENERATOR, convert, gaps)) for part, path in parts.items()}


def read_server(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> list[ServerSample]:
    """The samples of NAME_server.jsonl, also the lines of samples that could not be taken."""
    return list(_read_lines(folder / f"{name}_server.jsonl", _checked(_sample, near), gaps))


def read_ledger(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> list[tuple[Sent, Outcome | None]]:
    """Every write of a scenario with its outcome, if it is known; the writes of a part in the order they were sent.

    A book has one writer. Sorting by time would mix its writes up when the clock is set. The files of all parts are
    read; a scenario without writes has none, so their absence is no gap here. Adds to `gaps` what is damaged, and how
    many writes may have been done of which the ledger does not say what they were.
    """
    writes: list[tuple[Sent, Outcome | None]] = []
    for path in find_parts(folder, name, "_ledger.jsonl").values():
        sent: dict[int, Sent] = {}
        outcomes: dict[int, Outcome] = {}
        twice = damaged = 0
        for line in _read_lines(path, _checked(_ledger_line, near), gaps):
            damaged = gaps.damaged[path.name]
            if isinstance(line, Outcome):
                outcomes[line.n] = line
            elif line.n in sent:  # of two lines with one number, one is damaged
                twice += 1
            else:
                sent[line.n] = line
        at_the_end = gaps.damaged[path.name] - damaged
        writes += [(write, outcomes.get(number)) for number, write in sorted(sent.items())]
        gaps.unsent += count_lost(sent, outcomes, gaps.lines[path.name]) + twice + at_the_end
    return writes


def count_lost(sent: Mapping[int, Sent], outcomes: Mapping[int, Outcome], lines: int) -> int:
    """How many writes may have been done whose line is gone from a ledger of so many lines, whose numbers begin at 1.

    A number greater than that of the lines is itself damaged: with its outcome, a write has two lines.
    """
    told = {*sent, *(number for number, each in outcomes.items() if each.outcome == REFUSED)}
    last = max((number for number in sent if number <= lines), default=0)
    beyond = sum(number > last and number not in told for number in outcomes)
    return last - sum(1 <= number <= last for number in told) + beyond


def read_data(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> dict[str, DataState]:
    """The states of the data by moment, "before" and "after"; the first of each counts."""
    states: dict[str, DataState] = {}
    for state in _read_lines(folder / f"{name}_data.jsonl", _checked(_data, near), gaps):
        states.setdefault(state.moment, state)
    return states


def read_machines(folder: Path, name: str, gaps: Gaps, near: Span | None = None) -> list[MachineEvent]:
    """What befell the processes of the machines that made the load, in the order in which their master noted it."""
    return list(_read_lines(folder / f"{name}{MACHINES}", _checked(_machine_event, near), gaps))


def read_read_back(folder: Path, name: str, gaps: Gaps) -> ReadBack | None:
    """What was read back after a scenario; None when that was not done."""
    path = folder / f"{name}_read_back.json"
    try:
        data = read_json(path.read_text(encoding="utf-8"))
        isbns = {isbn: {where: _shown(one) for where, one in shown.items()} for isbn, shown in data["isbns"].items()}
        check_amounts({"at": data["at"], "lag_s": data["lag_s"]})
        return ReadBack(data["at"], data["lag_s"], data["complete"], isbns)
    except OSError:
        gaps.miss(path)
    except (ValueError, KeyError, TypeError, AttributeError):
        gaps.damage(path)
    return None


def read_failure_samples(folder: Path, name: str, gaps: Gaps) -> list[FailureSample]:
    """A sample of each kind of failure, of all parts; older recordings have no samples.

    Nothing is judged by them: a damaged line is named in `gaps`, and does not count among the damaged ones.
    """
    own, samples = Gaps(), []
    for path in find_parts(folder, name, FAILURE_SAMPLES).values():
        samples += list(_read_lines(path, _failure_sample, own))
    gaps.extend(own)
    return samples


def _parts(folder: Path, name: str, ending: str, gaps: Gaps) -> dict[str, Path]:
    parts = find_parts(folder, name, ending)
    if not parts:
        gaps.miss(part_path(folder, name, "", ending))
    return parts


def _read_csv(path: Path, columns: Iterable[str], convert: Callable[[list[str]], T], gaps: Gaps) -> Iterable[T]:
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\0", "").splitlines()
    if not lines or lines[0] != ",".join(columns):
        gaps.damage(path, 1)
        return
    gaps.lines[path.name] += len(lines) - 1
    for number, line in enumerate(lines[1:], start=2):
        try:
            (fields,) = csv.reader([line], strict=True)  # line by line: no quote that is left open takes the next ones
            yield convert(fields)
        except (ValueError, csv.Error):  # another number of fields is a ValueError of the conversion
            gaps.damage(path, number)


def _read_lines(path: Path, convert: Callable[[dict[str, Any]], T], gaps: Gaps) -> Iterable[T]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        gaps.miss(path)
        return
    gaps.lines[path.name] += len(lines)
    for number, line in enumerate(lines, start=1):
        try:
            yield convert(read_json(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            gaps.damage(path, number)


def _checked(convert: Callable[[Line], Timed], near: Span | None) -> Callable[[Line], Timed]:
    """A conversion that raises ValueError too for a moment that is far from the load."""

    def convert_checked(line: Line) -> Timed:
        found = convert(line)
        check_time(found.at, near)
        return found

    return convert_checked


def second_row(line: list[str]) -> SecondRow:
    """The row of the fields of a line of NAME_seconds.csv; raises ValueError."""
    second, endpoint, right, wrong, unanswered, shed, busy_s = line
    counts = whole(right), whole(wrong), whole(unanswered), whole(shed)
    return SecondRow(whole(second), endpoint, *counts, amount(busy_s))


def generator_row(line: list[str]) -> GeneratorRow:
    """The row of the fields of a line of NAME_generator.csv; raises ValueError or TypeError."""
    at, pid, cpu, wanted, users, lags = line
    lags_ms = tuple(map(amount, lags.split()))
    return GeneratorRow(amount(at), whole(pid), amount(cpu), whole(wanted), whole(users), lags_ms)


def _shown(shown: dict[str, Any]) -> Shown:
    check_types(shown, {"status": int, "book": (dict, NOTHING)})
    return Shown(whole(shown["status"]), shown["book"])


def _sample(line: dict[str, Any]) -> ServerSample:
    check_types(line, {"service": str, "machine": str, "error": str, "at": (int, float), "took": (int, float)})
    workers = {pid: Worker(**worker) for pid, worker in line.get("workers", {}).items()}
    for numbers in (line.get("values", {}), *line.get("workers", {}).values()):
        check_amounts(numbers, optional=False)
    check_amounts({name: line.get(name) for name in ("at", "took", "server_at")})
    return ServerSample(**{**line, "workers": workers, "values": line.get("values", {})})


def _ledger_line(line: dict[str, Any]) -> Sent | Outcome:
    check_types(line, LEDGER_TYPES)
    check_amounts({name: line.get(name) for name in ("at", "n", "if_match", "status", "version")})
    if line.get("outcome", UNKNOWN) not in OUTCOMES or line.get("method", "POST") not in METHODS:
        raise ValueError("a write that cannot be")
    return Outcome(**line) if "outcome" in line else Sent(**line)


def _failure_sample(line: dict[str, Any]) -> FailureSample:
    check_types(line, SAMPLE_TYPES)
    check_amounts({name: line[name] for name in ("at", "ms")}, optional=False)
    check_amounts({"status": line["status"]})
    return FailureSample(**line)


def _machine_event(line: dict[str, Any]) -> MachineEvent:
    check_types(line, {"machine": str, "part": str, "offset_s": (int, float, NOTHING)})
    check_amounts({"at": line["at"]}, optional=False)
    check_amounts({"error_s": line.get("error_s")})
    has_offset = None not in (line.get("offset_s"), line.get("error_s"))
    if line["event"] not in MACHINE_EVENTS or (line["event"] == "clock") != has_offset:
        raise ValueError("an event that cannot be")
    return MachineEvent(**line)


def _data(line: dict[str, Any]) -> DataState:
    check_types(line, {"books": int, "own": int})
    check_amounts({name: line[name] for name in ("at", "books", "own")}, optional=False)
    if line["moment"] not in MOMENTS:
        raise ValueError("a moment that cannot be")
    return DataState(**line)
