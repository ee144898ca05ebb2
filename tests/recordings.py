"""Writes results folders in the format that Locust and the runner leave, for tests of the analysis."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from analysis.plan import Plan, Stage, plan_to_dict

START = 1_800_000_000  # epoch seconds
PERCENTILES = ["50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"]
TAIL = ["Median", "Average", "Min", "Max"]
GOOD = {"reads-p95-ms": 100.0, "writes-p95-ms": 200.0, "login-p95-ms": 2000.0, "error-ratio": 0.0, "shed-ratio": 0.0}
Row = tuple[str, str, int, int, float]  # method, name, requests, failures, milliseconds of every answer


def make_plan(*stages: Stage, name: str = "baseline", share: float | None = None, **objectives: float) -> Plan:
    """A plan of 5 users for 20 s unless stages are given, with the usual objectives unless others are given."""
    wanted = {**GOOD, **{key.replace("_", "-"): value for key, value in objectives.items()}}
    return Plan(name, "what is asked?", "locustfile.py", stages or (Stage(5, 20, 1),), 5, share, wanted)


def ramp_users(plan: Plan) -> list[int]:
    """The users of each second of a run that keeps to the plan: none at first, as in Locust's history."""
    users, before = [0], 0.0
    for stage in plan.stages:
        for _ in range(int(stage.seconds)):
            step = max(-stage.spawn_rate, min(stage.spawn_rate, stage.users - before))
            before += step
            users.append(round(before))
    return users[:-1]


def write_history(folder: Path, name: str, users: Iterable[int], p95: Iterable[float] | None = None) -> None:
    """A history of one line a second with these users, 10 requests a second, and these p95 (20 ms by default)."""
    head = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s", *PERCENTILES]
    head += ["Total Request Count", "Total Failure Count", *(f"Total {word} Response Time" for word in TAIL)]
    rows: list[list[object]] = [[*head, "Total Average Content Size"]]
    latencies = list(p95 or [])
    for at, count in enumerate(users):
        times: list[object] = ["N/A"] * 11 if at == 0 else [latencies[at] if latencies else 20] * 11
        rows.append([START + at, count, "GET", "/api/books", 9.0, 0.0, *times, at * 9, 0, 9, 9.1, 8, 30, 512.5])
        rows.append([START + at, count, "", "Aggregated", 10.0, 0.0, *times, at * 10, 0, 9, 9.1, 8, 30, 512.5])
    write_csv(folder / f"{name}_stats_history.csv", rows)


def write_stats(folder: Path, name: str, rows: list[Row], seconds: float | None = None) -> None:
    """The totals of these endpoints and of all, their histograms, and when the load was stopped, if it was."""
    head = ["Type", "Name", "Request Count", "Failure Count", *(f"{word} Response Time" for word in TAIL)]
    head += ["Average Content Size", "Requests/s", "Failures/s", *PERCENTILES]
    total = ("", "Aggregated", sum(row[2] for row in rows), sum(row[3] for row in rows), max(row[4] for row in rows))
    lines: list[list[object]] = [list(head)]
    for method, title, requests, failures, ms in [*rows, total]:
        lines.append([method, title, requests, failures, ms, ms, ms, ms, 512, requests / 20, 0.0, *[ms] * 11])
    write_csv(folder / f"{name}_stats.csv", lines)
    entries = [{"method": m, "name": n, "response_times": {str(ms): count}} for m, n, count, _, ms in rows]
    stopped_at = None if seconds is None else START + seconds
    (folder / f"{name}_requests.json").write_text(json.dumps({"stopped_at": stopped_at, "endpoints": entries}))


def write_failures(folder: Path, name: str, failures: list[tuple[str, str, str, int]], exceptions: int = 0) -> None:
    """The failures (method, name, text, count) and the exceptions of the load side."""
    rows = [[*failure, "2027-01-15T08:00:00Z", "2027-01-15T08:00:05Z"] for failure in failures]
    head = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
    write_csv(folder / f"{name}_failures.csv", [head, *rows])
    trace = 'Traceback (most recent call last):\n  File "locustfile.py", line 7\nKeyError: "isbn"\n'
    raised = [[exceptions, "'isbn'", trace, "local"]] if exceptions else []
    write_csv(folder / f"{name}_exceptions.csv", [["Count", "Message", "Traceback", "Nodes"], *raised])


def write_run(folder: Path, *plans: Plan, codes: dict[str, object] | None = None) -> None:
    """run.json for these plans, and scenarios.csv with exit code 0 for each unless `codes` says otherwise."""
    run = {"run": "test_results_20270115_080000", "profile": "quick", "plan": [plan_to_dict(plan) for plan in plans]}
    (folder / "run.json").write_text(json.dumps(run))
    ended = {plan.name: 0 for plan in plans} if codes is None else codes
    rows = [[name, START, START + 20, code] for name, code in ended.items()]
    write_csv(folder / "scenarios.csv", [["scenario", "started", "ended", "exit_code"], *rows])


def write_good_run(folder: Path, plan: Plan) -> None:
    """A whole run of one scenario that is all right."""
    write_run(folder, plan)
    write_history(folder, plan.name, ramp_users(plan))
    write_stats(folder, plan.name, [("GET", "/api/books", 200, 0, 20)])
    write_failures(folder, plan.name, [])


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write lines as Locust's csv writer does."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
