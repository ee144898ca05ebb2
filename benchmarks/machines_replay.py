"""Sends a record home at a rate of its own: `python -m benchmarks.machines_replay PORT NAME FOLDER RATE SECONDS`.

FOLDER holds the record of a load, turn1*. Each second so much is added to files of its own as so many requests left.
"""

import sys
import time
from pathlib import Path

import gevent
from gevent.event import Event

from analysis.records.results_folder import FAILURE_SAMPLES
from benchmarks.machines_home import send_home
from load.machines.archive import ENDINGS


def count_requests(record: bytes) -> int:
    """Return how many requests a NAME_seconds.csv holds."""
    rows = [line.split(",") for line in record.decode().splitlines()[1:]]
    return sum(int(float(cell)) for row in rows if "|" in row[1] for cell in row[2:6])


def main() -> None:
    """Replay a record for some seconds."""
    port, name, folder, rate, seconds = sys.argv[1:]
    recorded = {ending: (Path(folder) / f"turn1{ending}").read_bytes() for ending in ENDINGS[:-1]}
    share = float(rate) / count_requests(recorded["_seconds.csv"])
    paths = {ending: Path(folder) / f"{name}{ending}" for ending in (*recorded, FAILURE_SAMPLES)}
    for path in paths.values():
        path.touch()
    gevent.spawn(send_home, paths, int(port), name, Event())
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        gevent.sleep(1)
        for ending, content in recorded.items():
            with paths[ending].open("ab") as file:
                file.write((content * (int(share) + 1))[: int(len(content) * share)])
    gevent.sleep(2)


if __name__ == "__main__":
    main()
