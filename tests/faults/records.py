"""What the load generator writes down of each request, a line of JSON each."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

READS = ("book", "list", "me")
WRITES = ("add", "change", "delete")
LOGINS = ("login",)
GROUPS = {"reads": READS, "writes": WRITES, "log-ins": LOGINS}


class Record(NamedTuple):
    """One request; times are seconds of CLOCK_MONOTONIC, which all processes of a machine share."""

    sent: float
    late: float  # seconds after it was to be sent: the generator's own fault
    seconds: float  # to its answer, or until the client gave up
    kind: str  # of READS, WRITES, LOGINS, or a page like "auth /health"
    status: int  # 0 without an answer
    fault: str = ""  # why there is none
    retry_after: str = ""
    note: str = ""  # what a refusal says, what /ready says of the stores, or "mariadb" for a read that came from there
    isbn: str = ""
    number: int = 0  # that the fields of a written book follow from
    version: int = 0  # that the answer to a write names
    attempt: int = 0  # how often the same request was sent before

    @property
    def good(self) -> bool:
        """Tell whether the service did what was asked, or rightly said that it cannot be done."""
        return 200 <= self.status < 300 or self.status in (404, 409)

    @property
    def answered(self) -> float:
        """Give the time of the answer."""
        return self.sent + self.seconds


def write_line(record: Record) -> str:
    """Return the line of a record."""
    return json.dumps(record) + "\n"


def read_records(file: Path, place: int) -> tuple[list[Record], int]:
    """Return the records behind a place in a file that may still be written to, and the place behind them."""
    if not file.exists():
        return [], place
    with file.open("rb") as lines:
        lines.seek(place)
        whole = lines.read().rpartition(b"\n")[0]
    found = [Record(*json.loads(line)) for line in whole.split(b"\n") if line]
    return found, place + len(whole) + bool(whole)


def between(records: Iterable[Record], start: float, end: float) -> list[Record]:
    """Return the records sent in a span of time."""
    return [each for each in records if start <= each.sent < end]


def of_kinds(records: Iterable[Record], *kinds: str) -> list[Record]:
    """Return the records of these kinds."""
    return [each for each in records if each.kind in kinds]
