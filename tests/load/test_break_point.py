"""Searches for the break-point against services whose limit is known: the search must find it, or say why it cannot."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.load.test_controls import starve
from tests.support.books_services import run_books_service
from tests.support.paced_front import Pace, run_paced_front
from tests.support.read_models import LONG
from tests.support.relay import run_relay
from tests.support.runs import Runner, copy_project, end_of, find_locust, is_loaded, read_summary, wait_for
from tests.support.stacks import Stack, choose_settings, run_local_stack, start_stack

pytestmark = pytest.mark.alone

RATE = 120.0  # answers a second that the front lets through, in the short form
THINK_S = 2.0  # on average
NEAR = 0.15
LONGEST_S = 500
SEARCH = {
    "locustfile": "locustfile_break_point.py",
    "search": "users",
    "objective-reads-p95-ms": "300",
    "objective-error-ratio": "1",
    "objective-shed-ratio": "0.01",
    "objective-recovery-seconds": "30",
    "limit-search-first": "150" if LONG else "180",
    "limit-search-most": "2000",
    "limit-search-seconds": "400",
    "limit-search-width": "0.1" if LONG else "0.25",
    "limit-step-ramp-ratio": "0.3",
    "limit-step-settle-seconds": "5" if LONG else "2",
    "limit-step-measure-seconds": "15" if LONG else "6",
}
IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """A copy of the project."""
    made = copy_project(tmp_path_factory.mktemp("break_point") / "project", stack)
    yield made
    assert made.processes() == []


def search(runner: Runner, out: Path, *options: str, **changes: str) -> tuple[int, dict[str, Any], str]:
    """Search to the end; the exit code, the only scenario of summary.json, and what was said."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    runner.plan("break_point", **{**SEARCH, **named})
    run = runner.start("--only", "break_point", "--out", str(out), *(options or runner.urls))
    try:
        code, said = end_of(run, LONGEST_S)
    finally:
        run.terminate()
        end_of(run, 60)
    (scenario,) = read_summary(out)["scenarios"]
    return code, scenario, said


def search_paced(runner: Runner, out: Path, rate: float) -> dict[str, Any]:
    """Search services that answer at most so many requests to the catalogue a second; return the break-point."""
    first = str(round(0.75 * rate * THINK_S))
    with run_paced_front(runner.stack["BOOKS_URL"], Pace(rate)) as front:
        code, scenario, said = search(runner, out, "--auth-url", runner.stack["AUTH_URL"], "--books-url", front.url,
                                      limit_search_first=first, objective_reads_p95_ms="200")  # fmt: skip
    assert (code, scenario["verdict"]) == (0, "PASS"), said
    found: dict[str, Any] = scenario["break_point"]
    return found


@pytest.mark.parametrize("rate", [RATE, *([500.0, 600.0] if LONG else [])])
def test_a_search_brackets_the_limit_that_a_front_sets(runner: Runner, tmp_path: Path, rate: float) -> None:
    found = search_paced(runner, tmp_path / "results", rate)
    bears = rate * THINK_S
    assert found["unit"] == "users"
    assert found["holds"] >= (1 - NEAR) * bears and found["breaks"] <= (1 + NEAR) * bears + 1, found
    assert found["holds_rps"] == pytest.approx(found["holds"] / THINK_S, rel=0.1)
    # Near the limit either their p95 shows it first, or that users wait instead of asking.
    assert any(re.search("reads|users asked for", words) for words in found["first"]["evidence"]), found
    check_settling(tmp_path / "results")


def check_settling(out: Path) -> None:
    """Assert that every step was measured when its users had been there for as long as the plan says, or had left."""
    lines = [json.loads(line) for line in (out / "break_point_steps.jsonl").read_text().splitlines()]
    before = 0
    for step in [line for line in lines if "measured" in line]:
        ramp_s = abs(step["users"] - before) / step["spawn_rate"]
        settle_s = 0.0 if step["broken"] is None else float(SEARCH["limit-step-settle-seconds"])
        assert step["measured"] - step["begin"] >= ramp_s + settle_s, step
        before = step["users"]


@IN_FULL
def test_a_stall_of_two_seconds_in_a_step_that_holds_breaks_nothing(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "results"
    pace = Pace(RATE)
    with run_paced_front(runner.stack["BOOKS_URL"], pace) as front:
        runner.plan("break_point", **SEARCH)
        run = runner.start("--only", "break_point", "--out", str(out), "--auth-url", runner.stack["AUTH_URL"],
                           "--books-url", front.url)  # fmt: skip
        try:
            wait_for(lambda: is_loaded(out, "break_point", int(SEARCH["limit-search-first"])) or run.poll() is not None)
            time.sleep(10)  # settled, and measured for a few seconds
            pace.stall(2)
            code, said = end_of(run, LONGEST_S)
        finally:
            run.terminate()
            end_of(run, 60)
    (scenario,) = read_summary(out)["scenarios"]
    steps = [json.loads(line) for line in (out / "break_point_steps.jsonl").read_text().splitlines()]
    assert steps[0]["broken"] is False
    assert (code, scenario["verdict"]) == (0, "PASS"), said


@IN_FULL
def test_services_that_stay_broken_after_the_first_break_are_not_bracketed(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "results"
    pace = Pace(RATE)
    pace.wear_out(0.6)
    with run_paced_front(runner.stack["BOOKS_URL"], pace) as front:
        code, scenario, said = search(runner, out, "--auth-url", runner.stack["AUTH_URL"], "--books-url", front.url,
                                      objective_recovery_seconds="5")  # fmt: skip
    assert (code, scenario["verdict"]) == (2, "INCONCLUSIVE"), said
    assert "the services did not become normal again after a step that broke" in "; ".join(scenario["reasons"])


@IN_FULL
def test_a_generator_that_gives_way_first_is_no_break_point(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "results"
    limits = {"limit-generator-lag-p99-ms": "50", "limit-generator-stall-ms": "500"}
    runner.plan("break_point", **{**SEARCH, **limits})
    over = threading.Event()
    run = runner.start("--only", "break_point", "--out", str(out), *runner.urls)
    try:
        wait_for(lambda: is_loaded(out, "break_point", int(SEARCH["limit-search-first"])) or run.poll() is not None)
        (pid,) = find_locust(out, "break_point")
        starving = threading.Thread(target=starve, args=(pid, over))
        starving.start()
        code, said = end_of(run, LONGEST_S)
        over.set()
        starving.join()
    finally:
        over.set()
        run.terminate()
        end_of(run, 60)
    (scenario,) = read_summary(out)["scenarios"]
    assert (code, scenario["verdict"]) == (2, "INVALID"), said
    assert "The generator gave way first." in "; ".join(scenario["reasons"])
    assert scenario["break_point"]["breaks"] is None


@IN_FULL
def test_a_search_can_look_for_arrivals_too(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "results"
    with run_paced_front(runner.stack["BOOKS_URL"], Pace(RATE)) as front:
        code, scenario, said = search(runner, out, "--auth-url", runner.stack["AUTH_URL"], "--books-url", front.url,
                                      search="arrivals", limit_search_first="60", limit_late_p99_ms="1000")  # fmt: skip
    assert (code, scenario["verdict"]) == (0, "PASS"), said
    found = scenario["break_point"]
    assert found["unit"] == "arrivals_per_second"
    planned = scenario["planned"]
    assert planned["users"] is None and planned["arrivals_per_second"] >= found["breaks"], planned
    # Some actions send more than one request to the catalogue.
    assert found["holds"] >= 0.7 * RATE and found["breaks"] <= (1 + NEAR) * RATE, found


@IN_FULL
def test_log_ins_give_way_first_where_one_worker_hashes_them_at_a_high_cost(tmp_path: Path) -> None:
    with run_own_stack(tmp_path / "stack", AUTH_WORKERS="1", BCRYPT_ROUNDS="14") as stack:
        runner = copy_project(tmp_path / "project", stack)
        code, scenario, said = search(runner, tmp_path / "results", objective_login_p95_ms="4000",
                                      limit_search_first="100", limit_step_measure_seconds="20")  # fmt: skip
    assert (code, scenario["verdict"]) == (0, "PASS"), said
    first = scenario["break_point"]["first"]
    assert first["what"].startswith("log-ins") and "reads" not in first["what"], first


@IN_FULL
def test_connections_are_named_where_there_is_one_and_the_store_is_slow(tmp_path: Path) -> None:
    with run_own_stack(tmp_path / "stack") as stack, ExitStack() as opened:
        relay = opened.enter_context(run_relay("127.0.0.1", ("127.0.0.1", int(stack["DB_PORT"]))))
        relay.delay_s = 0.01
        books = opened.enter_context(run_books_service(
            stack, tmp_path / "books.log", "--workers", "2", DB_POOL_SIZE="1", READ_MODEL="sql",
            DB_PORT=str(relay.port),
        ))  # fmt: skip
        runner = copy_project(tmp_path / "project", stack)
        code, scenario, said = search(runner, tmp_path / "results", "--auth-url", stack["AUTH_URL"], "--books-url",
                                      books.url, objective_shed_ratio="0.5", limit_search_first="20")  # fmt: skip
    assert (code, scenario["verdict"]) == (0, "PASS"), said
    first = scenario["break_point"]["first"]
    # All of them, or all of one worker at times.
    assert "the connections of the books workers to MariaDB" in first["what"], first


@contextmanager
def run_own_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Run a stack with settings of its own."""
    chosen = choose_settings(folder, **settings)
    try:
        yield start_stack(chosen)
    finally:
        run_local_stack("down", chosen)
