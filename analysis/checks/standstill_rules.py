"""Finds the seconds in which the services, or the catalogue alone, stood still: somebody waited all through, and no
right answer came.

A load whose users wait sends nothing meanwhile, so a standstill leaves few answers and hardly moves a percentile
(Tene, "How NOT to Measure Latency", on coordinated omission).
"""

from collections import defaultdict
from itertools import groupby

from analysis.checks.evidence import Evidence
from analysis.findings import FAIL, PASS, PERFORMANCE, Check, Figure
from analysis.number_formats import say_share
from analysis.records.counts import are_requests, count_seconds
from analysis.records.results_folder import WAITING, WAITING_BOOKS, is_catalogue

LATE_S = 3  # after a step of a search, until the load has judged it and gone on


def judge_standstills(evidence: Evidence) -> Check:
    """FAIL for 3 dead seconds in a row, or when 1 % of all seconds are dead."""
    plan, name, source = evidence.plan, "the services never stood still", evidence.file("_seconds.csv")
    dead, seconds = find_dead_seconds(evidence), max(evidence.curve.seconds, 1)
    row = find_longest_row(dead)
    share = len(dead) / seconds
    figures = Figure("dead seconds", len(dead), "s", source), Figure("dead seconds in a row", len(row), "s", source)
    too_long = len(row) >= (plan.objective("dead-seconds") or 0.0)
    if not dead or not (too_long or share >= (plan.objective("dead-ratio") or 0.0)):
        return Check(name, PERFORMANCE, PASS, "", figures)
    first = row[0] - evidence.curve.started
    catalogue = "" if dead == find_dead(evidence, WAITING) else " from the catalogue"
    share_of_all = f"{say_share(share)} of {seconds:,} s"
    reason = f"Requests waited for {len(dead):,} s without a right answer{catalogue} ({share_of_all}). "
    reason += f"The longest standstill lasted {len(row):,} s (from second {first:,} on)."
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def find_dead_seconds(evidence: Evidence) -> list[int]:
    """The seconds (since the epoch) of the load in which the services or the catalogue alone stood still, in order.

    Log-ins and refreshes alone must not hide that no book is answered.
    """
    return sorted({*find_dead(evidence, WAITING), *find_dead(evidence, WAITING_BOOKS)})


def find_dead(evidence: Evidence, waiting: str) -> list[int]:
    """The seconds with a request in flight all through and no right answer, of all requests (WAITING) or of requests to
    the catalogue (WAITING_BOOKS).
    """
    rows = [row for row in evidence.rows if waiting == WAITING or is_catalogue(row.endpoint)]
    right = {second for second, counts in count_seconds(rows).items() if counts.right}
    waited = count_waiting(evidence, waiting)
    first, end = int(evidence.span[0]), int(evidence.span[1])
    return [second for second in range(first, end) if second not in right and waited[second] >= 1]


def find_silence(evidence: Evidence) -> dict[str, set[int]]:
    """The seconds in which each service gave the load no right answer, and left some without any.

    Such a service does not tell its metrics either: what is missing of them then is its own doing. So is what is
    missing while a search asks for too much, and until all is normal again.
    """
    asked_too_much = {
        second
        for step in evidence.search.steps
        if step.broken is not False
        for second in range(int(step.begin), int(step.end) + LATE_S)
    }
    everything, silence = count_waiting(evidence, WAITING), {}
    books = count_waiting(evidence, WAITING_BOOKS)
    auth = {second: count - books[second] for second, count in everything.items()}
    for service, waiting, is_mine in (
        ("books", books, is_catalogue),
        ("auth", auth, lambda endpoint: not is_catalogue(endpoint)),
    ):
        seconds = count_seconds(row for row in evidence.rows if is_mine(row.endpoint))
        kept_waiting = {second for second, count in waiting.items() if count >= 1}
        unanswered = {second for second, counts in seconds.items() if counts.unanswered}
        right = {second for second, counts in seconds.items() if counts.right}
        silence[service] = (unanswered | kept_waiting) - right | asked_too_much
    return silence


def count_waiting(evidence: Evidence, waiting: str) -> dict[int, float]:
    """How many requests, of all or only to the catalogue, were in flight all through each second.

    A recording without such rows is read with less care: the seconds that all these requests spent in a second.
    """
    rows = [row for row in evidence.rows if row.endpoint == waiting]
    if not rows:
        rows = [row for row in evidence.rows if are_requests(row)]
        rows = [row for row in rows if waiting == WAITING or is_catalogue(row.endpoint)]
    waited: dict[int, float] = defaultdict(float)
    for row in rows:
        waited[row.second] += row.busy_s
    return waited


def find_longest_row(seconds: list[int]) -> list[int]:
    """The longest stretch of seconds that follow one another; of several equal ones the first."""
    rows = [[second for _, second in row] for _, row in groupby(enumerate(seconds), lambda pair: pair[1] - pair[0])]
    return max(rows, key=len, default=[])
