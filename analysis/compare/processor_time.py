"""Follows the processor time of a service's worker processes, and tells what they used between two moments."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.checks.series import draw_workers
from analysis.records.results_folder import ServerSample

FARTHEST_S = 2.5  # from a moment to the samples on both sides of it, between which its time is a straight line


@dataclass(frozen=True)
class Clock:
    """The processor seconds of the workers of a service, each a line of moments and of seconds used so far."""

    lines: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    def between(self, start: float, end: float) -> float | None:
        """The seconds that all workers used from `start` to `end` (seconds since the epoch).

        None where a worker has no samples near both, because it was started, ended or could not be asked.
        """
        there = [line for line in self.lines if line[0][-1] >= start and line[0][0] <= end]
        spent = [read_line(line, end) - read_line(line, start) for line in there]
        return float(sum(spent)) if spent and np.isfinite(spent).all() else None


def read_line(line: tuple[tuple[float, ...], tuple[float, ...]], moment: float) -> float:
    """What a worker had used at a moment; NaN without a sample near it on each side."""
    moments, seconds = line
    before = max((at for at in moments if at <= moment), default=-np.inf)
    after = min((at for at in moments if at >= moment), default=np.inf)
    near = max(moment - before, after - moment) <= FARTHEST_S
    return float(np.interp(moment, moments, seconds)) if near else float("nan")


def follow_workers(samples: Sequence[ServerSample]) -> dict[str, Clock]:
    """The clock of each service by its name, of all machines that it runs on; a service without samples has none."""
    lines: dict[str, list[tuple[tuple[float, ...], tuple[float, ...]]]] = defaultdict(list)
    for series in draw_workers(samples):
        if series.quantity == "cpu_s":
            moments, seconds = zip(*series.points, strict=True)
            lines[series.owner.split()[0]].append((moments, seconds))
    return {service: Clock(tuple(found)) for service, found in lines.items()}
