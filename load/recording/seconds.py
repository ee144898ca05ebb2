"""Counts the requests of each second on each endpoint, and for how long users waited for answers or thought."""

import csv
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.records.results_folder import (
    ARRIVED,
    ASIDE,
    CLOSED,
    DROPPED,
    NOT_SENT,
    SECONDS,
    THINK,
    WAITING,
    WAITING_BOOKS,
    is_catalogue,
)

RIGHT = "right"  # the column of a request that has not failed; the kinds of failures are columns too
COLUMNS = {name: column for column, name in enumerate(SECONDS[2:])}  # behind the second and the endpoint
BUSY = COLUMNS["busy_s"]
NOTHING_S = 1e-6
Row = list[float]


class SecondsFile:
    """NAME_seconds.csv, and the rows that are not in it yet; rows of the same second and endpoint add up."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = open(path, "x", newline="", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._writer = csv.writer(self._file)
        self._writer.writerow(SECONDS)
        # A row of zeros tells a record without any waiting request from an older record, which does not count them.
        for waiting in (WAITING, WAITING_BOOKS):
            self._writer.writerow([int(time.time()), waiting, 0, 0, 0, 0, "0.000000"])
        self._rows: dict[int, dict[str, Row]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0, 0.0]))

    def count(self, endpoint: str, kind: str, start: float, end: float) -> None:
        """Count a request in the second of its end, and its time in every second that it touched."""
        self._rows[int(end)][endpoint][COLUMNS[kind]] += 1
        self._spend(endpoint, start, end)
        for second in range(math.ceil(start), int(end)):  # the whole seconds in which it waited
            self._rows[second][WAITING][BUSY] += 1
            if is_catalogue(endpoint):
                self._rows[second][WAITING_BOOKS][BUSY] += 1

    def count_closed(self) -> None:
        """Count an idle connection that was found closed."""
        self._rows[int(time.time())][CLOSED][BUSY] += 1

    def count_not_sent(self) -> None:
        """Count a request that the load itself could not send."""
        self._rows[int(time.time())][NOT_SENT][BUSY] += 1

    def count_arrival(self, due: float, *, dropped: bool) -> None:
        """Count an action that was due at that moment."""
        self._rows[int(due)][ARRIVED][BUSY] += 1
        self._rows[int(due)][DROPPED][BUSY] += dropped

    def think(self, seconds: float) -> float:
        """Count a think time that begins now, and return when it ends."""
        now = time.time()
        self._spend(THINK, now, now + seconds)
        return now + seconds

    def end_think(self, until: float) -> None:
        """Take back the rest of a think time that ends early, because its user is stopped now."""
        self._spend(THINK, time.time(), until, -1)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Count the time of a `with` block in which a user waits for something else than a request of the load."""
        start = time.time()
        try:
            yield
        finally:
            self._spend(ASIDE, start, time.time())

    def _spend(self, endpoint: str, start: float, end: float, sign: int = 1) -> None:
        while start < end:
            second = int(start)
            until = min(end, second + 1)
            self._rows[second][endpoint][BUSY] += sign * (until - start)
            start = until

    def write(self, before: float) -> None:
        """Write the rows of the seconds before that moment."""
        for second in sorted(second for second in self._rows if second < before):
            for endpoint, (*counts, busy_s) in self._rows.pop(second).items():
                if any(counts) or busy_s > NOTHING_S:  # a think time may have been taken back
                    self._writer.writerow([second, endpoint, *map(int, counts), f"{busy_s:.6f}"])
        self._file.flush()

    def close(self) -> None:
        """Write what is left, except think time in seconds that are still to come."""
        self.write(time.time())
        self._file.close()
