"""Makes the totals of a resampled run keep to its seconds: Locust's statistics, its failures, and the ledger.

What the recorded totals had more or less than the recorded seconds they keep: a mismatch stays one.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from analysis.records.endpoints import is_ledger_write
from analysis.records.failures import bare_text, kind_of_text
from analysis.records.results_folder import NO_REQUESTS, SECONDS, name_endpoint

KINDS = SECONDS[2:6]
NOBODY = "9790000000001"


@dataclass
class Kinds:
    """How many requests of each endpoint ended how, by the seconds."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, lines: Iterable[str]) -> None:
        """Take in lines of NAME_seconds.csv without its head."""
        for line in csv.reader(lines):
            if len(line) == len(SECONDS) and line[1] not in NO_REQUESTS:
                self.counts.update({(line[1], kind): int(value) for kind, value in zip(KINDS, line[2:6], strict=True)})

    def requests(self, endpoint: str | None, *kinds: str) -> int:
        """The requests of an endpoint, of all where it is None; of some kinds."""
        return sum(
            n for (name, kind), n in self.counts.items() if endpoint in (None, name) and kind in (kinds or KINDS)
        )

    @property
    def writes(self) -> int:
        return sum(number for (name, _), number in self.counts.items() if is_ledger_write(name))


def change_stats(path: Path, target: Path, before: Kinds, after: Kinds) -> None:
    """Copy Locust's totals with other numbers of requests and failures."""
    rows = _read(path)
    for row in rows:
        endpoint = None if row["Name"] == "Aggregated" else name_endpoint(row["Type"], row["Name"])
        for column, kinds in (("Request Count", KINDS), ("Failure Count", KINDS[1:])):
            more = after.requests(endpoint, *kinds) - before.requests(endpoint, *kinds)
            row[column] = str(max(0, int(row[column]) + more))
    _write(path, target, rows)


def change_failures(path: Path, target: Path, before: Kinds, after: Kinds) -> None:
    """Copy the kinds of failures, each as often as the seconds say; one that is never drawn is left out."""
    rows = _read(path)
    left: Counter[tuple[str, str]] = Counter()
    for row in rows:
        kind = kind_of_text(bare_text(row["Error"]))
        endpoint = name_endpoint(row["Method"], row["Name"])
        old, new = before.requests(endpoint, kind), after.requests(endpoint, kind)
        if (endpoint, kind) not in left:
            left[endpoint, kind] = new
        share = round(int(row["Occurrences"]) * new / old) if old else int(row["Occurrences"])
        row["Occurrences"] = str(min(share, left[endpoint, kind]) if old else share)
        left[endpoint, kind] -= int(row["Occurrences"]) if old else 0
    _write(path, target, [row for row in rows if row["Occurrences"] != "0"])


def add_refused_writes(ledgers: dict[str, Path], target: Path, more: int) -> None:
    """Copy the ledgers; with more writes than recorded, add as many that were refused.

    A refused write promises nothing, so it breaks no promise and needs no read-back. With fewer writes the ledger is
    longer than it need be, which no rule minds.
    """
    for place, path in enumerate(ledgers.values()):
        lines = path.read_text().splitlines(keepends=True)
        if place == 0 and more > 0:
            lines += make_refused(lines, more)
        (target / path.name).write_text("".join(lines))


def make_refused(lines: list[str], more: int) -> list[str]:
    """So many refused writes to the first book of a ledger."""
    known = [json.loads(line) for line in lines]
    first = next((line for line in known if "isbn" in line), {"at": 0, "isbn": NOBODY})
    begin = max((line["n"] for line in known), default=0) + 1
    change = {"method": "PATCH", "key": None, "if_match": None, "fields": {"stock": 1}, "digest": None}
    added = []
    for n in range(begin, begin + more):
        added.append({"at": first["at"], "n": n, "isbn": first["isbn"], **change})
        added.append({"at": first["at"], "n": n, "outcome": "refused", "status": 409, "version": None})
    return [json.dumps(line) + "\n" for line in added]


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, target: Path, rows: list[dict[str, str]]) -> None:
    with open(path, newline="") as file:
        head = next(csv.reader(file))
    with open(target, "w", newline="") as file:
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(rows)
