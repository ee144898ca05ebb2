"""The scripts that make, register and sign in accounts: the good way, and each wrong input."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from stack.ports import find_free_ports
from tests.support.books_services import list_workers, run_books_service
from tests.support.clients import check_problem
from tests.support.scripts import choose_environment, find_script, run_script
from tests.support.short_form import pair_up
from tests.support.stacks import PROJECT, Stack

HEADER = "username,email,password"
GOOD = "reader_1,reader_1@example.com,long-enough"
GOES_ON = "the same command goes on where it stopped: the accounts that are registered stay"


def read_users(folder: Path) -> list[dict[str, str]]:
    """Return the lines of users.csv."""
    with open(folder / "users.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def mode_of(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def make_users(folder: Path, count: int) -> list[dict[str, str]]:
    """Make users.csv and return its lines."""
    assert run_script("create_users_csv.py", "--count", str(count), folder=folder).returncode == 0
    return read_users(folder)


def register_users(folder: Path, stack: Stack, count: int) -> list[dict[str, str]]:
    """Make and register accounts and return them."""
    users = make_users(folder, count)
    assert run_script("register_users.py", folder=folder, stack=stack).returncode == 0
    return users


def read_kept(folder: Path, stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the kept sessions of the stack by username."""
    return dict(json.loads((folder / "sessions.json").read_text())[stack["AUTH_URL"]])


def change_kept(folder: Path, stack: Stack, **fields: Any) -> None:
    """Change fields of every kept session."""
    path = folder / "sessions.json"
    kept = json.loads(path.read_text())
    for session in kept[stack["AUTH_URL"]].values():
        session.update(fields)
    path.write_text(json.dumps(kept))


def count_logins(stack: Stack) -> int:
    """Return how many successful log-ins the auth service has counted."""
    token = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}
    text = requests.get(f"{stack['AUTH_URL']}/metrics", headers=token, timeout=10).text
    found = re.search(r'_count\{method="POST",route="/login",status="200"\} ([0-9.]+)', text)
    return int(float(found[1])) if found else 0


def who_is(stack: Stack, session: dict[str, Any]) -> requests.Response:
    """Return the answer of GET /me to a kept session."""
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    return requests.get(f"{stack['AUTH_URL']}/me", headers=headers, timeout=10)


# create_users_csv.py


def test_it_makes_300_private_accounts_that_are_all_different(tmp_path: Path) -> None:
    ran = run_script("create_users_csv.py", folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    users = read_users(tmp_path)
    assert (tmp_path / "users.csv").read_text().splitlines()[0] == HEADER
    assert len(users) == 300
    assert mode_of(tmp_path / "users.csv") == 0o600
    for field in HEADER.split(","):
        assert len({user[field] for user in users}) == 300
    assert all(len(user["password"]) >= 20 for user in users)


def test_two_files_have_nothing_in_common(tmp_path: Path) -> None:
    first = make_users(tmp_path, 20)
    (tmp_path / "users.csv").unlink()
    second = make_users(tmp_path, 20)
    assert not {value for user in first for value in user.values()} & {
        value for user in second for value in user.values()
    }


def test_a_file_that_is_there_is_replaced_only_with_force(tmp_path: Path) -> None:
    before = make_users(tmp_path, 3)
    refused = run_script("create_users_csv.py", folder=tmp_path)
    assert refused.returncode == 64
    assert "users.csv" in refused.stderr and "--force" in refused.stderr
    assert read_users(tmp_path) == before
    assert run_script("create_users_csv.py", "--force", "--count", "4", folder=tmp_path).returncode == 0
    assert len(read_users(tmp_path)) == 4
    assert mode_of(tmp_path / "users.csv") == 0o600


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "100001", ""])
def test_a_wrong_count_makes_no_file(tmp_path: Path, count: str) -> None:
    ran = run_script("create_users_csv.py", f"--count={count}", folder=tmp_path)
    assert ran.returncode == 64
    assert "--count" in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["nowhere/users.csv", "/proc/users.csv"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, out: str) -> None:
    ran = run_script("create_users_csv.py", "--out", out, folder=tmp_path)
    assert ran.returncode == 1
    assert out in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


# register_users.py


def test_accounts_are_registered_once_and_can_log_in(tmp_path: Path, stack: Stack) -> None:
    users = make_users(tmp_path, 12)
    first = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert (first.returncode, first.stdout) == (0, "12 registered, 0 there already, 0 failed\n")
    again = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert (again.returncode, again.stdout) == (0, "0 registered, 12 there already, 0 failed\n")
    body = {"username": users[-1]["username"], "password": users[-1]["password"]}
    assert requests.post(f"{stack['AUTH_URL']}/login", json=body, timeout=10).status_code == 200


def test_progress_is_plain_lines_when_nobody_sees_a_terminal(tmp_path: Path, stack: Stack) -> None:
    make_users(tmp_path, 20)
    ran = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert "registering: 10 of 20\n" in ran.stderr
    assert "\x1b" not in ran.stderr + ran.stdout


WRONG_FILES = [
    ("", ["no accounts"]),
    (f"{HEADER}\n", ["no accounts"]),
    (f"name,email,password\n{GOOD}\n", ["line 1", HEADER]),
    (f"{GOOD}\n", ["line 1", HEADER]),
    (f"{HEADER}\n{GOOD}\nreader_2,reader_2@example.com\n", ["line 3", "2 fields"]),
    (f"{HEADER}\n{GOOD},more\n", ["line 2", "4 fields"]),
    ("\n\n", ["no accounts"]),
    (f"\n{GOOD}\n", ["line 2", HEADER]),
    (f"{HEADER}\n{GOOD}\n\n \nreader_2,reader_2@example.com\n", ["line 5", "2 fields"]),
    (f"{HEADER}\n{GOOD}\n,,\n", ["line 3", "username"]),
    (f"{HEADER}\nab,ab@example.com,long-enough\n", ["line 2", "username"]),
    (f"{HEADER}\nread er,r@example.com,long-enough\n", ["line 2", "username"]),
    (f"{HEADER}\nreader_1,nobody,long-enough\n", ["line 2", "email"]),
    (f"{HEADER}\nreader_1,r@example.com,short\n", ["line 2", "password", "8"]),
    (f"{HEADER}\nreader_1,r@example.com,{'é' * 37}\n", ["line 2", "password", "72"]),
    (f"{HEADER}\n{GOOD}\nREADER_1,other@example.com,long-enough\n", ["line 3", "username", "line 2"]),
    (f"{HEADER}\n{GOOD}\nreader_2,Reader_1@example.com,long-enough\n", ["line 3", "email", "line 2"]),
    (f'{HEADER}\n{GOOD}\n"reader_2,r@example.com,long-enough\n', ["line 3"]),
]


@pytest.mark.parametrize(
    ("script", "text", "words"),
    [("register_users.py", *case) for case in WRONG_FILES] + [("load/client/sign_in.py", *WRONG_FILES[4])],
)
def test_a_malformed_file_is_refused_with_its_line(
    tmp_path: Path, stack: Stack, script: str, text: str, words: list[str]
) -> None:
    write_private(tmp_path / "users.csv", text)
    ran = run_script(script, folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    assert len(ran.stderr.splitlines()) == 1
    for word in ["users.csv", *words]:
        assert word in ran.stderr


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, stack: Stack) -> None:
    write_private(tmp_path / "users.csv", "")
    (tmp_path / "users.csv").write_bytes(b"\xff\xfe\x00")
    ran = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert (ran.returncode, ran.stderr) == (64, "register_users.py: users.csv is not UTF-8 text\n")


@pytest.mark.parametrize("script", ["register_users.py", "load/client/sign_in.py"])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, stack: Stack, script: str
) -> None:
    make_users(tmp_path, 1)
    (tmp_path / "users.csv").chmod(0o640)
    ran = run_script(script, folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    command = shlex.split(ran.stderr.partition("run: ")[2])
    subprocess.run(command, cwd=tmp_path, check=True)
    assert mode_of(tmp_path / "users.csv") == 0o600


@pytest.fixture
def open_drive(tmp_path: Path) -> Iterator[Path]:
    """A folder on a drive that keeps no permissions, as WSL shows those of Windows."""
    (behind := tmp_path / "behind").mkdir()
    (drive := tmp_path / "drive").mkdir()
    ignore = ("--chmod-ignore", "--chown-ignore", "--perms=0777")
    subprocess.run(["bindfs", *ignore, behind, drive], check=True)
    yield drive
    subprocess.run(["umount", drive], check=True)


@pytest.mark.skipif(not shutil.which("bindfs") or os.geteuid() != 0, reason="root mounts a drive with bindfs")
def test_a_drive_that_keeps_no_permissions_is_told_instead_of_a_chmod_that_cannot_help(
    open_drive: Path, tmp_path: Path, stack: Stack
) -> None:
    made = run_script("create_users_csv.py", folder=open_drive)
    assert (made.returncode, made.stderr.count("\n"), list(open_drive.iterdir())) == (1, 1, [])
    make_users(tmp_path, 1)
    (open_drive / "users.csv").write_bytes((tmp_path / "users.csv").read_bytes())
    read = run_script("register_users.py", folder=open_drive, stack=stack)
    assert (read.returncode, read.stderr.count("\n")) == (64, 1)
    for said in (made.stderr, read.stderr):
        assert "users.csv holds credentials, and its drive keeps no permissions" in said
        assert "chmod 600" not in said and "move this folder to a drive of Linux" in said


@pytest.mark.parametrize("script", ["register_users.py", "load/client/sign_in.py"])
def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path: Path, stack: Stack, script: str) -> None:
    ran = run_script(script, "--users", "people.csv", folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    command = shlex.split(ran.stderr.partition("with: python ")[2])
    assert run_script(*command, folder=tmp_path).returncode == 0
    assert (tmp_path / "people.csv").exists()


@pytest.mark.parametrize("script", ["register_users.py", "load/client/sign_in.py"])
def test_a_service_that_is_not_there_or_is_another_ends_with_3(tmp_path: Path, stack: Stack, script: str) -> None:
    make_users(tmp_path, 1)
    (free,) = find_free_ports(1)
    for url, words in ((f"http://127.0.0.1:{free}", "nothing answers"), (stack["BOOKS_URL"], "something else")):
        ran = run_script(script, "--auth-url", url, folder=tmp_path)
        assert ran.returncode == 3
        assert url in ran.stderr and words in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "sessions.json").exists()


@pytest.mark.parametrize(
    ("script", "arguments"),
    pair_up(
        ["register_users.py", "load/client/sign_in.py"],
        [
            ["--concurrency", "0"],
            ["--concurrency", "many"],
            ["--nonsense"],
            ["--users"],
            ["--auth-url", "10.0.0.7:5000"],
        ],
    ),
)
def test_a_wrong_option_ends_with_64_and_one_line(
    tmp_path: Path, stack: Stack, script: str, arguments: list[str]
) -> None:
    ran = run_script(script, *arguments, folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    assert arguments[0] in ran.stderr and len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AUTH_URL", "localhost"), ("AUTH_URL", "ftp://localhost"), ("AUTH_PORT", "x"), ("AUTH_PORT", "65536")],
)
def test_a_wrong_address_in_the_environment_is_named(tmp_path: Path, variable: str, value: str) -> None:
    make_users(tmp_path, 1)
    ran = run_script("register_users.py", folder=tmp_path, stack=None, **{variable: value})
    assert ran.returncode == 64
    assert variable in ran.stderr and value in ran.stderr


def test_the_address_is_read_from_env_file_and_the_environment_wins(tmp_path: Path, stack: Stack) -> None:
    make_users(tmp_path, 1)
    (tmp_path / ".env").write_text(f"AUTH_URL={stack['AUTH_URL']}/\n")
    assert run_script("register_users.py", folder=tmp_path).returncode == 0
    (tmp_path / ".env").write_text("AUTH_URL=http://127.0.0.1:1\n")
    assert run_script("register_users.py", folder=tmp_path).returncode == 3
    assert run_script("register_users.py", folder=tmp_path, stack=stack).returncode == 0


def test_an_account_that_is_refused_is_told_and_counted(tmp_path: Path, stack: Stack) -> None:
    make_users(tmp_path, 3)
    with open(tmp_path / "users.csv", "a", encoding="utf-8") as file:
        file.write("reader_x,a\x01b@example.com,long-enough\n")
    ran = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert (ran.returncode, ran.stdout) == (1, "3 registered, 0 there already, 1 failed\n")
    assert "1 failed: 422" in ran.stderr and "email" in ran.stderr
    assert GOES_ON not in ran.stderr  # it would be refused again


def test_accounts_that_got_no_answer_are_told_and_the_same_command_goes_on_with_them(
    tmp_path: Path, stack: Stack
) -> None:
    make_users(tmp_path, 200)
    command = [sys.executable, str(PROJECT / "register_users.py"), "--concurrency", "1"]
    auth = "app_jwt_redis:app"
    with run_books_service(stack, tmp_path / "log", "--workers", "1", app=auth, BCRYPT_ROUNDS="4") as service:
        environment = choose_environment(stack, AUTH_URL=service.url)
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stderr and running.stderr.readline() == "registering: 20 of 200\n"
            for process in (psutil.Process(service.pid), *list_workers(service.pid)):
                process.kill()
            said, told = running.communicate(timeout=60)
    registered = int(said.split()[0])
    assert said == f"{registered} registered, 0 there already, {200 - registered} failed\n"
    assert running.returncode == 1 and registered < 200
    assert told.endswith(f"failed: no answer (ConnectionError)\n{GOES_ON}\n")
    ran = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert ran.returncode == 0
    new, there = map(int, re.findall(r"(\d+) (?:registered|there already)", ran.stdout))
    assert new + there == 200 and there >= registered  # of the last an answer may have been lost


def test_a_503_is_tried_again_until_the_database_is_back(tmp_path: Path, stack: Stack) -> None:
    make_users(tmp_path, 4)
    database = int(stack["DB_PID"])
    command = [sys.executable, str(PROJECT / "register_users.py")]
    os.kill(database, signal.SIGSTOP)
    try:
        running = subprocess.Popen(
            command, cwd=tmp_path, env=choose_environment(stack), stdout=subprocess.PIPE, text=True
        )
        body = {"username": "reader_503", "email": "reader_503@example.com", "password": "long-enough"}
        shed = requests.post(f"{stack['AUTH_URL']}/register", json=body, timeout=10)
        time.sleep(2)
    finally:
        os.kill(database, signal.SIGCONT)
    check_problem(shed, 503)
    assert running.communicate(timeout=70)[0] == "4 registered, 0 there already, 0 failed\n"
    assert running.returncode == 0


# sign_in.py


def test_each_account_logs_in_once_and_is_still_signed_in_the_next_time(tmp_path: Path, stack: Stack) -> None:
    users = register_users(tmp_path, stack, 30)
    before = count_logins(stack)
    first = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert (first.returncode, first.stdout) == (0, "28 accounts have a session: 28 logged in\n")
    assert count_logins(stack) - before == 28
    assert mode_of(tmp_path / "sessions.json") == 0o600
    kept = read_kept(tmp_path, stack)
    assert list(kept) != [] and set(kept) == {user["username"] for user in users[:-2]}
    again = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert (again.returncode, again.stdout) == (0, "28 accounts have a session: 28 still signed in\n")
    assert count_logins(stack) - before == 28
    assert read_kept(tmp_path, stack) == kept
    for name, session in kept.items():
        assert who_is(stack, session).json()["username"] == name


def test_sessions_that_run_out_are_carried_on_without_a_log_in(tmp_path: Path, stack: Stack) -> None:
    register_users(tmp_path, stack, 5)
    run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    old, before = read_kept(tmp_path, stack), count_logins(stack)
    change_kept(tmp_path, stack, expires_at=time.time() + 30)
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert ran.stdout == "3 accounts have a session: 3 refreshed\n"
    assert count_logins(stack) == before
    for name, session in read_kept(tmp_path, stack).items():
        assert session["refresh_token"] != old[name]["refresh_token"]
        assert session["expires_at"] > time.time() + 300
        assert who_is(stack, session).status_code == 200


@pytest.mark.parametrize("how", ["refresh refused", "ended"])
def test_a_session_that_is_dead_is_begun_anew(tmp_path: Path, stack: Stack, how: str) -> None:
    register_users(tmp_path, stack, 3)
    run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    if how == "refresh refused":
        change_kept(tmp_path, stack, expires_at=time.time(), refresh_token="no-token")
    else:
        for session in read_kept(tmp_path, stack).values():
            headers = {"Authorization": f"Bearer {session['access_token']}"}
            assert requests.post(f"{stack['AUTH_URL']}/logout", headers=headers, timeout=10).status_code == 204
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert (ran.returncode, ran.stdout) == (0, "1 accounts have a session: 1 logged in\n")
    assert all(who_is(stack, session).status_code == 200 for session in read_kept(tmp_path, stack).values())


def test_what_is_signed_in_is_kept_when_another_account_fails(tmp_path: Path, stack: Stack) -> None:
    users = register_users(tmp_path, stack, 6)
    text = (tmp_path / "users.csv").read_text().replace(users[0]["password"], "not-the-password")
    (tmp_path / "users.csv").write_text(text)
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert ran.returncode == 1
    assert "1 accounts cannot sign in (1 x 401" in ran.stderr.splitlines()[-1]
    assert set(read_kept(tmp_path, stack)) == {user["username"] for user in users[1:4]}
    assert mode_of(tmp_path / "sessions.json") == 0o600


def test_an_interrupted_sign_in_keeps_what_it_has_and_goes_on(tmp_path: Path, stack: Stack) -> None:
    register_users(tmp_path, stack, 150)
    command = [*find_script("load/client/sign_in.py"), "--concurrency", "1"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=choose_environment(stack), stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr
        assert running.stderr.readline() == "signing in: 14 of 143\n"
        running.send_signal(signal.SIGINT)
        assert "interrupted" in running.stderr.read()
    assert running.returncode == 130
    kept = read_kept(tmp_path, stack)
    assert 14 <= len(kept) < 143
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert f"{len(kept)} still signed in" in ran.stdout and f"{143 - len(kept)} logged in" in ran.stdout


def test_two_at_once_never_refresh_the_same_session_twice(tmp_path: Path, stack: Stack) -> None:
    register_users(tmp_path, stack, 12)
    run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    change_kept(tmp_path, stack, expires_at=time.time())
    before = count_logins(stack)
    command = [*find_script("load/client/sign_in.py")]
    both = [
        subprocess.Popen(command, cwd=tmp_path, env=choose_environment(stack), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = sorted(each.communicate(timeout=60)[0] for each in both)
    assert printed == [
        "10 accounts have a session: 10 refreshed\n",
        "10 accounts have a session: 10 still signed in\n",
    ]
    assert count_logins(stack) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"http://x": []}', '{"http://x": {"a": {"access_token": 1}}}'])
def test_a_malformed_file_of_sessions_is_refused_and_left(tmp_path: Path, stack: Stack, text: str) -> None:
    register_users(tmp_path, stack, 3)
    write_private(tmp_path / "sessions.json", text)
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    assert "sessions.json" in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert (tmp_path / "sessions.json").read_text() == text


def test_sessions_that_others_can_read_are_refused(tmp_path: Path, stack: Stack) -> None:
    register_users(tmp_path, stack, 3)
    run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    (tmp_path / "sessions.json").chmod(0o644)
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    assert ran.returncode == 64
    assert "chmod 600 sessions.json" in ran.stderr


def test_no_password_or_token_is_printed(tmp_path: Path, stack: Stack) -> None:
    users = register_users(tmp_path, stack, 4)
    (tmp_path / "users.csv").write_text((tmp_path / "users.csv").read_text().replace(users[0]["password"], "x" * 20))
    ran = run_script("load/client/sign_in.py", folder=tmp_path, stack=stack)
    kept = read_kept(tmp_path, stack).values()
    secrets = [user["password"] for user in users] + [each["access_token"] for each in kept] + ["x" * 20]
    assert kept
    assert not [secret for secret in secrets if secret in ran.stdout + ran.stderr]
