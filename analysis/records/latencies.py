"""Reads the latencies of right answers from the HdrHistogram logs, and computes percentiles from them."""

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.codec import HdrCookieException, HdrHistogramEncoder, HdrLengthException
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from analysis.records.endpoints import group_of
from analysis.records.gaps import LARGEST, Gaps, amount, check_time
from analysis.records.results_folder import DIGITS, HIGHEST_US, LATE, LOWEST_US, RAW, find_parts, part_path

Numbers = NDArray[np.int64]
Piece = tuple[int, int, Numbers, Numbers]  # second, endpoint, indexes in a histogram, their counts
LAYOUT = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
HEADS = ("#", '"StartTimestamp"')  # of lines that hold no latencies
DAMAGED = (ValueError, TypeError, zlib.error, HdrCookieException, HdrLengthException, AttributeError)


@dataclass(frozen=True)
class Latencies:
    """Counted latencies, sorted by time: `count` answers in `second` from `names[endpoint]` that took `us`."""

    names: tuple[str, ...]
    second: Numbers
    endpoint: Numbers
    us: Numbers
    count: Numbers

    @property
    def answers(self) -> int:
        return int(self.count.sum())

    @cached_property
    def endpoint_numbers(self) -> dict[str, int]:
        """The number of each endpoint."""
        return {name: place for place, name in enumerate(self.names)}

    def between(self, start: float, end: float) -> "Latencies":
        """Those of the seconds from `start` on and before `end`."""
        first, last = np.searchsorted(self.second, (start, end))
        return self._keep(slice(int(first), int(last)))

    def of(self, endpoints: list[str]) -> "Latencies":
        """Those of some endpoints."""
        wanted = [self.endpoint_numbers[name] for name in endpoints if name in self.endpoint_numbers]
        return self._keep(np.isin(self.endpoint, wanted))

    def of_groups(self, *groups: str) -> "Latencies":
        """Those of the endpoints of some groups: "reads", "writes", "login"."""
        return self.of([name for name in self.names if group_of(name) in groups])

    def _keep(self, what: Any) -> "Latencies":
        return Latencies(self.names, self.second[what], self.endpoint[what], self.us[what], self.count[what])

    def percentile(self, share: float) -> float | None:
        """The nearest-rank percentile in milliseconds: the least latency that `share` of the answers keep; or None."""
        return percentiles(self.us, self.count, (share,))[0]


def split_tags(everything: Latencies) -> tuple[Latencies, Latencies, Latencies]:
    """The latencies that are judged, and of an open load those from the sending on, and how late actions began."""
    raw = tuple(name for name in everything.names if name.startswith(RAW))
    late = tuple(name for name in everything.names if name == LATE)
    judged = tuple(name for name in everything.names if name not in (*raw, *late))
    return tuple(_take(everything, names) for names in (judged, raw, late))  # type: ignore[return-value]  # three


def _take(everything: Latencies, names: tuple[str, ...]) -> Latencies:
    mine = everything.of(list(names))
    numbers = np.zeros(len(everything.names) + 1, dtype=np.int64)
    for place, name in enumerate(names):
        numbers[everything.endpoint_numbers[name]] = place
    plain = tuple(name.removeprefix(RAW) for name in names)
    return Latencies(plain, mine.second, numbers[mine.endpoint], mine.us, mine.count)


def percentiles(us: Numbers, count: Numbers, shares: tuple[float, ...]) -> list[float | None]:
    """Nearest-rank percentiles in milliseconds of latencies in microseconds that occurred `count` times."""
    if not len(us):
        return [None] * len(shares)
    order = np.argsort(us, kind="stable")
    seen = np.cumsum(count[order])
    ranks = np.maximum(np.ceil(np.array(shares) * seen[-1] - 1e-9), 1)
    return [round(float(value) / 1000, 3) for value in us[order][np.searchsorted(seen, ranks)]]


def read_latencies(folder: Path, name: str, gaps: Gaps, near: tuple[float, float] | None = None) -> Latencies:
    """The latencies in every part's NAME.hlog; adds to `gaps` what is missing or damaged.

    Lines of a second outside of `near` (seconds since the epoch) cannot be.
    """
    paths = find_parts(folder, name, ".hlog")
    if not paths:
        gaps.miss(part_path(folder, name, "", ".hlog"))
    names: dict[str, int] = {}
    pieces: list[Piece] = []
    for path in paths.values():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if line.startswith(HEADS):
                continue
            gaps.lines[path.name] += 1
            try:
                pieces.append(read_line(line, names, near))
            except DAMAGED:
                gaps.damage(path, number)
    return join_pieces(tuple(names), pieces)


def read_line(line: str, names: dict[str, int], near: tuple[float, float] | None = None) -> Piece:
    """The latencies in a line of a log; an endpoint that is not among `names` gets the next number there.

    Raises one of DAMAGED.
    """
    head, start, _, _, blob = line.split(",")
    if not head.startswith("Tag="):
        raise ValueError("no tag")
    second, (index, count) = int(amount(start)), _decode(blob)
    check_time(second, near)
    return second, names.setdefault(head.removeprefix("Tag="), len(names)), index, count


def _decode(blob: str) -> tuple[Numbers, Numbers]:
    """The indexes of a histogram that are not empty, and their counts."""
    payload = HdrHistogramEncoder.decode(blob)
    header = payload.payload
    if (header.lowest_trackable_value, header.highest_trackable_value, header.significant_figures) != (
        LOWEST_US,
        HIGHEST_US,
        DIGITS,
    ):
        raise ValueError("a histogram of another kind")
    ends = payload.init_counts(LAYOUT.counts_len)
    first = max(ends["min_nonzero_index"], 0)
    counts = np.frombuffer(payload.get_counts(), dtype=np.int64)[first : ends["max_nonzero_index"] + 1]
    filled = np.flatnonzero(counts != 0)
    if (counts < 0).any() or counts.sum() > LARGEST:
        raise ValueError("a count that cannot be")
    return filled + first, counts[filled]


def _values_at(index: Numbers) -> Numbers:
    """The latencies in microseconds of indexes in a histogram, each in the middle of what it covers."""
    # The layout of HdrHistogram: from 2,048 on, each doubling of the values has 1,024 buckets of equal width.
    half = LAYOUT.sub_bucket_half_count
    bucket = np.maximum((index >> LAYOUT.sub_bucket_half_count_magnitude) - 1, 0)
    within = np.where(index < half, index, (index & (half - 1)) + half)
    values: Numbers = (within << bucket) + ((1 << bucket) >> 1)
    return values


def join_pieces(names: tuple[str, ...], pieces: list[Piece]) -> Latencies:
    """All pieces together, sorted by time; `names` are the endpoints in the order of their numbers."""
    if not pieces:
        none = np.zeros(0, dtype=np.int64)
        return Latencies(names, none, none, none, none)
    ordered = tuple(sorted(names))  # so that no order of processes or lines shows in the result
    numbers = [ordered.index(name) for name in names]
    pieces = sorted(
        ((second, numbers[number], index, count) for second, number, index, count in pieces), key=lambda p: p[:2]
    )
    sizes = [len(piece[2]) for piece in pieces]
    return Latencies(
        ordered,
        np.repeat(np.array([piece[0] for piece in pieces], dtype=np.int64), sizes),
        np.repeat(np.array([piece[1] for piece in pieces], dtype=np.int64), sizes),
        _values_at(np.concatenate([piece[2] for piece in pieces])),
        np.concatenate([piece[3] for piece in pieces]),
    )
