#!/usr/bin/env python3
"""Sample /metrics of both services, or of each machine that runs one, once a second, into NAME_server.jsonl.

It runs until a given process has ended, as a process of its own, so that a busy load delays no sample, and sampling
takes no time from the load. The format is defined in analysis/records/results_folder.py.
"""

import argparse
import json
import logging
import math
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from analysis.records.processes import is_running
from analysis.records.results_folder import VALUES, ServerSample, Worker
from load.client.http_client import open_http
from load.client.refusal import Refused
from load.client.script import Arguments, run
from load.client.service_machines import Sampled, list_sampled
from load.client.service_metrics import find_token
from load.client.target import Target
from load.recording.line_file import LineFile

TIMEOUTS = (1.0, 2.5)  # seconds to connect and to wait: a later answer says nothing about its second
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
WORKER = {
    "worker_cpu_seconds_total": "cpu_s",
    "worker_cpu_seconds": "cpu_s",  # of services of an older version
    "worker_memory_bytes": "rss",
    "worker_descriptors": "fds",
    "worker_threads": "threads",
    "worker_clients": "clients",
}
FIGURES = {*WORKER.values()} - {"clients"}  # that every worker tells; those of an older version lack the clients
STORES = {"mariadb_cpu": ("mariadbd", "mysqld"), "redis_cpu": ("redis-server", "valkey-server")}
LISTENING = "0A"  # in /proc/net/tcp
log = logging.getLogger(__name__)


class SampleFile:
    """NAME_server.jsonl, to which several threads write whole lines."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._path, self._file = path, LineFile(path)
        self._lock = threading.Lock()
        self._has_failed = False

    def write(self, sample: ServerSample) -> None:
        """Add a sample, without the fields that it does not have.

        Where it cannot be written, as on a full disk, that is said once, and the sample waits for the next.
        """
        fields = {name: value for name, value in asdict(sample).items() if value not in (None, "")}
        with self._lock:
            self._file.add(json.dumps(fields, separators=(",", ":")))
            try:
                self._file.write()
            except OSError as problem:
                if not self._has_failed:
                    log.error("%s cannot be written for now: %s", self._path, problem.strerror)
                self._has_failed = True
            else:
                self._has_failed = False


def parse_metrics(text: str) -> dict[str, Any]:
    """Return `server_at`, `values` and `workers` of the text of /metrics; raises ValueError for another text.

    By hand: the parser of prometheus_client takes 20 ms for it, more than the services take to write it.
    """
    values: dict[str, float] = defaultdict(float)
    workers: dict[str, dict[str, float]] = defaultdict(dict)
    for line in text.splitlines():
        found = SAMPLE.fullmatch(line)
        if not found:
            continue
        name, labels, value = found[1], found[2], float(found[3])
        if name in WORKER:
            _, quote, worker = (labels or "").partition('"')
            if not quote:
                raise ValueError(f"{name} without its worker")
            workers[worker.partition('"')[0]][WORKER[name]] = value
        elif (name in VALUES or name == "server_time_seconds") and not math.isnan(value):  # as a store's that is down
            values[name] += value
    server_at = values.pop("server_time_seconds", None)
    whole = {pid: Worker(**figures) for pid, figures in workers.items() if figures.keys() >= FIGURES}
    return {"server_at": server_at, "values": dict(values), "workers": whole}


def take_sample(http: requests.Session, of: Sampled, headers: dict[str, str]) -> ServerSample:
    """Ask a service for its metrics, and return a sample of them, or of what went wrong."""
    make = partial(ServerSample, service=of.service, machine=of.machine)
    began, clock = time.time(), time.perf_counter()
    try:
        answer = http.get(f"{of.url}/metrics", headers=headers, timeout=TIMEOUTS, allow_redirects=False)
    except requests.RequestException as problem:
        return make(at=began, error=f"no answer: {type(problem).__name__}")
    took = time.perf_counter() - clock
    at = began + took / 2
    if answer.status_code != requests.codes.ok:
        return make(at=at, took=took, error=f"status {answer.status_code}")
    try:
        return make(at=at, took=took, **parse_metrics(answer.text))
    except ValueError:
        return make(at=at, took=took, error="not the metrics of this project's services")


def await_next_sample() -> None:
    """Sleep until the middle of a second, because at full seconds the processes of the load write their files."""
    time.sleep(1 - (time.time() + 0.5) % 1)


def follow_service(file: SampleFile, of: Sampled, token: str) -> None:
    """Sample a service in the middle of every second, for ever; a second in which it still answers is left out."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = open_http()
    while True:
        await_next_sample()
        file.write(take_sample(http, of, headers))


def follow_machine(file: SampleFile, ports: set[int]) -> None:
    """Sample the processors of this machine, its stores, and what waits at the services' ports, for ever."""
    cpus = float(psutil.cpu_count() or 1)
    psutil.cpu_percent()
    stores = {name: Processes(names) for name, names in STORES.items()}
    while True:
        await_next_sample()
        values = {"cpu": psutil.cpu_percent() / 100, "cpus": cpus}
        if (waiting := count_waiting(ports)) is not None:
            values["listen_queue"] = float(waiting)
        values |= {name: cores for name, each in stores.items() if (cores := each.measure()) is not None}
        file.write(ServerSample(at=time.time(), service="machine", values=values))


class Processes:
    """All processes of this machine with one of some names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Find them; those that start later are not seen."""
        self._found = [each for each in psutil.process_iter() if names_of(each) & set(names)]
        self._at, self._spent = time.monotonic(), self._read()

    def measure(self) -> float | None:
        """Return how many cores they used since the last time; None without any."""
        at, spent = time.monotonic(), self._read()
        used = max(0.0, spent - self._spent) / max(at - self._at, 0.001)
        self._at, self._spent = at, spent
        return round(used, 4) if self._found else None

    def _read(self) -> float:
        spent = 0.0
        for process in self._found:
            with suppress(psutil.Error):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent


def names_of(process: psutil.Process) -> set[str]:
    """Return the name of a process's program, and the name that it was started by or calls itself."""
    with suppress(psutil.Error):
        called = " ".join(process.cmdline()).split()
        return {process.name(), Path(called[0]).name if called else ""}
    return set()


def count_waiting(ports: set[int]) -> int | None:
    """Return how many connections wait until a process of this machine takes them from one of its ports.

    None where no port can be looked at, as on macOS.

    The queue of a port is the `rx_queue` of its listening socket (proc(5), /proc/net/tcp).
    """
    queues = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                _, address, _, state, queue, *_ = line.split()
                if state == LISTENING and int(address.rpartition(":")[2], 16) in ports:
                    queues.append(int(queue.partition(":")[2], 16))
    return sum(queues) if queues else None


def start_following(facts: dict[str, Any], file: SampleFile) -> None:
    """Start a thread for each service of a run.json or each of its machines, and for this machine if any is on it;
    raises Refused.
    """
    token = find_token(Target(**{name: service["url"] for name, service in facts["services"].items()}))
    sampled = list_sampled(facts["services"])
    for each in sampled:
        threading.Thread(target=follow_service, args=(file, each, token), daemon=True).start()
    if facts["target_is_this_machine"]:
        ports = {urlsplit(each.url).port or 80 for each in sampled}
        threading.Thread(target=follow_machine, args=(file, ports), daemon=True).start()


def sample(options: argparse.Namespace) -> int:
    """Sample until the process that is watched has ended, or until told to stop, and return 0; raises Refused."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        facts = json.loads((options.folder / "run.json").read_text(encoding="utf-8"))
        file = SampleFile(options.folder / f"{options.name}_server.jsonl")
    except OSError as problem:
        raise Refused(f"{problem.filename}: {problem.strerror}") from None
    start_following(facts, file)
    while is_running(options.pid) and not stop.wait(0.2):
        pass
    return 0


def main() -> int:
    """Read the options, sample, and return the exit code."""
    parser = Arguments(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the scenario")
    parser.add_argument("folder", type=Path, help="the results folder; its run.json says where the services are")
    parser.add_argument("--pid", type=int, required=True, help="the process that it ends with")
    options = parser.parse_args()
    return run(parser.prog, lambda: sample(options))


if __name__ == "__main__":
    sys.exit(main())
