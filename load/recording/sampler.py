#!/usr/bin/env python3
"""Sample /metrics of both services once a second, into NAME_server.jsonl, until a given process has ended.

It runs as a process of its own, so that a busy load delays no sample, and sampling takes no time from the load. The
format is defined in analysis/records/results_folder.py.
"""

import argparse
import json
import math
import os
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import requests

from analysis.records.processes import is_running
from analysis.records.results_folder import VALUES, ServerSample, Worker
from load.client.http_client import open_http
from load.client.refusal import Refused
from load.client.script import Arguments, run
from load.client.service_metrics import find_token
from load.client.target import Target

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
FIGURES = set(WORKER.values())


class SampleFile:
    """NAME_server.jsonl, to which several threads write whole lines."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def write(self, sample: ServerSample) -> None:
        """Add a sample, without the fields that it does not have."""
        fields = {name: value for name, value in asdict(sample).items() if value not in (None, "")}
        os.write(self._file, json.dumps(fields, separators=(",", ":")).encode() + b"\n")


def parse_metrics(text: str) -> dict[str, Any]:
    """Return `server_at`, `values` and `workers` of the text of /metrics.

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
            workers[labels.split('"')[1]][WORKER[name]] = value
        elif (name in VALUES or name == "server_time_seconds") and not math.isnan(value):  # as a store's that is down
            values[name] += value
    server_at = values.pop("server_time_seconds", None)
    whole = {pid: Worker(**figures) for pid, figures in workers.items() if len(figures) == len(FIGURES)}
    return {"server_at": server_at, "values": dict(values), "workers": whole}


def take_sample(http: requests.Session, service: str, url: str, headers: dict[str, str]) -> ServerSample:
    """Ask a service for its metrics, and return a sample of them, or of what went wrong."""
    began, clock = time.time(), time.perf_counter()
    try:
        answer = http.get(f"{url}/metrics", headers=headers, timeout=TIMEOUTS, allow_redirects=False)
    except requests.RequestException as problem:
        return ServerSample(at=began, service=service, error=f"no answer: {type(problem).__name__}")
    took = time.perf_counter() - clock
    at = began + took / 2
    if answer.status_code != requests.codes.ok:
        return ServerSample(at=at, service=service, took=took, error=f"status {answer.status_code}")
    try:
        return ServerSample(at=at, service=service, took=took, **parse_metrics(answer.text))
    except (ValueError, IndexError):
        return ServerSample(at=at, service=service, took=took, error="not the metrics of this project's services")


def await_next_sample() -> None:
    """Sleep until the middle of a second, because at full seconds the processes of the load write their files."""
    time.sleep(1 - (time.time() + 0.5) % 1)


def follow_service(file: SampleFile, service: str, url: str, token: str) -> None:
    """Sample a service in the middle of every second, for ever; a second in which it still answers is left out."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = open_http()
    while True:
        await_next_sample()
        file.write(take_sample(http, service, url, headers))


def follow_machine(file: SampleFile) -> None:
    """Sample the processors of this machine in the middle of every second, for ever."""
    cpus = float(psutil.cpu_count() or 1)
    psutil.cpu_percent()
    while True:
        await_next_sample()
        share = psutil.cpu_percent() / 100
        file.write(ServerSample(at=time.time(), service="machine", values={"cpu": share, "cpus": cpus}))


def start_following(facts: dict[str, Any], file: SampleFile) -> None:
    """Start a thread for each service of a run.json, and for the machine if they are on it; raises Refused."""
    urls = {name: service["url"] for name, service in facts["services"].items()}
    token = find_token(Target(**urls))
    for name, url in urls.items():
        threading.Thread(target=follow_service, args=(file, name, url, token), daemon=True).start()
    if facts["target_is_this_machine"]:
        threading.Thread(target=follow_machine, args=(file,), daemon=True).start()


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
