"""Reads the blocks of a comparison out of its folder: what each brought, and what it cost the services."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from analysis.compare.processor_time import Clock, follow_workers
from analysis.records.comparison import ComparisonPlan, PlannedBlock
from analysis.records.counts import Counts, count_endpoints, count_not_sent, count_requests
from analysis.records.endpoints import ALL_BUT_LOGIN, title_of
from analysis.records.gaps import Gaps
from analysis.records.latencies import Latencies, percentiles, read_latencies, split_tags
from analysis.records.raw_files import read_seconds, read_server
from analysis.records.results_folder import SERVICES, SecondRow, is_catalogue

NEAR_S = 600  # before and after the blocks, in which rows may lie
SHARES = (0.5, 0.95)


@dataclass(frozen=True)
class Answers:
    """The right answers of a block, or those of one endpoint: how many, and their latencies; None without any."""

    answers: int
    p50_ms: float | None
    p95_ms: float | None
    mean_ms: float | None


@dataclass(frozen=True)
class Block:
    """A block of load: its whole seconds from `start` on and before `end`.

    `everything` are all right answers but for log-ins, `endpoints` those of each endpoint by its title. `cpu_s` is the
    processor time of each service in it, in seconds, where its counters are known; `asked` counts how many answers of
    the block came from each service. `counts` has all requests of each endpoint by its title; `wrong` and `shed` count
    those of all together that failed or were refused, `not_sent` those that the load itself could not send.
    """

    side: str
    pair: int
    start: int
    end: int
    everything: Answers
    endpoints: dict[str, Answers]
    cpu_s: dict[str, float]
    asked: dict[str, int]
    requests: int
    wrong: int
    shed: int
    not_sent: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Recording:
    """What the load of a side recorded: latencies of right answers, rows of seconds, and the services' clocks."""

    latencies: Latencies
    rows: dict[int, list[SecondRow]]
    clocks: dict[str, Clock]


def read_blocks(folder: Path, plan: ComparisonPlan) -> tuple[list[Block], Gaps]:
    """Every block of a comparison in its order, and what is missing or damaged in the records of its folder."""
    gaps = Gaps()
    begin, end = min(each.warm_from for each in plan.blocks), max(each.end for each in plan.blocks)
    near = begin - NEAR_S, end + NEAR_S
    recordings = {side: read_recording(folder, side, gaps, near) for side in {block.side for block in plan.blocks}}
    return [cut_block(each, recordings[each.side]) for each in plan.blocks], gaps


def read_recording(folder: Path, name: str, gaps: Gaps, near: tuple[float, float] | None = None) -> Recording:
    """What stands in a folder under the name of a side, or of a scenario; adds to `gaps` what is missing or damaged."""
    latencies, _, _ = split_tags(read_latencies(folder, name, gaps, near))
    rows: dict[int, list[SecondRow]] = {}
    for row in chain.from_iterable(read_seconds(folder, name, gaps, near).values()):
        rows.setdefault(row.second, []).append(row)
    return Recording(latencies, rows, follow_workers(read_server(folder, name, gaps)))


def cut_block(planned: PlannedBlock, recording: Recording) -> Block:
    """What a recording holds of a block; the broken seconds at its borders are left out."""
    start, end = math.ceil(planned.start), math.floor(planned.end)
    inside = recording.latencies.between(start, end)
    rows = list(chain.from_iterable(recording.rows.get(second, ()) for second in range(start, end)))
    counts, endpoints = count_requests(rows), count_endpoints(rows)
    spent = {name: clock.between(start, end) for name, clock in recording.clocks.items()}
    return Block(
        side=planned.side,
        pair=planned.pair,
        start=start,
        end=end,
        everything=measure(inside.of_groups(*ALL_BUT_LOGIN)),
        endpoints={title_of(name): measure(inside.of([name])) for name in inside.names},
        cpu_s={name: seconds for name, seconds in spent.items() if seconds is not None},
        asked={service: count_asked(endpoints, service) for service in SERVICES},
        requests=counts.requests,
        wrong=counts.errors,
        shed=counts.shed,
        not_sent=count_not_sent(rows),
        counts={title_of(name): each for name, each in endpoints.items()},
    )


def measure(latencies: Latencies) -> Answers:
    """The figures of some answers."""
    if not latencies.answers:
        return Answers(0, None, None, None)
    p50, p95 = percentiles(latencies.us, latencies.count, SHARES)
    mean = float(np.average(latencies.us, weights=latencies.count)) / 1000
    return Answers(latencies.answers, p50, p95, round(mean, 4))


def count_asked(endpoints: dict[str, Counts], service: str) -> int:
    """How many right answers came from a service: those of the catalogue from `books`, all others from `auth`."""
    return sum(counts.right for name, counts in endpoints.items() if is_catalogue(name) == (service == "books"))


def count_side(blocks: Sequence[Block], side: str) -> Counts:
    """The requests of all blocks of a side; those without an answer count as wrong."""
    mine = [block for block in blocks if block.side == side]
    wrong, shed = sum(block.wrong for block in mine), sum(block.shed for block in mine)
    return Counts(right=sum(block.requests for block in mine) - wrong - shed, wrong=wrong, shed=shed)
