"""local_stack.sh in everyday use: up, status, env, reset and down, on a stack of this module's own."""

import io
import os
import shutil
import signal
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from dotenv import dotenv_values

from stack.ports import find_free_ports
from tests.support.clients import Client, register, sign_in
from tests.support.shelf import make_book
from tests.support.stacks import (
    PIDS,
    Stack,
    ask,
    choose_settings,
    is_alive,
    read_stack,
    run_local_stack,
    start_stack,
)

STORE_KEYS = ["DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "REDIS_URL"]
KEYS = ["AUTH_URL", "BOOKS_URL", *STORE_KEYS, "JWT_SECRET", "METRICS_TOKEN", *PIDS]
Settings = dict[str, str]


def kill(stack: Stack, *names: str) -> None:
    """End these processes of the stack at once, as a crash would."""
    for name in names:
        os.kill(int(stack[name]), signal.SIGKILL)


def read_commands() -> str:
    """Return the command lines of all processes on this machine, as ps would show them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


@pytest.fixture
def ours(own_settings: Settings) -> Stack:
    """This module's stack, up again if the test before left something dead."""
    return start_stack(own_settings)


def sign_in_anew(stack: Stack) -> Client:
    """Return a client of the books service, signed in with a new account."""
    return Client(stack["BOOKS_URL"], sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"])


def test_up_writes_every_key_to_a_file_that_only_its_owner_reads(own_settings: Settings, ours: Stack) -> None:
    folder = Path(own_settings["STACK_DIR"])
    assert list(ours) == KEYS
    assert all(ours.values())
    assert stat.S_IMODE((folder / "stack.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_env_prints_lines_that_a_shell_and_dotenv_read_alike(own_settings: Settings, ours: Stack) -> None:
    printed = ask("env", own_settings).stdout
    script = "set -a; . /dev/stdin; env"
    shell = subprocess.check_output(["env", "-i", "bash", "-c", script], input=printed, text=True)
    assert ours.items() <= dict(line.split("=", 1) for line in shell.splitlines()).items()
    assert dotenv_values(stream=io.StringIO(printed), interpolate=False) == ours


def test_up_again_leaves_what_runs_alone(own_settings: Settings, ours: Stack) -> None:
    assert start_stack(own_settings) == ours


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [("AUTH_PORT", "", ""), ("BOOKS_PORT", "", ""), ("BOOKS_WORKERS", "3", "4"), ("READ_MODEL", "sql", "redis")],
)
def test_up_with_other_settings_than_those_that_run_is_refused_by_name_and_changes_nothing(
    own_settings: Settings, ours: Stack, name: str, value: str, usual: str
) -> None:
    value, usual = value or str(find_free_ports(1)[0]), usual or own_settings.get(name, "")
    ran = ask("up", {**own_settings, name: value})
    assert (ran.returncode, ran.stderr.count("\n"), ran.stdout) == (3, 1, ""), ran.stderr
    for words in (
        f"the stack in {own_settings['STACK_DIR']} runs with {name}={usual} (",
        f"auth: pid {ours['AUTH_PID']}, port {own_settings['AUTH_PORT']}",
        f"books: pid {ours['BOOKS_PID']}, port {own_settings['BOOKS_PORT']}",
        f"asked was {name}={value}: ./local_stack.sh down, then up, changes it",
    ):
        assert words in ran.stderr, ran.stderr
    assert start_stack(own_settings) == ours


def test_two_calls_of_up_at_once_start_one_stack(own_settings: Settings, ours: Stack) -> None:
    kill(ours, *PIDS)
    with ThreadPoolExecutor(2) as threads:
        assert [ran.returncode for ran in threads.map(lambda _: ask("up", own_settings), range(2))] == [0, 0]
    status = ask("status", own_settings).stdout
    again = read_stack(Path(own_settings["STACK_DIR"]) / "stack.env")
    assert all(f"pid {again[name]}, " in status for name in PIDS)


def test_a_killed_service_and_killed_stores_are_started_again_with_their_data(
    own_settings: Settings, ours: Stack
) -> None:
    reader = register(ours["AUTH_URL"])
    kill(ours, "BOOKS_PID", "DB_PID", "REDIS_PID")
    again = start_stack(own_settings)
    changed = {name for name in KEYS if again[name] != ours[name]}
    assert changed == {"BOOKS_PID", "DB_PID", "REDIS_PID"}
    assert sign_in(again["AUTH_URL"], reader)["token_type"] == "Bearer"


def test_the_program_that_redis_server_names_is_the_redis_of_the_stack(
    own_settings: Settings, ours: Stack, tmp_path: Path
) -> None:
    program = tmp_path / "another redis"
    shutil.copy(f"/proc/{ours['REDIS_PID']}/exe", program)
    kill(ours, "REDIS_PID")
    again = start_stack({**own_settings, "REDIS_SERVER": str(program)})
    assert Path(f"/proc/{again['REDIS_PID']}/exe").readlink() == program
    assert requests.get(f"{again['AUTH_URL']}/ready", timeout=5).status_code == 200


def test_frozen_workers_of_a_killed_master_do_not_keep_its_port(own_settings: Settings, ours: Stack) -> None:
    workers = Path(f"/proc/{ours['BOOKS_PID']}/task/{ours['BOOKS_PID']}/children").read_text().split()
    assert workers
    for worker in workers:
        os.kill(int(worker), signal.SIGSTOP)
    kill(ours, "BOOKS_PID")
    again = start_stack(own_settings)
    assert requests.get(f"{again['BOOKS_URL']}/ready", timeout=5).status_code == 200
    assert not [worker for worker in workers if is_alive(worker)]


def test_status_tells_what_runs_and_what_does_not(own_settings: Settings, ours: Stack) -> None:
    running = ask("status", own_settings)
    assert running.returncode == 0
    for name, key in zip(("mariadb", "redis", "auth", "books"), PIDS, strict=True):
        assert f"{name}: running, pid {ours[key]}, port " in running.stdout
    assert running.stdout.count('/ready {"database":"ok","redis":"ok"') == 2
    kill(ours, "REDIS_PID")
    broken = ask("status", own_settings)
    assert broken.returncode == 1
    assert "redis: stopped" in broken.stdout
    assert '"redis": "down"' in broken.stdout or '"redis":"down"' in broken.stdout


def test_no_password_stands_in_the_process_list(own_settings: Settings, ours: Stack) -> None:
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(read_commands())

    kill(ours, *PIDS)
    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        try:
            run_local_stack("up", own_settings)
            run_local_stack("reset", own_settings)
        finally:
            done.set()
        watching.result()
    passwords = [ours[name] for name in ("DB_PASSWORD", "JWT_SECRET", "METRICS_TOKEN")]
    passwords.append(ours["REDIS_URL"].split(":")[2].split("@")[0])
    assert len(seen) > 20
    assert any("mariadbd" in commands for commands in seen)
    assert not [password for password in passwords if any(password in commands for commands in seen)]


def test_reset_restores_the_first_data_and_ends_sessions_while_services_go_on(
    own_settings: Settings, ours: Stack
) -> None:
    books = sign_in_anew(ours)
    first = books.get("/api/books?limit=1").json()["items"][0]
    total = books.get("/api/books").json()["total"]
    assert books.patch(f"/api/books/{first['isbn']}", json={"title": "Changed by a test"}).status_code == 200
    assert books.post("/api/books", json=make_book()).status_code == 201
    run_local_stack("reset", own_settings)
    assert books.get("/api/books").status_code == 401
    anew = sign_in_anew(ours)
    assert anew.get(f"/api/books/{first['isbn']}", headers={"Cache-Control": "no-cache"}).json() == first
    assert anew.get("/api/books").json()["total"] == total
    assert start_stack(own_settings) == ours


def test_two_stacks_run_side_by_side_and_down_ends_one_and_nothing_else(ours: Stack, tmp_path: Path) -> None:
    settings = choose_settings(tmp_path / "other stack")
    foreign = subprocess.Popen(["sleep", "300"], env={**os.environ, "STACK_DIR": settings["STACK_DIR"]})
    try:
        other = start_stack(settings)
        books = sign_in_anew(other)
        assert books.get("/api/books").status_code == 200
        assert Client(ours["BOOKS_URL"], str(books.headers["Authorization"])[7:]).get("/api/books").status_code == 401
        book = make_book()
        assert books.post("/api/books", json=book).status_code == 201
        run_local_stack("down", settings)
        assert not [name for name in PIDS if is_alive(other[name])]
        assert all(is_alive(ours[name]) for name in PIDS)
        assert foreign.poll() is None
        assert not (tmp_path / "other stack" / "stack.env").exists()
        run_local_stack("down", settings)
        assert sign_in_anew(start_stack(settings)).get(f"/api/books/{book['isbn']}").status_code == 200
    finally:
        run_local_stack("down", settings)
        foreign.kill()
        foreign.wait()
