"""Sabotages that take minutes to show: services that leak under a soak, or that stay slow after a spike."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.read_models import LONG
from tests.support.runs import Runner, copy_project, end_of, read_summary, wait_for
from tests.support.stacks import PROJECT, Stack
from tests.support.weak_builds import Change, Services, copy_build, run_build

IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")
pytestmark = pytest.mark.alone

LEAKS: tuple[Change, ...] = (
    (  # 1 KB a request
        "def _finish(response: Response) -> Response:\n",
        "_KEPT: list[bytes] = []\n\n\n"
        "def _finish(response: Response) -> Response:\n    _KEPT.append(bytes([len(_KEPT) % 251]) * 1024)\n",
    ),
    (  # a descriptor a second, and a connection to MariaDB every five
        "    CONNECTIONS.set(_number_of(_count_connections))\n",
        "    _OPEN.append(open('/dev/null'))\n"
        "    if len(_OPEN) % 5 == 0:\n"
        "        _OPEN.append(Connection(**connection_arguments()))\n"
        "    CONNECTIONS.set(_number_of(_count_connections))\n",
    ),
    (
        "backend/server/usage.py",
        "from backend.stores.pool import reading\n",
        "from backend.stores.mariadb import Connection, connection_arguments\n"
        "from backend.stores.pool import reading\n\n_OPEN: list[Any] = []\n",
    ),
)
SPIKE = {
    "locustfile": "locustfile_spike.py",
    "stages": "50:10:50 300:10:90 50:60:90",
    "objective_recovery_seconds": "30",
}
SPIKE_ENDS_S, SLOW_S = 20, 20


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """A copy of the project with an account for each user of the soak."""
    made = copy_project(tmp_path_factory.mktemp("controls") / "project", stack, accounts=100)
    yield made
    assert made.processes() == []


def slow_while(flag: Path) -> Change:
    """Return the change that makes each answer a quarter of a second slower while a file is there."""
    return (
        "        return shed(environ, start_response) if is_late(environ)",
        "        import os\n"
        f"        time.sleep(0.25 * os.path.exists({str(flag)!r}))\n"
        "        return shed(environ, start_response) if is_late(environ)",
    )


@pytest.mark.parametrize("changes", [LEAKS, (slow_while(Path("slow")),)], ids=["leaks", "slow"])
def test_the_code_still_holds_what_a_control_takes_out(tmp_path: Path, changes: tuple[Change, ...]) -> None:
    copy_build(tmp_path / "build", *changes)


def urls_of(services: Services) -> list[str]:
    """Return the options that aim a run at these services."""
    return ["--auth-url", services.auth, "--books-url", services.books]


def read_scenario(out: Path) -> dict[str, Any]:
    """Return the only scenario of a run."""
    (scenario,) = read_summary(out)["scenarios"]
    return dict(scenario)


@IN_FULL
def test_a_service_that_leaks_fails_the_soak_which_names_the_process_and_the_slope(
    runner: Runner, stack: Stack, tmp_path: Path
) -> None:
    quick = (PROJECT / "scenarios" / "quick" / "soak.conf").read_text()
    (runner.folder / "scenarios" / "quick" / "soak.conf").write_text(quick)
    out = tmp_path / "results"
    with run_build(stack, tmp_path / "build", *LEAKS) as services:
        code, said = end_of(runner.start("--only", "soak", *urls_of(services), "--out", str(out)), 400)
    scenario = read_scenario(out)
    reasons = "; ".join(scenario["reasons"])
    assert (code, scenario["verdict"]) == (1, "FAIL"), said
    for leak in ("memory of books \\d+", "descriptors of books \\d+", "database connections of .+"):
        assert re.search(f"{leak} grew by [\\d,.]+ ?\\w* a minute", reasons), reasons


def run_spike(runner: Runner, stack: Stack, folder: Path, slow_s: float) -> tuple[dict[str, Any], int]:
    """Run a spike on services that stay slow for so long after it; return the scenario and the exit code."""
    flag, out = folder / "slow", folder / "results"
    runner.plan("spike", **SPIKE)
    with run_build(stack, folder / "build", slow_while(flag)) as services:
        run = runner.start("--only", "spike", *urls_of(services), "--out", str(out))
        wait_for(lambda: has_begun(out) or run.poll() is not None)
        timers = [threading.Timer(SPIKE_ENDS_S, flag.touch), threading.Timer(SPIKE_ENDS_S + slow_s, flag.unlink)]
        for timer in timers:
            timer.start()
        code, said = end_of(run)
        for timer in timers:
            timer.cancel()
    print(said)
    return read_scenario(out), code


def has_begun(out: Path) -> bool:
    """Whether the load has its first users."""
    history = out / "spike_stats_history.csv"
    return history.exists() and re.search(r",[1-9]\d*,,Aggregated", history.read_text()) is not None


@IN_FULL
def test_a_service_that_stays_slow_after_the_spike_is_given_the_seconds_it_took(
    runner: Runner, stack: Stack, tmp_path: Path
) -> None:
    scenario, _ = run_spike(runner, stack, tmp_path, SLOW_S)
    figures = {figure["name"]: figure["value"] for figure in scenario["figures"]}
    assert SLOW_S - 2 <= figures["normal again after"] <= SLOW_S + 8, scenario["reasons"]
    assert f"normal again {figures['normal again after']} s after the spike" in scenario["answer"]


@IN_FULL
def test_a_service_that_never_recovers_from_the_spike_fails(runner: Runner, stack: Stack, tmp_path: Path) -> None:
    scenario, code = run_spike(runner, stack, tmp_path, 600)
    assert (code, scenario["verdict"]) == (1, "FAIL"), scenario["reasons"]
    assert any("not normal again within 60 s" in reason for reason in scenario["reasons"]), scenario["reasons"]
