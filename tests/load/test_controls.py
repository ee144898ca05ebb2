"""Runs that are sabotaged while they go on: each must end with the verdict that the sabotage deserves, and say why."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.records.book_histories import follow_books
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data, read_generator, read_ledger
from tests.support.altered_services import copy_services
from tests.support.books_services import run_books_service
from tests.support.faulty_server import run_faulty_server
from tests.support.outages import freeze
from tests.support.projector_runs import run_projector
from tests.support.read_models import LONG
from tests.support.runs import Runner, copy_project, end_of, find_locust, is_loaded, read_summary, wait_for
from tests.support.stacks import Stack, connect_to_mariadb

IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")
IDLE = """
import time
from load.run.hooks import install_hooks
from load.users.user import LibraryUser

install_hooks()

class IdleUser(LibraryUser):
    tasks = [lambda user: time.sleep(0.1)]
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """A copy of the project."""
    made = copy_project(tmp_path_factory.mktemp("controls") / "project", stack)
    yield made
    assert made.processes() == []


@contextmanager
def sabotage(runner: Runner, out: Path, name: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a run of one scenario and hand it over once it has its users; nothing of it is left afterwards."""
    process = runner.start("--only", name, *runner.urls, "--out", str(out), *options)
    try:
        wait_for(lambda: is_loaded(out, name) or process.poll() is not None)
        yield process
    finally:
        process.terminate()
        end_of(process, 60)


def read_scenario(out: Path) -> tuple[str, str]:
    """Return the verdict of the only scenario and its reasons, joined."""
    (scenario,) = read_summary(out)["scenarios"]
    return scenario["verdict"], "; ".join(scenario["reasons"])


def test_a_generator_that_was_frozen_for_three_seconds_makes_the_scenario_invalid(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="9s")
    out = tmp_path / "results"
    with sabotage(runner, out, "baseline") as run:
        (pid,) = find_locust(out, "baseline")
        with freeze(str(pid)):
            time.sleep(3)
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (2, "INVALID"), said
    assert "The event loop of the process of the load stalled for" in reasons


def starve(pid: int, over: threading.Event) -> None:
    """Let a process run for a fifth of the time."""
    process = psutil.Process(pid)
    try:
        while not over.wait(0.02):
            process.suspend()
            time.sleep(0.08)
            process.resume()
    except psutil.NoSuchProcess:
        pass


@IN_FULL
def test_a_generator_that_was_starved_to_a_fifth_of_a_core_makes_the_scenario_invalid(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="9s", limit_generator_lag_p99_ms="50")
    out = tmp_path / "results"
    over = threading.Event()
    with sabotage(runner, out, "baseline") as run:
        (pid,) = find_locust(out, "baseline")
        starving = threading.Thread(target=starve, args=(pid, over))
        starving.start()
        code, said = end_of(run)
        over.set()
        starving.join()
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (2, "INVALID"), said
    assert "The event loop of the process of the load lagged" in reasons


@IN_FULL
def test_a_worker_process_of_the_load_that_was_killed_makes_the_scenario_invalid(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="12s")
    out = tmp_path / "results"
    with sabotage(runner, out, "baseline", "--processes", "2") as run:
        pid = read_generator(out, "baseline", Gaps())["1"][0].pid
        os.kill(pid, signal.SIGKILL)
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (2, "INVALID"), said
    assert f"Process 1 of the load (pid {pid}) was lost" in reasons


@IN_FULL
def test_a_sampler_that_was_killed_makes_the_scenario_invalid_and_the_run_goes_on(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="10s")
    out = tmp_path / "results"
    with sabotage(runner, out, "baseline") as run:
        (sampler,) = [
            each for each in psutil.Process(run.pid).children() if "load.recording.sampler" in " ".join(each.cmdline())
        ]
        sampler.kill()
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (2, "INVALID"), said
    assert "no sample of the auth service" in reasons and "no sample of the books service" in reasons


@IN_FULL
def test_services_that_become_slow_fail_by_their_objective_and_the_records_of_two_processes_agree(
    runner: Runner, stack: Stack, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="8s", objective_reads_p95_ms="500")
    out = tmp_path / "results"
    with run_faulty_server(stack["BOOKS_URL"]) as slow:
        urls = ["--auth-url", stack["AUTH_URL"], "--books-url", slow.url]
        run = runner.start("--only", "baseline", "--processes", "2", *urls, "--out", str(out))
        wait_for(lambda: is_loaded(out, "baseline") or run.poll() is not None)
        slow.latency_s = 1.5
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (1, "FAIL"), said
    assert re.search(r"p95 .*objective 500", reasons)
    assert "_stats.csv" not in reasons


def test_metrics_that_are_gone_in_mid_run_make_the_scenario_invalid(
    runner: Runner, stack: Stack, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    old = "    _check_metrics_access()\n    metrics."
    refuse = f"    import os\n    if os.path.exists({str(gone)!r}):\n        raise Unavailable('gone')\n"
    new = old.replace("    metrics.", f"{refuse}    metrics.")
    altered = copy_services(tmp_path / "altered", "backend/http/service_pages.py", old, new)
    runner.plan("baseline", run_time="10s")
    out = tmp_path / "results"
    with run_books_service(stack, tmp_path / "log", "--workers", "2", folder=altered) as service:
        urls = ["--auth-url", stack["AUTH_URL"], "--books-url", service.url]
        run = runner.start("--only", "baseline", *urls, "--out", str(out))
        wait_for(lambda: is_loaded(out, "baseline") or run.poll() is not None)
        gone.touch()
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (2, "INVALID"), said
    assert "no sample of the books service" in reasons and "status 503" in reasons
    assert "of the auth service" not in reasons


def choose_book(out: Path, name: str) -> str:
    """Return an ISBN of which the ledger says for certain that there is a book."""
    accounts = follow_books(read_ledger(out, name, Gaps()))
    return next(isbn for isbn, account in accounts.items() if len(account.states) == 1 and account.states[0].fields)


@IN_FULL
def test_a_lost_write_is_fail_even_when_the_generator_lagged(runner: Runner, stack: Stack, tmp_path: Path) -> None:
    runner.plan("write_heavy", locustfile="locustfile_write_heavy.py", run_time="9s", write_share="0.75")
    out = tmp_path / "results"
    with sabotage(runner, out, "write_heavy") as run:
        (pid,) = find_locust(out, "write_heavy")
        with freeze(str(pid)):
            time.sleep(3)
        with freeze(str(run.pid)):  # so that it does not begin to read back
            wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
            lost = choose_book(out, "write_heavy")
            with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
                cursor.execute("DELETE FROM books WHERE isbn = %s", [lost])
        code, said = end_of(run)
    verdict, reasons = read_scenario(out)
    assert (code, verdict) == (1, "FAIL"), said
    assert "Acknowledged writes to 1 ISBN are lost" in reasons and f"{lost}: the book is not there (MariaDB)" in reasons
    assert "stalled for" in reasons
    assert run_projector(stack, "rebuild")[0] == 0  # else the read model would go on to show it


def test_a_run_whose_runner_was_killed_is_summarized_as_partial_and_its_books_can_be_removed(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("write_heavy", locustfile="locustfile_write_heavy.py", run_time="60s", write_share="0.75")
    out = tmp_path / "results"
    run = runner.start("--only", "write_heavy,soak", *runner.urls, "--out", str(out))
    wait_for(lambda: is_loaded(out, "write_heavy"))
    (pid,) = find_locust(out, "write_heavy")
    run.kill()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: runner.processes() == [], 10)  # the sampler has ended with the load
    run.communicate()
    ran = run_in(runner, "-m", "analysis.summarize", str(out))
    assert ran.returncode in (2, 3), ran.stderr
    summary = read_summary(out)
    assert summary["complete"] is False
    assert [one["verdict"] for one in summary["scenarios"]] == ["INVALID", "INCONCLUSIVE"]
    assert summary["scenarios"][0]["achieved"]["requests"] > 10
    assert "PARTIAL" in (out / "summary.md").read_text()
    assert run_in(runner, "-m", "load.run.read_back", "write_heavy", str(out)).returncode == 0
    states = read_data(out, "write_heavy", Gaps())
    assert states["after"].books == states["before"].books


def run_in(runner: Runner, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the copy of the project."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=runner.folder, capture_output=True, text=True, timeout=120, check=False
    )


@IN_FULL
def test_more_users_than_accounts_are_told(stack: Stack, tmp_path: Path) -> None:
    runner = copy_project(tmp_path / "project", stack, accounts=3)
    runner.plan("baseline", users="100", spawn_rate="50", run_time="6s")
    code, said = runner.run("--only", "baseline", *runner.urls, "--out", str(tmp_path / "results"))
    assert code in (0, 2), said
    words = (tmp_path / "results" / "summary.md").read_text().replace("\\", "")
    assert "users.csv has 3 accounts (for up to 100 users)" in words


@IN_FULL
def test_a_run_without_a_request_does_not_pass(runner: Runner, tmp_path: Path) -> None:
    (runner.folder / "locustfile_idle.py").write_text(IDLE)
    runner.plan("baseline", locustfile="locustfile_idle.py", run_time="5s")
    out = tmp_path / "results"
    code, said = runner.run("--only", "baseline", *runner.urls, "--out", str(out))
    verdict, reasons = read_scenario(out)
    assert code == 2 and verdict in ("INVALID", "INCONCLUSIVE"), said
    assert reasons
    achieved: dict[str, Any] = json.loads((out / "summary.json").read_text())["scenarios"][0]["achieved"]
    assert achieved["requests"] == 0
