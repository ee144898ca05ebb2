"""Real runs of run_all_tests.sh, in a copy of the project whose scenario files ask for a few seconds only."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from stack.ports import find_free_ports
from tests.support.runs import (
    Runner,
    copy_project,
    end_of,
    find_locust,
    find_unlisted,
    is_loaded,
    read_summary,
    wait_for,
)
from tests.support.stacks import start_stack

LEFT_BEHIND = """
from locust import LoadTestShape

class LeftBehind(LoadTestShape):
    def tick(self):
        return (40, 20) if self.get_run_time() < 8 else None
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, own_settings: dict[str, str]) -> Iterator[Runner]:
    """A copy of the project, and services whose catalogue no other test has added to."""
    made = copy_project(tmp_path_factory.mktemp("runs") / "project", start_stack(own_settings))
    yield made
    assert made.processes() == []


@contextlib.contextmanager
def serve_files(folder: Path) -> Iterator[str]:
    """Something that speaks HTTP and is neither of the services; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_run_without_a_fault_passes_and_leaves_every_file_and_no_secret(runner: Runner, tmp_path: Path) -> None:
    runner.plan("smoke")
    out = tmp_path / "results"
    code, said = runner.run("--only", "smoke", *runner.urls, "--out", str(out))
    assert code == 0, said
    assert re.search(r"\[1/1\] smoke  0:0\d of 0:06  \d+ users  \d+\.\d req/s  0 failures", said), said
    assert said.endswith(f"Verdict of the run: PASS\nReport: {out}/report.html\n")
    ends = (".html", "_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv", ".log")
    assert {f"smoke{end}" for end in ends} | {"run.json", "summary.json"} <= {path.name for path in out.iterdir()}
    assert find_unlisted(out) == []
    summary = read_summary(out)
    assert (summary["run"], summary["profile"], summary["complete"]) == ("results", "quick", True)
    (scenario,) = summary["scenarios"]
    assert scenario["question"] == "Does the runner do its work?"
    assert scenario["planned"]["users"] == scenario["achieved"]["users"] == 20
    run = json.loads((out / "run.json").read_text())
    assert run["services"]["auth"]["settings"]["bcrypt_rounds"] == "4"
    assert run["target_is_this_machine"] is True
    users = (runner.folder / "users.csv").read_text().splitlines()[1:]
    secrets = [
        runner.stack["METRICS_TOKEN"],
        runner.stack["JWT_SECRET"],
        "eyJ",
        *(line.split(",")[2] for line in users),
    ]
    written = "".join(path.read_text() for path in out.iterdir())
    assert not [secret for secret in secrets if secret in written]


def test_a_scenario_file_of_ones_own_wins_its_missed_objective_ends_with_1_and_addresses_of_the_environment_win(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("baseline")
    (own := runner.folder / "my scenarios").mkdir()
    text = (runner.folder / "scenarios" / "quick" / "baseline.conf").read_text()
    for old, new in (("users = 20", "users = 15"), ("the runner", "mine"), ("p95-ms = 9000", "p95-ms = 0.1")):
        assert old in text
        text = text.replace(old, new)
    (own / "baseline.conf").write_text(text)
    urls = {key: runner.stack[key] for key in ("AUTH_URL", "BOOKS_URL")}
    out = tmp_path / "results"
    where = ("--scenarios", own.name, "--host", "192.0.2.1", "--out", str(out))
    code, said = runner.run("--only", "baseline", *where, **urls)
    assert code == 1, said
    (scenario,) = read_summary(out)["scenarios"]
    assert scenario["question"] == "Does mine do its work?"
    assert scenario["planned"]["users"] == scenario["achieved"]["users"] == 15
    assert re.search(r"p95 .* ms \(objective 0.1 ms", "; ".join(scenario["reasons"])), scenario["reasons"]
    assert json.loads((out / "run.json").read_text())["services"]["auth"]["url"] == urls["AUTH_URL"]
    assert f"These scenario files are not those of the project: {own}/baseline.conf." in (
        out / "summary.md"
    ).read_text().replace("\\", "")


def test_a_shape_left_in_the_main_locustfile_makes_the_run_invalid_and_its_users_are_named(
    runner: Runner, tmp_path: Path
) -> None:
    main_file = runner.folder / "locustfile.py"
    whole = main_file.read_text()
    main_file.write_text(whole + LEFT_BEHIND)
    try:
        runner.plan("smoke", users="5", spawn_rate="5", run_time="8s")
        code, said = runner.run("--only", "smoke", *runner.urls, "--out", str(tmp_path / "results"))
    finally:
        main_file.write_text(whole)
    assert code == 2, said
    assert "The load had 40 users (5 were planned" in said
    assert read_summary(tmp_path / "results")["scenarios"][0]["verdict"] == "INVALID"


def test_a_scenario_that_crashes_is_invalid_the_next_one_runs_and_the_run_ends_with_3(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("smoke", run_time="60s")
    runner.plan("read_heavy", locustfile="locustfile.py")
    out = tmp_path / "results"
    ports = {f"{name}_PORT": runner.stack[f"{name}_URL"].rpartition(":")[2] for name in ("AUTH", "BOOKS")}
    process = runner.start("--only", "read_heavy,smoke", "--out", str(out), **ports)
    wait_for(lambda: is_loaded(out, "smoke"))
    (pid,) = find_locust(out, "smoke")
    os.kill(pid, signal.SIGKILL)
    code, said = end_of(process)
    assert code == 3, said
    assert "scenario smoke crashed (exit code 137)" in said
    summary = read_summary(out)
    assert [(s["name"], s["verdict"]) for s in summary["scenarios"]] == [("smoke", "INVALID"), ("read_heavy", "PASS")]
    assert "killed by signal 9" in summary["scenarios"][0]["reasons"][0]
    assert summary["complete"] is False
    assert runner.processes() == []


def test_ctrl_c_keeps_what_there_is_and_takes_down_the_local_stack_that_the_run_had_started(
    runner: Runner, tmp_path: Path
) -> None:
    runner.plan("smoke", run_time="60s")
    auth_port, books_port = map(str, find_free_ports(2))
    settings = {"AUTH_PORT": auth_port, "BOOKS_PORT": books_port, "STACK_DIR": str(tmp_path / "stack")}
    out = tmp_path / "results"
    process = runner.start("--only", "smoke,baseline", "--out", str(out), BCRYPT_ROUNDS="4", **settings)
    wait_for(lambda: is_loaded(out, "smoke") or process.poll() is not None, seconds=150)
    os.killpg(process.pid, signal.SIGINT)
    code, said = end_of(process, seconds=40)  # the load would go on for longer
    assert code == 130, said
    summary = read_summary(out)
    assert summary["complete"] is False
    assert [(s["name"], s["verdict"]) for s in summary["scenarios"]] == [
        ("smoke", "INVALID"),
        ("baseline", "INCONCLUSIVE"),
    ]
    assert (out / "smoke.html").exists() and "was interrupted" in said
    assert runner.processes() == [], said


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_termination_of_a_runner_in_the_background_ends_its_locust_too(
    runner: Runner, tmp_path: Path, is_heard: bool
) -> None:
    runner.plan("smoke", run_time="60s")
    out = tmp_path / "results"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a script has it for what it starts with `&`
    process = runner.start("--only", "smoke", *runner.urls, "--out", str(out))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wait_for(lambda: is_loaded(out, "smoke"))
    if process.stdout and not is_heard:  # as when Ctrl-C has ended the `tee` that it wrote to
        process.stdout.close()
    process.terminate()
    code, said = end_of(process, seconds=30)  # the load would go on for longer
    assert (code, read_summary(out)["complete"]) == (130, False), said
    assert runner.processes() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bogus"], "unknown option --bogus"),
        (["--only", "soak", "--scenarios", "backend"], "has none of soak.conf; copy one from scenarios/"),
        (["--scenarios", "."], "locust.conf is no file of a scenario; there are smoke, baseline"),
        (["smoke"], "unknown option smoke"),
        (["--only", "smoke,everything"], "unknown scenario 'everything'; there are smoke baseline"),
        (["--only"], "--only needs a value"),
        (["--host", "--quick"], "--host needs a value"),
        (["--host", "a", "--auth-url", "http://a"], "exclude each other"),
        (["--books-url", "http://a", "--auth-url", "http://a", "--host", "a"], "exclude each other"),
        (["--auth-url", "http://127.0.0.1:9"], "give --books-url too"),
        (["--auth-url", "ftp://a", "--books-url", "http://a"], "the address of the auth service, 'ftp://a'"),
        (["--host", "http://a:5000/x"], "must be a name or an address"),
        (["--processes", "none"], "--processes none: it must be a number"),
        (["--out", "scenarios"], "exists and is not an empty folder"),
        (["--out", "README"], "exists and is not an empty folder"),
        (["--out", "no/such/folder"], "there is no folder"),
    ],
)
def test_wrong_use_is_refused_in_one_line_with_64(runner: Runner, options: list[str], words: str) -> None:
    (runner.folder / "README").touch()
    code, said = runner.run(*options)
    assert (code, said.count("\n")) == (64, 1), said
    assert words in said
    assert runner.results() == []


def test_a_relative_stack_folder_lies_where_the_run_was_called(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").touch()
    ports = dict(zip(("AUTH_PORT", "BOOKS_PORT"), map(str, find_free_ports(2)), strict=True))
    code, said = end_of(runner.start_from(tmp_path, "--only", "smoke", STACK_DIR="mine", **ports))
    assert (code, f"{tmp_path}/mine holds other files: set STACK_DIR to a new folder" in said) == (3, True), said


def test_help_prints_the_usage(runner: Runner) -> None:
    code, said = runner.run("--help")
    assert code == 0
    assert "Usage: ./run_all_tests.sh [--quick|--full]" in said and "set -E" not in said


def refused(runner: Runner, *options: str, **settings: str) -> str:
    """The only line of a run that is refused with 3 and leaves nothing behind."""
    code, said = runner.run(*options, **settings)
    assert (code, said.count("\n")) == (3, 1), said
    assert runner.results() == []
    return said


def test_a_host_that_does_not_answer_is_refused_before_any_load(runner: Runner) -> None:
    (port,) = find_free_ports(1)
    url = f"http://127.0.0.1:{port}"
    said = refused(runner, "--auth-url", url, "--books-url", runner.stack["BOOKS_URL"])
    assert f"{url} should be the auth service, but nothing answers there" in said


def test_a_host_that_is_something_else_is_refused_before_any_load(runner: Runner, tmp_path: Path) -> None:
    with serve_files(tmp_path) as url:
        said = refused(runner, "--auth-url", runner.stack["AUTH_URL"], "--books-url", url)
    assert f"{url} should be the books service, but something else (status 404, server 'SimpleHTTP" in said


def test_services_that_were_mixed_up_are_refused(runner: Runner) -> None:
    said = refused(runner, "--auth-url", runner.stack["BOOKS_URL"], "--books-url", runner.stack["AUTH_URL"])
    assert "should be the auth service, but the books service answers there" in said


def test_a_port_that_something_else_has_taken_is_named(runner: Runner, tmp_path: Path) -> None:
    (free,) = find_free_ports(1)
    with serve_files(tmp_path) as url:
        port = url.rpartition(":")[2]
        said = refused(runner, AUTH_PORT=str(free), BOOKS_PORT=port)
    assert "something else (status 404, server 'SimpleHTTP" in said
    assert f"free port {port}, set BOOKS_PORT" in said


def test_a_refused_metrics_token_is_named_with_the_line_to_add(runner: Runner) -> None:
    said = refused(runner, *runner.urls, METRICS_TOKEN="not-the-one")
    assert f"{runner.stack['AUTH_URL']}/metrics does not accept" in said
    assert "add this line to .env: METRICS_TOKEN=" in said
    assert "not-the-one" not in said


def test_a_place_where_no_folder_can_be_made_is_refused(runner: Runner) -> None:
    assert "cannot make /proc/results" in refused(runner, *runner.urls, "--out", "/proc/results")


def test_a_scenario_file_that_is_wrong_is_refused_before_any_load(runner: Runner) -> None:
    runner.plan("soak", users="many")
    said = refused(runner, "--only", "soak", *runner.urls)
    assert "scenarios/quick/soak.conf: users = many is no number" in said


def test_accounts_that_others_can_read_are_refused_before_any_load(runner: Runner) -> None:
    (runner.folder / "users.csv").chmod(0o644)
    try:
        assert "chmod 600" in runner.run("--only", "smoke", *runner.urls)[1]
        assert runner.results() == []
    finally:
        (runner.folder / "users.csv").chmod(0o600)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bind", "10.0.0.1"], "--bind is for --machines N"),
        (["--machines", "0"], "--machines 0: it must be a number from 1 to 99"),
        (["--machines"], "--machines needs a value"),
        (["--machines", "2"], "the other machines do not reach http://127.0.0.1:"),
    ],
)
def test_options_for_other_machines_that_cannot_be_are_refused(runner: Runner, options: list[str], words: str) -> None:
    code, said = runner.run("--only", "smoke", *runner.urls, *options)
    assert (code, said.count("\n")) == (64, 1) and words in said, said
    assert runner.results() == []
