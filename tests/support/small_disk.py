"""Writes parts of a record into files that may grow to a few bytes only, and later as they like; its test runs it.

python -m tests.support.small_disk FOLDER    prints of each limit the writes that may be sent, and the samples taken

A limit cuts a write off as a disk does that fills up: first a part of it is written, then nothing (setrlimit(2)).
"""

import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

from analysis.records.results_folder import ServerSample
from load.recording.ledger import Ledger
from load.recording.sampler import SampleFile

LIMITS = range(300, 900, 7)  # bytes
SAMPLES = 20
SECONDS, EACH = 12, 2  # in which writes are asked for, and how many in each
ANSWER = SimpleNamespace(status_code=201, content=b'{"version": 1}')


def limit_files(size: int) -> None:
    """Let no file of this process grow beyond so many bytes, from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def write_ledger(path: Path, limit: int) -> list[int]:
    """Note writes and their outcomes before, while and after the disk is full; return those that may be sent."""
    ledger, sent = Ledger(path), []
    limit_files(limit)
    for second in range(SECONDS):
        if second == 9:
            limit_files(resource.RLIM_INFINITY)
        for _ in range(EACH):
            try:
                number = ledger.note_sent("POST", "/api/books", {"json": {"isbn": "9791000000001"}})
            except OSError:
                continue
            assert number
            sent.append(number)
            ledger.note_outcome(number, ANSWER)
    ledger.close()
    return sent


def write_samples(path: Path, limit: int) -> None:
    """Write samples before, while and after the disk is full."""
    file = SampleFile(path)
    limit_files(limit)
    for number in range(SAMPLES):
        if number == SAMPLES - 1:
            limit_files(resource.RLIM_INFINITY)
        file.write(ServerSample(at=float(number), service="books"))


if __name__ == "__main__":
    folder, numbers = Path(sys.argv[1]), {}
    for each in LIMITS:
        numbers[each] = write_ledger(folder / f"{each}_ledger.jsonl", each)
        write_samples(folder / f"{each}_server.jsonl", each)
    print(json.dumps(numbers))
