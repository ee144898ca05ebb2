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
from urllib.parse import quote

from benchmarks.driver import BLOCK
from benchmarks.stand import AUTH, BARE, BOOKS, PROJECT, Stack, StandError, await_read_model, serve
from benchmarks.wrk import CLIENTS, Load, Result, run_wrk
from load.client.http_client import open_http

LOGIN_CLIENTS = 2  # one hashes while the other's request is read and answered
LOGIN_TIMES = 3  # a log-in takes a quarter of a second: it is measured that many times as long
OUTBOX_S = 60
FIRST_AUTHORS = """
  SELECT name FROM authors WHERE id IN (SELECT author_id FROM book_authors WHERE isbn LIKE '97899999%')
  ORDER BY name LIMIT 100
"""


@dataclass(frozen=True)
class Bench:
    """What the cases share: the stacks by name, the length of a measurement in seconds, and the worker's core."""

    stacks: dict[str, Stack]
    seconds: int
    core: int
    folder: Path
    blocks: Iterator[int] = field(default_factory=lambda: itertools.count(100_000_000, BLOCK))  # of new ISBNs

    def load(self, url: str, load: Load) -> Result:
        """Look at some answers one by one, warm the worker up for a second, measure."""
        if fault := check_answers(url, load):
            return Result(0, fault)
        for seconds in (1, self.seconds):
            result = run_wrk(url, replace(load, first=next(self.blocks)), seconds, self.folder)
        return result

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
    with serve(BARE, stack.settings(BENCHMARK_BOOK=stack.book), bench.core, bench.folder) as url:
        return bench.load(url, Load(["/book"]))


def measure_read(read: str, model: str, size: str, bench: Bench) -> Result:
    """Measure one kind of query from one read model on a catalogue of one size."""
    stack = bench.stacks[size]
    load = Load(find_paths(read, stack), stack.token)
    if read == "unchanged":
        load = replace(load, etag='"1"', status=304)
    with serve(BOOKS, stack.settings(READ_MODEL=model), bench.core, bench.folder) as url:
        source = await_read_model(url, stack.token) if model == "redis" else ""
        before = count_misses(url, stack)
        result = bench.load(url, load)
        missed = count_misses(url, stack) - before
    if model == "redis" and (source in ("", "mariadb") or missed):
        return replace(result, note="no read model" if not missed else f"{missed} answers came from MariaDB")
    return result


def measure_post(model: str, bench: Bench) -> Result:
    """Measure the command that adds a book, with nothing left of the measurement before it."""
    stack = bench.stacks["writes"]
    with serve(BOOKS, stack.settings(READ_MODEL=model), bench.core, bench.folder) as url:
        if model == "redis":
            await_read_model(url, stack.token)
        note = "" if await_empty_outbox(stack) else "the outbox was not empty at the start"
        return replace(bench.load(url, Load(token=stack.token)), note=note)


def measure_transaction(options: tuple[str, ...], bench: Bench) -> Result:
    """Measure the statements of the same command straight through the driver."""
    stack = bench.stacks["writes"]
    given = ("--threads", str(CLIENTS), "--first", str(next(bench.blocks)), *options)
    measured = bench.drive(stack, "transaction", bench.seconds, *given)
    stack.ask("DELETE FROM outbox")  # else the next service would be measured while it applies them
    note = f"{measured['statements']:.0f} statements between BEGIN and COMMIT"
    return Result(measured["per_second"], note=note if measured["outbox"] else f"{note}; the command has no outbox row")


def measure_me(bench: Bench) -> Result:
    """Measure GET /me."""
    stack = bench.stacks["small"]
    with serve(AUTH, stack.settings(), bench.core, bench.folder) as url:
        return bench.load(url, Load(["/me"], stack.token))


def measure_login(bench: Bench) -> Result:
    """Measure POST /login; each client's rate is taken between its own answers while the others go on."""
    stack = bench.stacks["small"]
    ends: list[list[float]] = [[] for _ in range(LOGIN_CLIENTS)]
    statuses: set[int] = set()

    def log_in(times: list[float], url: str, deadline: float) -> None:
        http = open_http()
        while time.monotonic() < deadline:
            statuses.add(http.post(f"{url}/login", json=stack.account, timeout=30).status_code)
            times.append(time.monotonic())

    with serve(AUTH, stack.settings(), bench.core, bench.folder) as url:
        deadline = time.monotonic() + 1 + bench.seconds * LOGIN_TIMES
        clients = [threading.Thread(target=log_in, args=(times, url, deadline)) for times in ends]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    # Answers after the deadline came while the other client had ended.
    counted = [[end for end in times if end < deadline] for times in ends]
    if statuses != {200} or min(map(len, counted)) < 2:
        return Result(0, f"answers {sorted(statuses)}, {counted and min(map(len, counted))} of one client")
    return Result(sum((len(times) - 1) / (times[-1] - times[0]) for times in counted))


def measure_bcrypt(bench: Bench) -> Result:
    """Measure bcrypt alone on the same core."""
    return Result(bench.drive(bench.stacks["small"], "bcrypt", bench.seconds * LOGIN_TIMES)["per_second"])


def find_paths(read: str, stack: Stack) -> list[str]:
    """Return the paths of a query: a thousand books over the whole catalogue, or a hundred of the first authors."""
    if read == "list":
        return ["/api/books?limit=50"]
    if read == "author":
        return [f"/api/books?limit=50&author={quote(name)}" for (name,) in stack.ask(FIRST_AUTHORS)]
    books = [isbn for (isbn,) in stack.ask("SELECT isbn FROM books ORDER BY isbn")]
    return [f"/api/books/{isbn}" for isbn in books[:: len(books) // 1000]]


def check_answers(url: str, load: Load) -> str:
    """Ask for the first, the middle and the last path and return what is wrong: wrk counts statuses from 400 on."""
    headers = {"Authorization": f"Bearer {load.token}", "If-None-Match": load.etag}
    for path in {load.paths[place * (len(load.paths) - 1) // 2] for place in (0, 1, 2) if load.paths}:
        sent = {name: value for name, value in headers.items() if value}
        answer = open_http().get(url + path, headers=sent, allow_redirects=False, timeout=30)
        if answer.status_code != load.status:
            return f"GET {path} answered {answer.status_code} where {load.status} was due"
    return ""


def count_misses(url: str, stack: Stack) -> int:
    """Return how many queries this service answered from MariaDB for want of a read model."""
    headers = {"Authorization": f"Bearer {stack.values['METRICS_TOKEN']}"}
    found = re.search(
        r"^read_model_misses_total (\S+)", open_http().get(f"{url}/metrics", headers=headers, timeout=30).text, re.M
    )
    return int(float(found[1])) if found else 0


def await_empty_outbox(stack: Stack) -> bool:
    """Wait until the projector has applied what earlier measurements left; return whether it has."""
    deadline = time.monotonic() + OUTBOX_S
    while stack.ask("SELECT EXISTS (SELECT id FROM outbox)")[0][0]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
