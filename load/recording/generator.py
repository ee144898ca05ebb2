"""Watches a process that makes a load: its share of a core, its users, and the lags of its event loop."""

import csv
import os
import time
from pathlib import Path
from typing import Any

import gevent

from analysis.records.results_folder import GENERATOR, LAG_NOTED_MS, LAG_PROBE_MS


class GeneratorFile:
    """NAME_generator.csv; every line is about the time since the one before."""

    def __init__(self, path: Path, runner: Any) -> None:
        """Begin the file, and begin to probe the event loop."""
        self._file = open(path, "x", newline="", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._writer = csv.writer(self._file)
        self._writer.writerow(GENERATOR)
        self._runner = runner
        self._lags_ms: list[float] = []
        self._at, self._cpu_s = time.monotonic(), time.process_time()
        self._probed = time.perf_counter()
        # A timer instead of a greenlet that sleeps, because a hundred wake-ups a second cost half as much.
        self._timer = gevent.get_hub().loop.timer(LAG_PROBE_MS / 1000, repeat=LAG_PROBE_MS / 1000)
        self._timer.start(self._probe)

    def _probe(self) -> None:
        now = time.perf_counter()
        lag_ms = (now - self._probed) * 1000 - LAG_PROBE_MS
        self._probed = now
        if lag_ms > LAG_NOTED_MS:
            self._lags_ms.append(lag_ms)

    def write(self, _: float = 0) -> None:
        """Write a line about the time since the last one."""
        at, cpu_s = time.monotonic(), time.process_time()
        share = (cpu_s - self._cpu_s) / (at - self._at)
        lags, self._lags_ms = " ".join(f"{lag:.1f}" for lag in self._lags_ms), []
        self._at, self._cpu_s = at, cpu_s
        self._writer.writerow([f"{time.time():.3f}", os.getpid(), f"{share:.4f}", *self._count_users(), lags])
        self._file.flush()

    def _count_users(self) -> tuple[int, int]:
        # The users of a master are those of its workers, each of which counts its own.
        if hasattr(self._runner, "clients"):
            return 0, 0
        return self._runner.target_user_count, self._runner.user_count

    def close(self) -> None:
        """End the watch with a last line."""
        self._timer.stop()
        self._timer.close()
        self.write()
        self._file.close()
