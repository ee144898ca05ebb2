"""Notes requests in the log as a worker does, and tells on standard output how that went; its tests run it.

python noted_requests.py first         processes whose first requests come all at once
python noted_requests.py many COUNT    that many requests, then one for each line that comes on standard input
python noted_requests.py full          more than its file may hold; a line on standard input lets it hold all
"""

import os
import resource
import sys
import threading
import time
from logging.config import dictConfig

import psutil

from backend.logs import LOGGING
from backend.server.access_log import note_request

THREADS, EACH, PROCESSES = 16, 5, 60


def note(name: str) -> None:
    """Note one request with this id."""
    note_request("GET", "/", name, "/", 200, 0.001)


def note_at_once(process: int) -> None:
    """Note requests in many threads that begin at the same time; tell how many threads there are after them."""
    sys.setswitchinterval(1e-6)
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
        for number in range(EACH):
            note(f"id-{process}-{thread}-{number}")

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(threading.active_count(), flush=True)


def note_first() -> None:
    """Let one process after another note its first requests."""
    for process in range(PROCESSES):
        if (pid := os.fork()) == 0:
            note_at_once(process)
            return  # it ends as a worker does
        os.waitpid(pid, 0)


def note_many(count: int) -> None:
    """Note requests; tell how long the slowest took and how much memory all took, in MB."""
    note("id-first")
    time.sleep(0.3)
    before, slowest = psutil.Process().memory_info().rss, 0.0
    for number in range(count):
        started = time.perf_counter()
        note(f"id-{number}")
        slowest = max(slowest, time.perf_counter() - started)
    print(slowest, (psutil.Process().memory_info().rss - before) / 1e6, flush=True)
    for line in sys.stdin:
        note(f"id-{line.strip()}")
        print("noted", flush=True)


def note_in_full_file() -> None:
    """Note requests in a file that may not grow beyond some of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    for number in range(200):
        note(f"id-{number}")
    time.sleep(0.5)
    print("full", flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    note("id-last")
    sys.stdin.readline()


if __name__ == "__main__":
    dictConfig(LOGGING)
    if sys.argv[1] == "first":
        note_first()
    elif sys.argv[1] == "many":
        note_many(int(sys.argv[2]))
    else:
        note_in_full_file()
