"""Follows a side of a comparison while it is loaded and while it is idle: a sample each second, and signs of death."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analysis.records.processes import is_running
from analysis.records.results_folder import ServerSample, say_source
from load.compare.places import Place
from load.recording.sampler import SampleFile, follow_machine, follow_service
from load.run.machine import is_this_machine

MOST_SILENT = 3  # samples in a row that a service may leave out


class Signs(SampleFile):
    """SIDE_server.jsonl, and what its latest samples say of the side."""

    def __init__(self, name: str, place: Place, folder: Path) -> None:
        """Begin to sample the services of a side, and the machine if they are on this one."""
        super().__init__(folder / f"{name}_server.jsonl")
        self._stores, self._is_closed = place.stores, False
        self._silent: dict[str, int] = {}
        self._last: dict[str, ServerSample] = {}
        for each in place.sampled:
            self._start(follow_service, each, place.token)
        if is_this_machine(place.target.books):
            self._start(follow_machine, {urlsplit(each.url).port or 80 for each in place.sampled})

    def _start(self, follow: Callable[..., None], *more: Any) -> None:
        threading.Thread(target=follow, args=(self, *more), daemon=True).start()

    def write(self, sample: ServerSample) -> None:
        """Add a sample."""
        if self._is_closed:
            return
        super().write(sample)
        self._silent[sample.source] = self._silent.get(sample.source, 0) + 1 if sample.error else 0
        if sample.workers:
            self._last[sample.source] = sample

    def close(self) -> None:
        """Take no more samples."""
        self._is_closed = True

    def find_death(self) -> str:
        """Return in words what of the side has died, "" while all of it lives."""
        for name, pid in self._stores:
            if not is_running(pid):
                return f"its {name} has ended"
        silent = [source for source, count in self._silent.items() if count >= MOST_SILENT]
        return f"{say_source(silent[0])} gave no metrics {MOST_SILENT} times in a row" if silent else ""

    def knows_cost(self) -> bool:
        """Tell whether the books service says how much processor time its workers have used."""
        return any(sample.service == "books" for sample in list(self._last.values()))

    def read_spent(self) -> tuple[float, float]:
        """Return when the latest samples were taken on average, and the processor seconds that all workers had used."""
        samples = list(self._last.values())
        spent = sum(worker.cpu_s for sample in samples for worker in (sample.workers or {}).values())
        return sum(sample.at for sample in samples) / max(1, len(samples)), spent
