"""How each kind of case is measured: the worker under test on its core, everything else on the others."""

import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests

from benchmarks.asked import check_answers, find_paths
from benchmarks.driver import BLOCK
from benchmarks.peers.packages import install_packages
from benchmarks.quiet import read_cpu
from benchmarks.service import AUTH, BARE, BOOKS, PEER, Service, serve
from benchmarks.stand import PROJECT, Stack, StandError, await_read_model
from benchmarks.wrk import CLIENTS, Load, Result, run_wrk
from load.client.http_client import open_http

LOGIN_CLIENTS = 2  # one hashes while the other's request is read and answered
LOGIN_TIMES = 3  # a log-in takes a quarter of a second: it is measured that many times as long
OUTBOX_S = 60
ON_FAST_PATH, MISSES = "http_requests_on_fast_path_total", "read_model_misses_total"


@dataclass(frozen=True)
class Bench:
    """What the cases share: the stacks by name, the length of a measurement in seconds, and the worker's core."""

    stacks: dict[str, Stack]
    seconds: int
    core: int | None
    folder: Path
    blocks: Iterator[int] = field(default_factory=lambda: itertools.count(100_000_000, BLOCK))  # of new ISBNs

    def load(self, service: Service, stack: Stack, load: Load) -> Result:
        """Look at some answers one by one, warm the worker up for a second, measure; note how many were answered on the
        fast path, if any.
        """
        if fault := check_answers(service.url, load):
            return Result(0, fault)
        pids = (service.pid, int(stack.values["REDIS_PID"]))
        for seconds in (1, self.seconds):
            fast = count(ON_FAST_PATH, service.url, stack)
            before = [read_cpu(pid) for pid in pids]
            result = run_wrk(service.url, replace(load, first=next(self.blocks)), seconds, self.folder)
        result = result.with_costs(*(read_cpu(pid) - started for pid, started in zip(pids, before, strict=True)))
        share = (count(ON_FAST_PATH, service.url, stack) - fast) / max(1, result.answers)
        return replace(result, note=f"{share:.0%} on the fast path") if share else result

    def drive(self, stack: Stack, base: str, seconds: int, *options: str) -> dict[str, float]:
        """Run benchmarks/driver.py on the worker's core and return what it printed; raises StandError."""
        command = [sys.executable, "-m", "benchmarks.driver", base, "--seconds", str(seconds), *options]
        ran = subprocess.run(
            ["taskset", "-c", str(self.core), *command], cwd=PROJECT, env=stack.settings(), capture_output=True,
            text=True, timeout=seconds + 90, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise StandError(f"benchmarks.driver {base} failed: {ran.stderr.strip()[-300:]}")
        measured: dict[str, float] = json.loads(ran.stdout)
        return measured


def measure_bare(bench: Bench) -> Result:
    """Measure the bare route, with the JSON of a book of middle length."""
    stack = bench.stacks["small"]
    with serve(BARE, stack.settings(BENCHMARK_BOOK=stack.book), bench.folder, bench.core) as service:
        return bench.load(service, stack, Load(["/book"]))


def measure_read(read: str, model: str, size: str, bench: Bench) -> Result:
    """Measure one kind of query from one read model on a catalogue of one size."""
    stack = bench.stacks[size]
    with serve(BOOKS, stack.settings(READ_MODEL=model), bench.folder, bench.core) as service:
        source = await_read_model(service.url, stack.token) if model == "redis" else ""
        load = Load(find_paths(read, stack, service.url), stack.token)
        if read == "unchanged":
            load = replace(load, etag='"1"', status=304)
        before = count(MISSES, service.url, stack)
        result = bench.load(service, stack, load)
        missed = count(MISSES, service.url, stack) - before
    if model == "redis" and (source in ("", "mariadb") or missed):
        return replace(result, fault="no read model" if not missed else f"{missed} answers came from MariaDB")
    return result


def measure_peer(read: str, bench: Bench) -> Result:
    """Measure one kind of query on the peer."""
    stack = bench.stacks["small"]
    settings = stack.settings(PYTHONPATH=str(install_packages(bench.folder)))
    with serve(PEER, settings, bench.folder, bench.core) as service:
        return bench.load(service, stack, Load(find_paths(read, stack, service.url), stack.token))


def measure_post(model: str, bench: Bench) -> Result:
    """Measure the command that adds a book, with nothing left of the measurement before it."""
    stack = bench.stacks["writes"]
    with serve(BOOKS, stack.settings(READ_MODEL=model), bench.folder, bench.core) as service:
        if model == "redis":
            await_read_model(service.url, stack.token)
        note = "" if await_empty_outbox(stack) else "the outbox was not empty at the start"
        return replace(bench.load(service, stack, Load(token=stack.token)), note=note)


def measure_transaction(options: tuple[str, ...], bench: Bench) -> Result:
    """Measure the statements of the same command straight through the driver."""
    stack = bench.stacks["writes"]
    given = ("--threads", str(CLIENTS), "--first", str(next(bench.blocks)), *options)
    measured = bench.drive(stack, "transaction", bench.seconds, *given)
    stack.ask("DELETE FROM outbox")  # else the next service would be measured while it applies them
    note = f"{measured['statements']:.0f} statements between BEGIN and COMMIT"
    note += "" if measured["outbox"] else "; the command has no outbox row"
    return read_driven(measured, note)


def measure_me(bench: Bench) -> Result:
    """Measure GET /me."""
    stack = bench.stacks["small"]
    with serve(AUTH, stack.settings(), bench.folder, bench.core) as service:
        return bench.load(service, stack, Load(["/me"], stack.token))


def measure_login(bench: Bench) -> Result:
    """Measure POST /login."""
    stack = bench.stacks["small"]
    with serve(AUTH, stack.settings(), bench.folder, bench.core) as service:
        before = read_cpu(service.pid)
        result = log_in_repeatedly(service.url, stack.account, LOGIN_CLIENTS, 1 + bench.seconds * LOGIN_TIMES)
        return result.with_costs(read_cpu(service.pid) - before)


def log_in_repeatedly(url: str, account: dict[str, str], number: int, seconds: int) -> Result:
    """Let some clients log in; each one's rate is taken between its own answers while the others go on."""
    ends: list[list[float]] = [[] for _ in range(number)]
    statuses: set[int] = set()

    def log_in(times: list[float], deadline: float) -> None:
        http = open_http()
        while time.monotonic() < deadline:
            try:
                statuses.add(http.post(f"{url}/login", json=account, timeout=30).status_code)
            except requests.RequestException:
                statuses.add(0)  # no answer: it makes the measurement invalid
            times.append(time.monotonic())

    deadline = time.monotonic() + seconds
    clients = [threading.Thread(target=log_in, args=(times, deadline)) for times in ends]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    # Answers after the deadline came while the other client had ended.
    counted = [[end for end in times if end < deadline] for times in ends]
    if statuses != {200} or min(map(len, counted)) < 2:
        return Result(0, f"answers {sorted(statuses)}, {counted and min(map(len, counted))} of one client")
    rate = sum((len(times) - 1) / (times[-1] - times[0]) for times in counted)
    return Result(rate, answers=sum(map(len, ends)))


def measure_bcrypt(bench: Bench) -> Result:
    """Measure bcrypt alone on the same core."""
    return read_driven(bench.drive(bench.stacks["small"], "bcrypt", bench.seconds * LOGIN_TIMES))


def read_driven(measured: dict[str, float], note: str = "") -> Result:
    """Read what benchmarks/driver.py printed."""
    result = Result(measured["per_second"], note=note, answers=int(measured["answers"]))
    return result.with_costs(measured["processor_s"])


def count(metric: str, url: str, stack: Stack) -> int:
    """Return the value of a metric of a service, 0 if it has no such one."""
    headers = {"Authorization": f"Bearer {stack.values['METRICS_TOKEN']}"}
    metrics = open_http().get(f"{url}/metrics", headers=headers, timeout=30).text
    found = re.search(rf"^{metric} (\S+)", metrics, re.M)
    return int(float(found[1])) if found else 0


def await_empty_outbox(stack: Stack) -> bool:
    """Wait until the projector has applied what earlier measurements left; return whether it has."""
    deadline = time.monotonic() + OUTBOX_S
    while stack.ask("SELECT EXISTS (SELECT id FROM outbox)")[0][0]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
