"""Real, short runs of each locustfile against a stack: the planned load is there, and nothing stays behind."""

import csv
import itertools
import json
import re
import signal
import stat
import subprocess
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from tests.support.records_of_load import add_accounts
from tests.support.scripts import choose_environment, locust_command, prepare_accounts, run_locust, run_on, run_script
from tests.support.short_form import pair_up
from tests.support.stacks import Stack, start_stack
from tests.support.web_pages import ask_stats, serve_page, swarm, wait_until

STACK_SETTINGS = {"ACCESS_TOKEN_TTL": "6"}  # seconds, for the one test that asks for a stack of its own
LIST = {("GET", "/api/books"), ("GET", "/api/books?author"), ("GET", "/api/books?genre")}
READS = {*LIST, ("GET", "/api/books?after"), ("GET", "/api/books?format"), ("GET", "/api/books/{isbn}")}
WRITES = {("POST", "/api/books"), ("PATCH", "/api/books/{isbn}"), ("DELETE", "/api/books/{isbn}")}
FLOW = {("POST", "/login"), ("GET", "/me"), ("POST", "/refresh"), ("POST", "/logout"), ("POST", "/logout/all")}
REVALIDATED = ("GET", "/api/books/{isbn} 304")


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with the accounts and sessions of `ready`."""
    return add_accounts(tmp_path, ready)


def read_rows(folder: Path, kind: str) -> list[dict[str, str]]:
    """Return the lines of run_KIND.csv."""
    with open(folder / f"run_{kind}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_counts(folder: Path) -> dict[tuple[str, str], int]:
    """Return the requests by method and name."""
    rows = read_rows(folder, "stats")
    return {(row["Type"], row["Name"]): int(row["Request Count"]) for row in rows if row["Name"] != "Aggregated"}


def read_users(folder: Path) -> list[int]:
    """Return the users of each second."""
    return [int(row["User Count"]) for row in read_rows(folder, "stats_history")]


def read_total(ready: Path, stack: Stack) -> int:
    """Return the size of the catalogue, from MariaDB's own count."""
    session = next(iter(json.loads((ready / "sessions.json").read_text())[stack["AUTH_URL"]].values()))
    headers = {"Authorization": f"Bearer {session['access_token']}", "Cache-Control": "no-cache"}
    answer = requests.get(f"{stack['BOOKS_URL']}/api/books?limit=1", headers=headers, timeout=10)
    return int(answer.json()["total"])


def find_processes(mark: str) -> list[str]:
    """Return the command lines of processes that hold this text."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


def find_levels(users: list[int]) -> list[int]:
    """Return the levels at which the users stayed for two seconds or more, in order, without the empty ends."""
    held = [one for one, following in itertools.pairwise(users) if one == following and one]
    return [level for level, _ in itertools.groupby(held)]


class Run(NamedTuple):
    """A short load, the levels of users it must reach, rows it must have, and its share of writes."""

    locustfile: str
    arguments: str
    levels: list[int]
    rows: set[tuple[str, str]]
    share: float


RUNS = [
    Run("locustfile.py", "-u 60 -r 60 -t 8s", [60], READS | {REVALIDATED}, 0.08),
    Run("locustfile_write_heavy.py", "-u 100 -r 100 -t 8s", [100], WRITES, 0.75),
    Run("locustfile_stages.py", "6:3:6 12:3:6 3:3:9", [6, 12, 3], set(), 0.08),
    Run("locustfile_spike.py", "4:3:4 40:4:40 4:3:40", [4, 40, 4], LIST, 0.08),
]


# Beside other tests a hundred writers who arrive at once are refused now and then, as they should be.
ALONE = {"locustfile_write_heavy.py": pytest.mark.alone}


@pytest.mark.parametrize(
    "run", [pytest.param(run, id=run.locustfile, marks=ALONE.get(run.locustfile, ())) for run in RUNS]
)
def test_the_planned_users_do_what_is_planned_and_the_catalogue_stays_as_it_was(
    stack: Stack, ready: Path, folder: Path, run: Run
) -> None:
    before = read_total(ready, stack)
    arguments = ["--stages", run.arguments] if ":" in run.arguments else run.arguments.split()
    ran = run_locust(run.locustfile, *arguments, folder=folder, stack=stack)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read_rows(folder, "failures") == [] and read_rows(folder, "exceptions") == []
    assert find_levels(read_users(folder)) == run.levels
    counts = read_counts(folder)
    assert run.rows <= set(counts) <= READS | WRITES | FLOW | {REVALIDATED}
    writes = sum(count for row, count in counts.items() if row in WRITES)
    api = sum(count for row, count in counts.items() if row not in FLOW)
    bound = 4.5 * sqrt(run.share * (1 - run.share) / api)  # passed by chance once in 150,000 runs
    assert abs(writes / api - run.share) < bound + 3 / api
    assert read_total(ready, stack) == before


def test_the_users_share_as_many_accounts_as_the_option_says(stack: Stack, tmp_path: Path) -> None:
    prepare_accounts(tmp_path, stack, 10)
    (tmp_path / "sessions.json").unlink()
    ran = run_locust(
        "locustfile.py", "-u", "6", "-r", "6", "-t", "3s", "--shared-accounts", "3", folder=tmp_path, stack=stack
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read_rows(tmp_path, "failures") == []
    (sessions,) = json.loads((tmp_path / "sessions.json").read_text()).values()
    assert len(sessions) == 3


# The session flow is rare: here a load of nothing else, with five users on two accounts.
FLOW_ONLY = """
from load.run.hooks import install_hooks
from load.users.session_flow import session_flow
from load.users.user import LibraryUser

install_hooks()

class FlowUser(LibraryUser):
    tasks = [session_flow]
"""


def test_the_session_flow_also_ends_all_sessions_and_disturbs_nobody(
    project: Path, stack: Stack, ready: Path, folder: Path
) -> None:
    (folder / "flow.py").write_text(FLOW_ONLY)
    where = {"PYTHONPATH": str(project)}
    # Five: even if all of them log in at once and meet one worker, one hashes and four may wait.
    ran = run_locust(str(folder / "flow.py"), "-u", "5", "-r", "5", "-t", "12s", folder=folder, stack=stack, **where)
    assert ran.returncode == 0, ran.stdout
    counts = read_counts(folder)
    assert set(counts) == FLOW
    ends = counts["POST", "/logout"], counts["POST", "/logout/all"]
    assert sum(ends) == counts["POST", "/login"] == counts["GET", "/me"] == counts["POST", "/refresh"]
    assert ends[1] == sum(ends) // 20
    signed_in = run_script("load/client/sign_in.py", folder=ready, stack=stack)
    assert signed_in.stdout == "38 accounts have a session: 38 still signed in\n"


# smoke


def test_the_smoke_walk_meets_only_what_it_expects(stack: Stack, ready: Path, folder: Path) -> None:
    before = read_total(ready, stack)
    ran = run_locust("locustfile_smoke.py", "-u", "3", "-r", "3", "-t", "6s", folder=folder, stack=stack)
    assert ran.returncode == 0, ran.stdout
    counts = read_counts(folder)
    assert counts["POST", "/register 201"] == 3
    assert counts["POST", "/login 429"] == 1
    assert counts["POST", "/logout/all 204"] >= 3
    assert read_total(ready, stack) == before


def test_a_walk_that_does_not_get_to_its_end_is_a_failure(stack: Stack, folder: Path) -> None:
    wrong = {**stack, "METRICS_TOKEN": "wrong"}
    ran = run_locust("locustfile_smoke.py", "-u", "1", "-t", "3s", folder=folder, stack=wrong)
    assert ran.returncode == 1
    failures = {(row["Method"], row["Name"]): row["Error"] for row in read_rows(folder, "failures")}
    assert failures["GET", "/metrics 200"].startswith("401 instead of 200")
    assert re.match(
        "no answer: none of [0-9]+ walks got past [0-9]+ of the [0-9]+ steps: GET /", failures["WALK", "whole"]
    )


# what is refused before any load


@pytest.mark.parametrize(
    ("users", "processes"),
    pair_up(["missing.csv", "empty.csv", "open.csv"], [1, 2]),
)
def test_a_load_without_good_accounts_is_refused_and_leaves_no_process(
    stack: Stack, tmp_path: Path, users: str, processes: int
) -> None:
    if users != "missing.csv":
        run_script("create_users_csv.py", "--count", "2", "--out", users, folder=tmp_path)
    if users == "open.csv":
        (tmp_path / users).chmod(0o644)
    elif users == "empty.csv":
        (tmp_path / users).write_text("")
    mark, more = str(tmp_path / users), run_on(2) if processes > 1 else []
    ran = run_locust("locustfile.py", "--users-file", mark, "-t", "5s", *more, folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    assert [line for line in ran.stderr.splitlines() if "ERROR" in line and mark in line]
    assert find_processes(mark) == []


def test_accounts_that_nobody_registered_are_refused_with_advice(stack: Stack, tmp_path: Path) -> None:
    run_script("create_users_csv.py", "--count", "3", folder=tmp_path)
    ran = run_locust("locustfile.py", "-t", "5s", folder=tmp_path, stack=stack)
    assert ran.returncode == 1
    assert "1 accounts cannot sign in (1 x 401" in ran.stderr and "register_users.py" in ran.stderr


@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        ("127.0.0.9/", 3, "nothing answers at http://127.0.0.9:5000"),
        ("http://::1/", 3, "nothing answers at http://[::1]:1"),
        ("localhost", 3, "nothing answers at http://localhost:1"),
        ("https://example.com", 64, "host 'https://example.com'"),
        ("http://127.0.0.1:8080", 64, "host 'http://127.0.0.1:8080'"),
    ],
)
def test_a_host_that_is_not_the_services_is_refused(tmp_path: Path, host: str, code: int, words: str) -> None:
    ports = {"AUTH_PORT": "1", "BOOKS_PORT": "1"}
    ran = run_locust("locustfile.py", "-t", "5s", "-H", host, folder=tmp_path, stack=None, **ports)
    assert ran.returncode == code
    assert words in ran.stderr
    assert not list(tmp_path.glob("*.json"))


def test_the_two_services_are_not_taken_for_one_another(stack: Stack, folder: Path) -> None:
    swapped = {"AUTH_URL": stack["BOOKS_URL"], "BOOKS_URL": stack["AUTH_URL"]}
    ran = run_locust("locustfile.py", "-t", "5s", folder=folder, stack=None, **swapped)
    assert ran.returncode == 3
    assert f"{stack['BOOKS_URL']} is something else than the auth service" in ran.stderr


def test_ports_come_from_the_environment_and_results_are_plain_locust_files(stack: Stack, folder: Path) -> None:
    ports = {f"{name}_PORT": stack[f"{name}_URL"].rsplit(":", 1)[1] for name in ("AUTH", "BOOKS")}
    shown = ["-u", "5", "-t", "3s", "--html", "run.html"]
    ran = run_locust("locustfile.py", *shown, folder=folder, stack=None, **ports)
    assert ran.returncode == 0, ran.stderr
    kinds = {"stats", "stats_history", "failures", "exceptions"}
    assert {each.name for each in folder.iterdir()} >= {"run.html", *(f"run_{kind}.csv" for kind in kinds)}
    assert "</html>" in (folder / "run.html").read_text()


# processes, interruption, long runs


def test_several_processes_share_the_accounts_and_tidy_up(stack: Stack, ready: Path, folder: Path) -> None:
    before, mark = read_total(ready, stack), str(folder / "users.csv")
    many = [*run_on(2), "--users-file", mark]
    ran = run_locust("locustfile_write_heavy.py", "-u", "30", "-r", "30", "-t", "4s", *many, folder=folder, stack=stack)
    assert ran.returncode == 0, ran.stderr
    assert max(read_users(folder)) == 30
    assert read_rows(folder, "failures") == []
    assert find_processes(mark) == []
    assert read_total(ready, stack) == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_load_removes_its_books(stack: Stack, ready: Path, folder: Path, how: signal.Signals) -> None:
    before = read_total(ready, stack)
    command = locust_command("locustfile_write_heavy.py", "--headless", "-u", "30", "-r", "30", "--only-summary")
    with open(folder / "log", "w", encoding="utf-8") as log:
        running = subprocess.Popen(
            command, cwd=folder, env=choose_environment(stack), stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    wait_until(lambda: read_total(ready, stack) > before + 5)
    running.send_signal(how)
    assert running.wait(30) == 0, (folder / "log").read_text()
    assert read_total(ready, stack) == before


def test_tokens_are_refreshed_while_the_load_goes_on(own_settings: dict[str, str], tmp_path: Path) -> None:
    stack = start_stack(own_settings)
    prepare_accounts(tmp_path, stack, 10)
    path = tmp_path / "sessions.json"
    first = next(iter(json.loads(path.read_text())[stack["AUTH_URL"]].values()))
    load = ["-u", "16", "-r", "16", "-t", "12s", *run_on(2)]
    ran = run_locust("locustfile.py", *load, folder=tmp_path, stack=stack)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read_rows(tmp_path, "failures") == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    # The control: without refreshing, this is what every request after the first six seconds would have got.
    assert requests.get(f"{stack['AUTH_URL']}/me", headers=headers, timeout=10).status_code == 401


# the web page


def test_a_load_is_started_watched_and_stopped_in_the_web_page(stack: Stack, ready: Path, folder: Path) -> None:
    before = read_total(ready, stack)
    with serve_page(stack, folder) as page:
        text = requests.get(page, timeout=5).text
        assert '"host": "http://127.0.0.1"' in text
        assert "objective" not in text and "sessions_file" not in text
        swarm(page, 12)
        swarm(page, 20)
        wait_until(lambda: read_total(ready, stack) == before)
    log = (folder / "log").read_text()
    assert "http://localhost:8089" in log and "break-point" in log


@pytest.mark.parametrize(
    ("host", "words"), [("http://127.0.0.9", "nothing answers"), ("http://127.0.0.1:80", "ports 5000 and 5001")]
)
def test_the_page_says_why_a_host_is_refused(folder: Path, host: str, words: str) -> None:
    with serve_page({}, folder) as page:
        form = {"user_count": 5, "spawn_rate": 5, "host": host}
        said = requests.post(f"{page}/swarm", data=form, timeout=10).json()
        assert not said["success"] and words in said["message"]
        assert ask_stats(page)["user_count"] == 0
