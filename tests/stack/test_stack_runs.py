"""A stack serves one run at a time, nobody changes it meanwhile, and a run stops only what it has started."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from stack.ports import find_free_ports
from tests.support.beside import repeat_beside
from tests.support.runs import Runner, copy_project, end_of, wait_for
from tests.support.stacks import PIDS, PROJECT, Stack, ask, find_folder, is_alive, start_stack

# Keeps a stack as run_all_tests.sh does, then does what its arguments say.
KEEP = """
set -Eeuo pipefail
refuse() { echo "$1" >&2; exit 3; }
STACK=$STACK_DIR
. ./stack/run_lock.sh
hold_stack "$AUTH_PORT and $BOOKS_PORT" results
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """A copy of the project."""
    made = copy_project(tmp_path_factory.mktemp("runs") / "project", stack)
    made.plan("smoke", run_time="60s")
    yield made
    assert made.processes() == []


@pytest.fixture
def folder(stack: Stack) -> Path:
    """The folder of the stack."""
    return find_folder(stack)


def refused(runner: Runner, *options: str, **settings: str) -> str:
    """The only line of a run that is refused with 3 and leaves nothing behind."""
    code, said = runner.run("--only", "smoke", *options, **settings)
    assert (code, said.count("\n")) == (3, 1), said
    assert runner.results() == []
    return said


def settings_of(stack: Stack, folder: Path) -> dict[str, str]:
    """The environment that leads the scripts to this stack."""
    ports = {f"{name}_PORT": stack[f"{name}_URL"].rpartition(":")[2] for name in ("AUTH", "BOOKS")}
    return {"STACK_DIR": str(folder), **ports}


@pytest.fixture
def start_run() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts a run and waits for its load; what still runs of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(runner: Runner, out: Path, settings: dict[str, str]) -> subprocess.Popen[str]:
        process = runner.start("--only", "smoke", "--out", str(out), **settings)
        started.append(process)
        wait_for(lambda: (out / "smoke_stats.csv").exists() or process.poll() is not None)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            end_of(process)


def test_a_run_keeps_its_stack_from_other_runs_and_from_down_and_reset_and_tells_at_once_what_ctrl_c_does(
    runner: Runner,
    stack: Stack,
    folder: Path,
    tmp_path: Path,
    start_run: Callable[..., subprocess.Popen[str]],
) -> None:
    settings, out = settings_of(stack, folder), tmp_path / "results"
    process = start_run(runner, out, settings)
    ports = f"{settings['AUTH_PORT']} and {settings['BOOKS_PORT']}"
    words = re.escape(f"the stack in {folder}, on ports {ports}, is in use by a run since ") + r"\d\d:\d\d:\d\d "
    words += re.escape(f"(pid {process.pid}, results in {out}): wait for its end, or end it with: kill {process.pid}\n")
    free = dict(zip(("AUTH_PORT", "BOOKS_PORT"), map(str, find_free_ports(2)), strict=True))
    by_name = [url.replace("127.0.0.1", "localhost") for url in runner.urls]
    for options, others in (([], {}), ([], free), (by_name, {})):
        assert re.search(words, refused(runner, *options, **settings | others))
    for command in ("down", "reset"):
        ran = ask(command, settings)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert re.search(words, ran.stderr)
    assert requests.get(f"{stack['BOOKS_URL']}/ready", timeout=5).status_code == 200
    assert process.stdout
    said = []
    os.killpg(process.pid, signal.SIGINT)
    asked = time.monotonic()
    for line in process.stdout:
        said.append(line)
        if "interrupted while loading (smoke); ending in order" in line:
            break
    assert time.monotonic() - asked < 2, said
    code, rest = end_of(process)
    assert code == 130, rest
    assert re.search(r"run_all_tests.sh: reading back and removing the books of smoke", rest)
    assert rest.endswith(f"Report: {out}/report.html\n")
    assert all(is_alive(stack[name]) for name in PIDS)
    assert ask("status", settings).returncode == 0


def test_a_run_on_other_ports_than_those_of_a_running_stack_is_refused_and_leaves_that_stack_alone(
    runner: Runner, stack: Stack, folder: Path
) -> None:
    free = dict(zip(("AUTH_PORT", "BOOKS_PORT"), map(str, find_free_ports(2)), strict=True))
    said = refused(runner, STACK_DIR=str(folder), **free)
    port = settings_of(stack, folder)["AUTH_PORT"]
    assert said.startswith(f"local_stack.sh: the stack in {folder} runs with AUTH_PORT={port} "), said
    assert all(is_alive(stack[name]) for name in PIDS)


def test_services_under_load_from_elsewhere_are_refused(runner: Runner, stack: Stack) -> None:
    def ask_for_books() -> None:
        requests.get(f"{stack['BOOKS_URL']}/api/books", timeout=5)

    with repeat_beside(ask_for_books):
        said = refused(runner, *runner.urls)
    assert re.search(rf"{stack['BOOKS_URL']} is under load from elsewhere: it answered \d+ requests within 1 s", said)


def keep(settings: dict[str, str], steps: str) -> subprocess.Popen[str]:
    """Keep a stack, as a run does, while some shell commands run."""
    environment = {**os.environ, **settings}
    return subprocess.Popen(
        ["bash", "-c", KEEP + steps], cwd=PROJECT, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def test_a_run_stops_what_it_had_to_start_and_leaves_what_ran_before(own_settings: dict[str, str]) -> None:
    before = start_stack(own_settings)
    for name in ("AUTH_PID", "BOOKS_PID"):
        os.kill(int(before[name]), signal.SIGKILL)
    code, said = end_of(keep(own_settings, "./local_stack.sh up; ./local_stack.sh down; ./local_stack.sh status"))
    assert code == 1, said
    assert [line for line in said.splitlines() if line.endswith(": stopped")] == [
        *("books: stopped", "auth: stopped"),  # by down
        *("auth: stopped", "books: stopped"),  # as status tells
    ]
    assert is_alive(before["DB_PID"]) and is_alive(before["REDIS_PID"])


def test_a_load_whose_run_was_killed_keeps_the_stack_and_is_named(tmp_path: Path) -> None:
    settings = {"STACK_DIR": str(tmp_path / "stack"), "AUTH_PORT": "1", "BOOKS_PORT": "2"}
    with keep(settings, "sleep 60 >/dev/null & echo $!; wait") as run:
        assert run.stdout
        load = run.stdout.readline().strip()
        run.kill()
    try:
        ran = ask("down", settings)
        assert (ran.returncode, ran.stderr.count("\n")) == (3, 1)
        assert f"(pid {load}, results in results): wait for its end, or end it with: kill {load}\n" in ran.stderr
    finally:
        os.kill(int(load), signal.SIGKILL)
    wait_for(lambda: not is_alive(load), 10)
    assert ask("down", settings).returncode == 0
