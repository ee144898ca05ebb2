"""Keeps one request of each kind of failure, with the id under which the service's log has it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.records.results_folder import MOST_SAMPLES, FailureSample

LONGEST_ID = 64  # characters of a request id of the services


class FailureSamples:
    """NAME_failure_samples.jsonl, and the samples that are not in it yet: the first request of each kind of failure."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = open(path, "x", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._kinds: set[tuple[str, str, str]] = set()
        self._waiting: list[FailureSample] = []

    def note(self, endpoint: tuple[str, str], text: str, response: Any, ms: float, end: float) -> None:
        """Take a failed request if it is the first of its kind.

        `endpoint` is its method and name, `text` the text of the failure, `end` when it ended, in epoch seconds.
        """
        kind = *endpoint, text
        if kind in self._kinds or len(self._kinds) >= MOST_SAMPLES:
            return
        self._kinds.add(kind)
        status = getattr(response, "status_code", 0) or None
        given = (response.headers or {}).get("X-Request-ID") if status else None
        request_id = given if isinstance(given, str) and len(given) <= LONGEST_ID else None
        self._waiting.append(FailureSample(round(end, 6), *kind, round(ms, 3), status, request_id))

    def write(self, _: float) -> None:
        """Write the samples that are not in the file yet."""
        waiting, self._waiting = self._waiting, []
        self._file.writelines(json.dumps(asdict(sample)) + "\n" for sample in waiting)
        self._file.flush()

    def close(self) -> None:
        """Write what is left."""
        self.write(0)
        self._file.close()
