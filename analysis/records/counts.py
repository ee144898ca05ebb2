"""Adds up what the seconds of a load brought: requests by outcome, and the time its users spent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.records.results_folder import ASIDE, CLOSED, NO_REQUESTS, NOT_SENT, NUMBERS, THINK, SecondRow


@dataclass
class Counts:
    """Requests by outcome."""

    right: int = 0
    wrong: int = 0
    unanswered: int = 0
    shed: int = 0

    @property
    def requests(self) -> int:
        return self.right + self.wrong + self.unanswered + self.shed

    @property
    def errors(self) -> int:
        """Requests that failed, without requests that were refused because the service was full."""
        return self.wrong + self.unanswered

    def add(self, row: SecondRow) -> None:
        """Take in a row."""
        self.right += row.right
        self.wrong += row.wrong
        self.unanswered += row.unanswered
        self.shed += row.shed


def are_requests(row: SecondRow) -> bool:
    """Whether a row is about the requests of an endpoint, not about what else a second brought."""
    return row.endpoint not in NO_REQUESTS


def count_requests(rows: Iterable[SecondRow]) -> Counts:
    """All requests of some rows."""
    counts = Counts()
    for row in rows:
        if are_requests(row):
            counts.add(row)
    return counts


def count_endpoints(rows: Iterable[SecondRow]) -> dict[str, Counts]:
    """The requests of each endpoint, in the order of their names."""
    counts: dict[str, Counts] = defaultdict(Counts)
    for row in rows:
        if are_requests(row):
            counts[row.endpoint].add(row)
    return dict(sorted(counts.items()))


def count_not_sent(rows: Iterable[SecondRow]) -> int:
    """How many requests the load itself could not send."""
    return int(sum(row.busy_s for row in rows if row.endpoint == NOT_SENT))


def count_seconds(rows: Iterable[SecondRow]) -> dict[int, Counts]:
    """The requests that ended in each second, in order; seconds without any are not in it."""
    counts: dict[int, Counts] = defaultdict(Counts)
    for row in rows:
        if are_requests(row):
            counts[row.second].add(row)
    return dict(sorted(counts.items()))


def add_times(rows: Iterable[SecondRow]) -> dict[str, float]:
    """Seconds that users spent: "requests", "think" (asked for) and "aside"."""
    times = {"requests": 0.0, "think": 0.0, "aside": 0.0}
    for row in rows:
        if row.endpoint not in NUMBERS:
            times[{THINK: "think", ASIDE: "aside"}.get(row.endpoint, "requests")] += row.busy_s
    return times


def count_closed(rows: Iterable[SecondRow]) -> int:
    """The idle connections that the services had closed before they were used again."""
    return round(sum(row.busy_s for row in rows if row.endpoint == CLOSED))
