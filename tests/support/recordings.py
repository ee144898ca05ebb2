"""Writes results folders in the formats that a run leaves, from small made-up loads whose right answer is known."""

import csv
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from analysis.plan.plan import Plan, Stage, plan_to_dict
from analysis.records.endpoints import group_of
from analysis.records.results_folder import (
    ARRIVED,
    DIGITS,
    DROPPED,
    GENERATOR,
    HIGHEST_US,
    LATE,
    LOWEST_US,
    SECONDS,
    THINK,
    WAITING,
    WAITING_BOOKS,
    DataState,
    ServerSample,
    Worker,
    is_catalogue,
    name_endpoint,
    part_path,
    split_endpoint,
)

START = 1_800_000_000  # epoch seconds
PERCENTILES = ["50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"]
TAIL = ["Median", "Average", "Min", "Max"]
GOOD = {"reads-p95-ms": 100.0, "writes-p95-ms": 200.0, "login-p95-ms": 2000.0, "error-ratio": 0.0, "shed-ratio": 0.0}
THINK_S = 2.0
BOOKS = 5000
LIST, ONE = name_endpoint("GET", "/api/books"), name_endpoint("GET", "/api/books/{isbn}")
ADD, CHANGE = name_endpoint("POST", "/api/books"), name_endpoint("PATCH", "/api/books/{isbn}")
LOGIN = name_endpoint("POST", "/login")
TEXTS = {"wrong": "3 items instead of 20", "unanswered": "no answer: ConnectionResetError", "shed": "shed: 503"}
AFTER_S = 10  # for which the process of the load and the sampler go on after the planned end
Made = tuple[int, str, float]  # second of the load, endpoint, milliseconds: one right answer
Latency = Callable[[int, str, random.Random], float]  # milliseconds, for a second of the load and an endpoint


def make_plan(*stages: Stage, name: str = "baseline", share: float | None = None, **objectives: float) -> Plan:
    """A plan of 20 users for 30 s unless stages are given, with the usual objectives unless others are given."""
    wanted = {**GOOD, **{key.replace("_", "-"): value for key, value in objectives.items()}}
    return Plan(name, "what is asked?", "locustfile.py", stages or (Stage(20, 30, 10),), 5, share, wanted)


def ramp_users(plan: Plan) -> list[int]:
    """The users of each second of a run that keeps to the plan: none at first, as in Locust's history."""
    users, before = [0], 0.0
    for stage in plan.stages:
        for _ in range(int(stage.seconds)):
            step = max(-stage.spawn_rate, min(stage.spawn_rate, stage.users - before))
            before += step
            users.append(round(before))
    return users[:-1]


def usual_latency(second: int, endpoint: str, source: random.Random) -> float:
    """Ten milliseconds, more or less."""
    return 10 * source.lognormvariate(0, 0.3)


@dataclass
class Load:
    """A made-up load. Every user asks, waits for the answer and thinks; its time adds up, but for `idle` of it.

    `kinds` gives the kind of a request other than a right answer, for the number of the request; `kind_at` for the
    second of the load in which it is sent and its number. In a freeze, (first second, seconds), no answer comes but
    those of the service that `goes_on`; each user sends a request at most and waits for its end.
    """

    plan: Plan
    latency: Latency = usual_latency
    kinds: Callable[[int], str] = lambda _: "right"
    users: list[int] | None = None
    idle: float = 0.0
    mix: dict[str, int] = field(default_factory=dict)  # of 100 requests
    seed: int = 7
    freezes: tuple[tuple[int, int], ...] = ()
    goes_on: str = ""  # "auth" or "books"
    kind_at: Callable[[int, int], str] | None = None
    arrivals: dict[str, float] = field(default_factory=dict)  # of an open load: see `write_arrivals`


def make_requests(load: Load) -> list[tuple[int, str, float, str]]:
    """The requests of a load: the second in which they ended, endpoint, milliseconds, kind."""
    source, due = random.Random(load.seed), 0.0
    requests: list[tuple[int, str, float, str]] = []
    mix = load.mix or _usual_mix(load.plan.write_share or 0.0)
    slots: list[str] = []
    held: Counter[int] = Counter()  # users that wait for the end of a freeze
    for second, users in enumerate(load.users or ramp_users(load.plan)):
        due += users / THINK_S
        ends = [start + length for start, length in load.freezes if start <= second < start + length]
        for _ in range(int(due)):
            slots = slots or source.sample(list(mix), counts=list(mix.values()), k=sum(mix.values()))
            endpoint = slots.pop()
            service = "books" if is_catalogue(endpoint) else "auth"
            thaw = second if not ends or load.goes_on == service else ends[0]
            ms = load.latency(second, endpoint, source) + 1000 * (thaw - second)
            if thaw == second or held[thaw] < users:
                number = len(requests) + 1
                kind = load.kind_at(second, number) if load.kind_at else load.kinds(number)
                requests.append((thaw, endpoint, ms, kind))
                held[thaw] += thaw > second
        due -= int(due)
    return sorted(requests, key=lambda request: request[0])


def _usual_mix(share: float) -> dict[str, int]:
    writes = round(100 * share)
    reads = 100 - writes
    mix = {LIST: reads // 2, ONE: reads - reads // 2, ADD: writes // 3, CHANGE: writes - writes // 3}
    return {endpoint: count for endpoint, count in mix.items() if count}


def write_load(folder: Path, load: Load, part: str = "") -> list[Made]:
    """Write what the load recorded of itself and what Locust did; return its right answers."""
    requests, users = make_requests(load), load.users or ramp_users(load.plan)
    name = load.plan.name
    write_history(folder, name, users)
    write_stats(folder, name, requests, float(len(users)))
    kinds = Counter((*split_endpoint(endpoint), TEXTS[kind]) for _, endpoint, _, kind in requests if kind != "right")
    write_failures(folder, name, [(*kind, count) for kind, count in sorted(kinds.items())])
    write_seconds(part_path(folder, name, part, "_seconds.csv"), requests, users, load.idle)
    right = [(second, endpoint, ms) for second, endpoint, ms, kind in requests if kind == "right"]
    write_latencies(part_path(folder, name, part, ".hlog"), right)
    if load.plan.arrivals:
        write_arrivals(folder, load.plan, part, **load.arrivals)
    write_ledger(part_path(folder, name, part, "_ledger.jsonl"), sum(group_of(one[1]) == "writes" for one in requests))
    return right


def write_arrivals(folder: Path, plan: Plan, part: str = "", **odd: float) -> None:
    """Add what only an open load writes: its arrivals (at another `rate`, some `dropped`), and how late they began
    (`late_ms`, every tenth of them).
    """
    begin = int(plan.seconds - (plan.plateaus()[-1].end - plan.plateaus()[-1].start))
    rate, dropped = odd.get("rate", plan.arrivals or 0.0), odd.get("dropped", 0)
    with part_path(folder, plan.name, part, "_seconds.csv").open("a") as file:
        for second in range(begin, int(plan.seconds)):
            file.write(f"{START + second},{ARRIVED},0,0,0,0,{rate:.6f}\n")
        file.write(f"{START + begin + 3},{DROPPED},0,0,0,0,{dropped:.6f}\n" if dropped else "")
    late = [odd.get("late_ms", 1.0) if number % 10 == 0 else 1.0 for number in range(100)]
    path = part_path(folder, plan.name, part, ".hlog")
    own = path.with_suffix(".late")
    write_latencies(own, [(second, LATE, ms) for second in range(begin, int(plan.seconds)) for ms in late])
    path.write_text(path.read_text() + "".join(own.read_text().splitlines(keepends=True)[2:]))
    own.unlink()


def write_ledger(path: Path, number: int) -> None:
    """Write so many changes that were refused: there is nothing in them to be read back."""
    change = {"method": "PATCH", "key": None, "if_match": None, "fields": {"stock": 1}, "digest": None}
    refused = {"outcome": "refused", "status": 412, "version": None}
    numbers = range(1, number + 1)
    sent = [{"at": START, "n": n, "isbn": "9790000000001", **change} for n in numbers]
    # The outcomes first: who cuts lines off at the end takes writes away.
    write_lines(path, [*({"at": START, "n": n, **refused} for n in numbers), *sent])


def write_latencies(path: Path, answers: Iterable[Made]) -> None:
    """Write a HdrHistogram log with the library's own writer."""
    groups: dict[tuple[int, str], list[float]] = defaultdict(list)
    for second, endpoint, ms in answers:
        groups[second, endpoint].append(ms)
    with open(path, "w") as file:
        log = HistogramLogWriter(file)
        log.output_log_format_version()
        log.output_legend()
        for (second, endpoint), latencies in sorted(groups.items()):
            histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
            for ms in latencies:
                histogram.record_value(round(ms * 1000))
            file.write(f"Tag={endpoint},")
            log.output_interval_histogram(histogram, START + second, START + second + 1, 1000.0)


def write_seconds(path: Path, requests: list[tuple[int, str, float, str]], users: list[int], idle: float) -> None:
    """Write the counts and times of each second; users think all the time in which they do not wait."""
    kinds: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    busy: dict[tuple[int, str], float] = defaultdict(float)
    waiting: dict[str, Counter[int]] = {WAITING: Counter(), WAITING_BOOKS: Counter()}
    for second, endpoint, ms, kind in requests:
        kinds[second, endpoint][kind] += 1
        for touched, spent in spread(second, ms / 1000):
            busy[touched, endpoint] += spent
            waiting[WAITING][touched] += spent == 1
            waiting[WAITING_BOOKS][touched] += spent == 1 and is_catalogue(endpoint)
    rows: list[list[object]] = [
        [START + s, e, *(kinds[s, e][kind] for kind in SECONDS[2:6]), f"{busy[s, e]:.6f}"] for s, e in sorted(busy)
    ]
    for name, counts in waiting.items():
        counts[0] += 0
        rows += [[START + s, name, 0, 0, 0, 0, f"{count:.6f}"] for s, count in sorted(counts.items()) if count or not s]
    waited: dict[int, float] = defaultdict(float)
    for (second, _), spent in busy.items():
        waited[second] += spent
    for second, count in enumerate(users):
        rows.append([START + second, THINK, 0, 0, 0, 0, f"{max(count * (1 - idle) - waited[second], 0):.6f}"])
    write_csv(path, [SECONDS, *rows])


def spread(second: int, seconds: float) -> list[tuple[int, float]]:
    """The time of a request that ended shortly before the end of a second, by the seconds that it touched."""
    shares, last = [], min(seconds, 0.99)
    left = seconds - last
    shares.append((second, last))
    while left > 0 and second > 0:
        second -= 1
        shares.append((second, min(left, 1.0)))
        left -= min(left, 1.0)
    return shares


def write_generator(folder: Path, plan: Plan, part: str = "", **odd: Any) -> None:
    """Write a process of the load that is well; `lags` {second: [ms]}, `cpu` {second: share}, `until` a second."""
    rows: list[list[object]] = []
    for second in range(min(int(plan.seconds) + AFTER_S, odd.get("until", 10**6))):
        lags = " ".join(f"{lag:.1f}" for lag in odd.get("lags", {}).get(second, []))
        cpu = odd.get("cpu", {}).get(second, 0.3)
        rows.append([f"{START + second + 1:.3f}", 4700, f"{cpu:.4f}", plan.users, plan.users, lags])
    write_csv(part_path(folder, plan.name, part, "_generator.csv"), [GENERATOR, *rows])


@dataclass
class Services:
    """Made-up services: two auth and four books processes that hold still, but for what grows in one of them.

    `growth` is what process books 4001 gains a minute in "rss" (bytes), "fds" (not of clients), "threads", "clients",
    and the stores in "db_connections" and "redis_keys". `noise` is how far memory jumps to and fro, in bytes, as `seed`
    has it. `memory` adds bytes in a second to process books 4001. With `replaced` that process ends after so many
    seconds, again and again; the next has a hundred more as its number and begins anew.
    """

    growth: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0
    missing: range = range(0)  # seconds in which the books service says nothing
    clock: float = 0.0  # seconds that the services' clock is ahead
    seed: int = 3
    misses: int = 0  # reads that the read model did not answer
    memory: Callable[[int], float] = lambda _: 0.0
    replaced: int = 10**9


def write_server(folder: Path, plan: Plan, services: Services | None = None) -> None:
    """Write a sample of each service and of the machine, in the middle of each second."""
    made = services or Services()
    source, lines = random.Random(made.seed), []
    for second in range(-1, int(plan.seconds) + AFTER_S):
        for service, pids in (("auth", range(3001, 3003)), ("books", range(4001, 4005))):
            at = START + second + 0.5
            if service == "books" and second in made.missing:
                lines.append({"at": at, "service": service, "error": "no answer: ConnectionError"})
                continue
            grown = {what: rate * max(second, 0) / 60 for what, rate in made.growth.items()}
            workers = {
                str(pid + 100 * (max(second, 0) // made.replaced) * (pid == 4001)): Worker(
                    cpu_s=0.2 * second + 1,
                    rss=60e6
                    + source.uniform(-1, 1) * made.noise
                    + (grown.get("rss", 0) + made.memory(max(second, 0) % made.replaced)) * (pid == 4001),
                    fds=20 + (int(grown.get("fds", 0)) + int(grown.get("clients", 0))) * (pid == 4001),
                    threads=12 + int(grown.get("threads", 0)) * (pid == 4001),
                    clients=8 + int(grown.get("clients", 0)) * (pid == 4001),
                )
                for pid in pids
            }
            values = {
                "db_pool_in_use": 1.0,
                "db_connections": 12.0 + int(grown.get("db_connections", 0)),
                "redis_keys": 900.0 + int(grown.get("redis_keys", 0)),
                "read_model_misses_total": float(made.misses if second > 10 else 0),
            }
            sample = ServerSample(at, service, 0.004, at + made.clock, values, workers)
            # What asdict() gives, which copies each number: a soak has some thousands of samples.
            fields = vars(sample) | {"workers": {pid: vars(worker) for pid, worker in workers.items()}}
            lines.append({key: value for key, value in fields.items() if value not in (None, "")})
    write_lines(folder / f"{plan.name}_server.jsonl", lines)


def write_data(folder: Path, name: str, before: int = BOOKS, own: int = 0) -> None:
    """Write the state of the data before and after a scenario."""
    states = DataState(START - 2, "before", before, own), DataState(START + 60, "after", before, 0)
    write_lines(folder / f"{name}_data.jsonl", [asdict(state) for state in states])


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON, one object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_history(folder: Path, name: str, users: Iterable[int]) -> None:
    """A history of one line a second with these users and 10 requests a second."""
    head = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s", *PERCENTILES]
    head += ["Total Request Count", "Total Failure Count", *(f"Total {word} Response Time" for word in TAIL)]
    rows: list[list[object]] = [[*head, "Total Average Content Size"]]
    for at, count in enumerate(users):
        times: list[object] = ["N/A"] * 11 if at == 0 else [20] * 11
        rows.append([START + at, count, "GET", "/api/books", 9.0, 0.0, *times, at * 9, 0, 9, 9.1, 8, 30, 512.5])
        rows.append([START + at, count, "", "Aggregated", 10.0, 0.0, *times, at * 10, 0, 9, 9.1, 8, 30, 512.5])
    write_csv(folder / f"{name}_stats_history.csv", rows)


def write_stats(
    folder: Path, name: str, requests: list[tuple[int, str, float, str]], seconds: float | None = None
) -> None:
    """Locust's totals of these requests, and when the load was stopped, if it was."""
    head = ["Type", "Name", "Request Count", "Failure Count", *(f"{word} Response Time" for word in TAIL)]
    lines: list[list[object]] = [[*head, "Average Content Size", "Requests/s", "Failures/s", *PERCENTILES]]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, endpoint, _, kind in requests:
        counts[endpoint][kind] += 1
    rows = [
        (*split_endpoint(endpoint), kinds.total(), kinds.total() - kinds["right"]) for endpoint, kinds in counts.items()
    ]
    for method, title, asked, failed in [*rows, ("", "Aggregated", sum(r[2] for r in rows), sum(r[3] for r in rows))]:
        lines.append([method, title, asked, failed, *[20] * 4, 512, asked / 20, 0.0, *[20] * 11])
    write_csv(folder / f"{name}_stats.csv", lines)
    stopped_at = None if seconds is None else START + seconds
    (folder / f"{name}_requests.json").write_text(json.dumps({"stopped_at": stopped_at, "endpoints": []}))


def write_failures(folder: Path, name: str, failures: list[tuple[str, str, str, int]], exceptions: int = 0) -> None:
    """The failures (method, name, text, count) and the exceptions of the load side."""
    rows = [[*failure, "2027-01-15T08:00:00Z", "2027-01-15T08:00:05Z"] for failure in failures]
    head = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
    write_csv(folder / f"{name}_failures.csv", [head, *rows])
    trace = 'Traceback (most recent call last):\n  File "locustfile.py", line 7\nKeyError: "isbn"\n'
    raised = [[exceptions, "'isbn'", trace, "local"]] if exceptions else []
    write_csv(folder / f"{name}_exceptions.csv", [["Count", "Message", "Traceback", "Nodes"], *raised])


def write_run(folder: Path, *plans: Plan, codes: dict[str, object] | None = None, **facts: Any) -> None:
    """run.json for these plans, and scenarios.csv with exit code 0 for each unless `codes` says otherwise."""
    run = {"run": "test_results_20270115_080000", "profile": "quick", "processes": 1, **facts}
    (folder / "run.json").write_text(json.dumps({**run, "plan": [plan_to_dict(plan) for plan in plans]}))
    ended = {plan.name: 0 for plan in plans} if codes is None else codes
    rows = [[name, START, START + 20, code] for name, code in ended.items()]
    write_csv(folder / "scenarios.csv", [["scenario", "started", "ended", "exit_code"], *rows])


def write_good_run(folder: Path, plan: Plan, **load: Any) -> list[Made]:
    """A whole run of one scenario that is all right but for what `load` says otherwise; return its right answers."""
    write_run(folder, plan)
    return write_scenario(folder, plan, **load)


def write_scenario(folder: Path, plan: Plan, **load: Any) -> list[Made]:
    """All files of a scenario that is all right but for what `load` says otherwise; return its right answers."""
    write_generator(folder, plan)
    write_server(folder, plan)
    write_data(folder, plan.name)
    (folder / f"{plan.name}_read_back.json").write_text('{"at": 0, "lag_s": 0.0, "complete": true, "isbns": {}}')
    return write_load(folder, Load(plan, **load))


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write lines as Locust's csv writer does."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
