"""The smoke walks of a load on several processes: made once, limited and judged once, and begun anew."""

import csv
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.proxy import run_proxy
from tests.support.records_of_load import add_accounts
from tests.support.scripts import read_lines, run_locust, run_on
from tests.support.short_form import pick
from tests.support.stacks import PROJECT, Stack
from tests.support.web_pages import ask_stats, serve_page, wait_until

# Loaded beside the locustfile: writes when each request began and how long it took, in each process.
RAW_TIMES = """
import json, os
from locust import events

@events.request.add_listener
def note(name, response_time, start_time=0.0, **_):
    with open(f"raw_{os.getpid()}.jsonl", "a") as file:
        print(json.dumps([name, start_time, start_time + response_time / 1000]), file=file)
"""


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with accounts and sessions."""
    return add_accounts(tmp_path, ready)


def read_failures(folder: Path) -> list[dict[str, str]]:
    """Return the lines of run_failures.csv."""
    with open(folder / "run_failures.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def count_requests(folder: Path) -> Counter[str]:
    """Return the requests by name."""
    with open(folder / "run_stats.csv", newline="", encoding="utf-8") as file:
        return Counter({row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)})


def test_the_walks_of_two_processes_make_once_what_is_made_once_and_hash_two_at_once(
    stack: Stack, folder: Path
) -> None:
    (folder / "raw.py").write_text(RAW_TIMES)
    both = f"{PROJECT / 'locustfile_smoke.py'},{folder / 'raw.py'}"
    with run_proxy(int(stack["AUTH_URL"].rpartition(":")[2])) as proxy:
        proxy.latency_s = 0.03  # so that hashing takes longer than anything else, on a test's cheap passwords too
        through = {**stack, "AUTH_URL": f"http://127.0.0.1:{proxy.port}"}
        ran = run_locust(both, "-u", "6", "-r", "6", "-t", "8s", *run_on(2), folder=folder, stack=through)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = count_requests(folder)
    assert counts["/login 429"] == 1 and counts["/register 201"] == 6
    made = [json.loads(line) for line in read_lines(folder, "raw_*.jsonl")]
    hashed = [times for name, *times in made if name in ("/login 200", "/login 401", "/register 201")]
    assert len(hashed) > 30
    changes = sorted(change for begin, end in hashed for change in ((begin, 1), (end, -1)))
    assert max(itertools.accumulate(change for _, change in changes)) == 2


def test_the_walks_of_two_processes_are_judged_once(stack: Stack, folder: Path) -> None:
    wrong = {**stack, "METRICS_TOKEN": "wrong"}
    ran = run_locust("locustfile_smoke.py", "-u", "4", "-r", "4", "-t", "4s", *run_on(2), folder=folder, stack=wrong)
    assert ran.returncode == 1
    (judged,) = [row for row in read_failures(folder) if row["Method"] == "WALK"]
    assert judged["Occurrences"] == "1"
    begun = int(judged["Error"].split("none of ")[1].split()[0])
    assert begun == count_requests(folder)["/metrics 200"] >= 4


@pytest.mark.parametrize("processes", pick([None, 2], 1))
def test_a_load_that_a_page_starts_anew_makes_its_walks_anew(stack: Stack, folder: Path, processes: int | None) -> None:
    arguments = run_on(processes) if processes else []
    with serve_page(stack, folder, *arguments, locustfile="locustfile_smoke.py") as page:
        for _ in range(2):
            form = {"user_count": 2, "spawn_rate": 2, "host": "http://127.0.0.1"}
            wait_until(lambda form=form: requests.post(f"{page}/swarm", data=form, timeout=10).json()["success"])
            wait_until(lambda: count_in_page(page)["/logout/all 204"] >= 3, 30)
            requests.post(f"{page}/stop", timeout=20)
            wait_until(lambda: ask_stats(page)["user_count"] == 0)
            wait_until(lambda: count_in_page(page)["/login 429"] > 0)  # a process tells its counts every three seconds
            counts = count_in_page(page)
            assert counts["/login 429"] == 1 and counts["/register 201"] == 2
            assert ask_stats(page)["errors"] == []


def count_in_page(page: str) -> Counter[str]:
    """Return the requests by name that the page shows."""
    rows: list[dict[str, Any]] = ask_stats(page)["stats"]
    return Counter({row["name"]: row["num_requests"] for row in rows})
