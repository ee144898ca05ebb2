"""Runs a locustfile of a lesson without a window, and reads what Locust counted."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lessons.place import PROJECT, Place

READY_S, END_S = 20.0, 30.0


@dataclass(frozen=True)
class Counted:
    """What Locust counted of the requests of one name: all, those that failed, and both in each second of the load.

    `times` has how many requests took so many milliseconds, rounded by Locust to two digits.
    """

    requests: int
    failures: int
    requests_in: list[int]
    failures_in: list[int]
    times: dict[float, int]

    def percentile(self, share: float) -> float:
        """Give the time in milliseconds within which a share (0 to 1) of the requests had ended."""
        ended = 0
        for each in sorted(self.times):
            ended += self.times[each]
            if ended >= share * self.requests:
                return each
        return 0.0


class LocustLoad:
    """A load that runs."""

    def __init__(self, place: Place, file: str, address: str, users: int, seconds: int, **environment: str) -> None:
        """Start `users` at once for `seconds` with a locustfile, named by its path in lessons/."""
        self._place, self._seconds = place, seconds
        self._kept = place.folder / f"locust_{time.monotonic_ns()}"
        command = [
            sys.executable, "-m", "locust", "--locustfile", str(PROJECT / "lessons" / file), "--host", address,
            "--headless", "--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s",
            "--stop-timeout", "10", "--exit-code-on-error", "0", "--json-file", str(self._kept),
            "--logfile", self._kept.with_suffix(".log").name,
        ]  # fmt: skip
        # The folder is its home, so that nobody's .locust.conf acts unseen.
        self._program = place.start(*command, **{"HOME": str(place.folder), **environment})

    def wait_for_users(self) -> None:
        """Return when all users are there. Raises RuntimeError when they do not come."""
        log, deadline = self._kept.with_suffix(".log"), time.monotonic() + READY_S
        while time.monotonic() < deadline and self._program.poll() is None:
            if log.exists() and "All users spawned" in log.read_text():
                return
            time.sleep(0.05)
        raise RuntimeError(f"Locust's users did not come: see {log}")

    def finish(self) -> dict[str, Counted]:
        """Wait for the end, and give what was counted by the names of the requests. Raises RuntimeError."""
        if self._program.wait(READY_S + self._seconds + END_S):
            raise RuntimeError(f"Locust broke: see {self._kept.with_suffix('.log')}")
        self._place.end(self._program)
        return read_counts(self._kept.with_suffix(".json"))


def read_counts(file: Path) -> dict[str, Counted]:
    """Read a file of Locust's --json-file. Its CSV files may miss the last second."""
    entries = json.loads(file.read_text())
    first = min(int(second) for entry in entries for second in entry["num_reqs_per_sec"])
    last = max(int(second) for entry in entries for second in entry["num_reqs_per_sec"])
    return {entry["name"]: _count(entry, range(first, last + 1)) for entry in entries}


def _count(entry: dict[str, Any], seconds: range) -> Counted:
    return Counted(
        requests=entry["num_requests"],
        failures=entry["num_failures"],
        requests_in=[entry["num_reqs_per_sec"].get(str(second), 0) for second in seconds],
        failures_in=[entry["num_fail_per_sec"].get(str(second), 0) for second in seconds],
        times={float(each): count for each, count in entry["response_times"].items()},
    )
