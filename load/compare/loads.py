"""The load of a side of a comparison: a process of Locust, and what it has recorded so far."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.records.comparison import PlannedBlock
from analysis.records.counts import count_requests
from analysis.records.tail import Tail
from load.compare.places import SHARED, Place
from stack.programs import started

STOP_TIMEOUT_S = 10  # for requests in flight at the end
LONGEST_END_S = 60


class SideLoad:
    """A load that runs."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, folder: Path) -> None:
        """Take the process, and where it records."""
        self._process, self._log = process, folder / f"{name}.log"
        self._tail = Tail(folder, name, [""])

    def count_users(self) -> int:
        """Return how many users it had a moment ago."""
        self._tail.look()
        rows = self._tail.generator()[""]
        return rows[-1].users if rows else 0

    def find_end(self) -> str:
        """Return in words that it has ended, "" while it goes on."""
        code = self._process.poll()
        return "" if code is None else f"its load has ended (exit code {code}); see {self._log}"

    def wait(self) -> None:
        """Wait for a while until it ends by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LONGEST_END_S)

    def describe(self, block: PlannedBlock) -> tuple[int, str]:
        """Return how many answers of a block were right, and in words what the block brought."""
        self._tail.look()
        span = block.start, block.end
        counts, p50 = count_requests(self._tail.rows(span)), self._tail.latencies(span).percentile(0.5)
        self._tail.forget(block.end)
        words = f"{counts.right} right answers" + (f", p50 {p50:.1f} ms" if p50 is not None else "")
        failed = counts.requests - counts.right
        return counts.right, words + (f", {failed} failed or refused" if failed else "")


@contextmanager
def open_load(name: str, place: Place, folder: Path) -> Iterator[SideLoad]:
    """Start the load of a side, and end it if it still runs at the end of the `with` block."""
    command = [sys.executable, "-m", "locust", "-f", "locustfile_compare.py", "--headless", "--only-summary"]
    command += ["--stop-timeout", str(STOP_TIMEOUT_S), "--exit-code-on-error", "0", "--record", str(folder / name)]
    command += ["--users-file", str(place.users), "--sessions-file", str(place.sessions)]
    command += ["--shared-accounts", str(SHARED), "--logfile", str(folder / f"{name}.log")]
    urls = {f"{service.upper()}_URL": url for service, url in place.urls.items()}
    environment = {**os.environ, **urls, "HOME": os.devnull}
    with (
        (folder / f"{name}.log").open("ab") as log,
        started(command, end_process, env=environment, stdout=log, stderr=log) as process,
    ):
        yield SideLoad(process, name, folder)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a process that has a group of its own, and wait for it."""
    process.terminate()
    try:
        process.wait(LONGEST_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
