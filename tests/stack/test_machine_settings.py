"""What this machine has set for Locust, Gunicorn, Python and MariaDB changes neither a run nor the local stack."""

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.books_services import list_workers
from tests.support.runs import Runner, copy_project, read_summary
from tests.support.stacks import PROJECT, Stack, choose_settings, run_local_stack, start_stack

FOR_LOCUST = {
    "LOCUST_USERS": "3",
    "LOCUST_SPAWN_RATE": "1",
    "LOCUST_RUN_TIME": "2s",
    "LOCUST_LOCUSTFILE": "nowhere.py",
    "LOCUST_USER_CLASSES": "Nobody",
    "LOCUST_EXPECT_WORKERS": "2",
    "LOCUST_PROCESSES": "2",
    "LOCUST_SKIP_MONKEY_PATCH": "1",
    "GEVENT_LOOP": "nowhere",
}
FOR_GUNICORN = {
    "GUNICORN_CMD_ARGS": "--worker-class sync --workers 1 --threads 1",
    "WEB_CONCURRENCY": "many",
    "SCRIPT_NAME": "/elsewhere",
    "PORT": "1",
}
FOR_MARIADB = {
    "MYSQL_PWD": "wrong",
    "MYSQL_HOST": "192.0.2.1",
    "MYSQL_TCP_PORT": "1",
    "MYSQL_UNIX_PORT": "/nowhere",
    "MYSQL_HOME": "/nowhere",
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, own_settings: dict[str, str]) -> Runner:
    """A copy of the project, in a folder whose name a search path knows in another place too."""
    made = copy_project(tmp_path_factory.mktemp("runs") / "project", start_stack(own_settings))
    made.plan("smoke")
    return made


@pytest.fixture
def for_python(tmp_path: Path) -> dict[str, str]:
    """Variables of Python and of the shell that lead to other code; the modules there do not load."""
    for name in ("locust", "requests", "flask", "gunicorn"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is another module')\n")
    (tmp_path / "project").mkdir()
    shell = {"CDPATH": str(tmp_path), "POSIXLY_CORRECT": "1"}
    return {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1", "PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2"} | shell


def count_users(out: Path) -> int:
    """The most users that Locust's history file shows."""
    with open(out / "smoke_stats_history.csv", encoding="utf-8") as file:
        return max(int(row["User Count"]) for row in csv.DictReader(file))


def test_nothing_that_is_set_for_locust_python_the_shell_or_a_proxy_changes_a_run(
    runner: Runner, tmp_path: Path, for_python: dict[str, str]
) -> None:
    (tmp_path / ".locust.conf").write_text("users = 1\nprocesses = 2\ntags = none\n")
    proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY")}
    out = tmp_path / "results"
    code, said = runner.run(
        *("--only", "smoke", *runner.urls, "--out", str(out)),
        **(FOR_LOCUST | for_python | proxies | {"HOME": str(tmp_path), "LC_ALL": "de_DE.UTF-8"}),
    )
    assert code == 0, said
    (scenario,) = read_summary(out)["scenarios"]
    assert count_users(out) == scenario["achieved"]["users"] == 20
    assert scenario["achieved"]["seconds"] == pytest.approx(6, abs=1)


def test_a_script_called_from_beside_its_folder_finds_it_in_spite_of_cdpath(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / runner.folder.name).mkdir()
    ran = subprocess.run(
        ["bash", f"{runner.folder.name}/run_all_tests.sh", "--bogus"],
        cwd=runner.folder.parent,
        env={"PATH": "/usr/bin:/bin", "CDPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (ran.returncode, ran.stdout) == (64, "")
    assert "unknown option --bogus" in ran.stderr


@pytest.fixture
def hostile_stack(tmp_path: Path, for_python: dict[str, str]) -> Iterator[Stack]:
    """A stack that was started where everything is set for its programs."""
    chosen = choose_settings(tmp_path / "stack", AUTH_WORKERS="1", BOOKS_WORKERS="2")
    try:
        yield start_stack(chosen | FOR_GUNICORN | FOR_MARIADB | for_python | {"FLASK_DEBUG": "1", "TMPDIR": "/nowhere"})
    finally:
        run_local_stack("down", chosen)


def test_the_local_stack_has_the_worker_class_workers_and_routes_of_the_project(
    hostile_stack: Stack, tmp_path: Path
) -> None:
    for name, workers in (("auth", 1), ("books", 2)):
        assert "Using worker: backend.server.worker.Worker" in (tmp_path / "stack" / f"{name}.log").read_text()
        assert len(list_workers(int(hostile_stack[f"{name.upper()}_PID"]))) == workers
        assert requests.get(f"{hostile_stack[f'{name.upper()}_URL']}/health", timeout=5).status_code == 200


def test_no_process_of_the_local_stack_gets_a_variable_that_is_not_for_it(hostile_stack: Stack) -> None:
    foreign = {*FOR_GUNICORN, *FOR_MARIADB, "FLASK_DEBUG", "PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE"}
    for name in ("DB_PID", "AUTH_PID", "BOOKS_PID"):  # Redis writes its title over its environment
        text = Path(f"/proc/{hostile_stack[name]}/environ").read_text()
        given = {line.partition("=")[0] for line in text.split("\0")}
        assert "STACK_DIR" in given
        assert not foreign & given
    settings = (PROJECT / ".env.example").read_text().splitlines()
    assert {line.partition("=")[0] for line in settings if line[:1].isalpha()} <= given
