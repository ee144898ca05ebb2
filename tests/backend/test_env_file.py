"""A file .env or a users.csv as other programs leave it: read, or named with its line, by each script that reads it."""

from pathlib import Path

import pytest

from tests.backend.test_settings import BAD_FILES, CANARY
from tests.load.test_user_scripts import GOOD, HEADER, make_users, write_private
from tests.support.scripts import run_locust, run_script
from tests.support.short_form import pair_up
from tests.support.stacks import Stack

SCRIPTS = [
    ("register_users.py",),
    ("load/client/sign_in.py",),
    ("load/run/preflight.py", "begin", "results"),
]


@pytest.mark.parametrize(("command", "kind"), pair_up(SCRIPTS, list(BAD_FILES)))
def test_each_script_names_an_env_file_that_is_no_text_and_its_line_and_does_not_show_it(
    tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    content, words = BAD_FILES[kind]
    make_users(tmp_path, 1)
    (tmp_path / ".env").write_bytes(content)
    ran = run_script(*command, folder=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (64, "", 1), ran.stderr
    assert words in ran.stderr and CANARY not in ran.stderr


def test_a_script_names_a_folder_in_the_place_of_an_env_file(tmp_path: Path) -> None:
    make_users(tmp_path, 1)
    (tmp_path / ".env").mkdir()
    ran = run_script("register_users.py", folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (64, "register_users.py: .env cannot be read: Is a directory\n")


def test_locust_names_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    make_users(tmp_path, 4)
    (tmp_path / ".env").write_bytes(BAD_FILES["UTF-16"][0])
    ran = run_locust("locustfile.py", "-u", "1", "-t", "1s", folder=tmp_path)
    assert ran.returncode == 64
    assert ".env line 1 is no text in UTF-8" in ran.stderr
    assert "Traceback" not in ran.stderr and CANARY not in ran.stderr


def test_a_script_reads_an_env_file_with_the_mark_of_windows(tmp_path: Path, stack: Stack) -> None:
    make_users(tmp_path, 1)
    (tmp_path / ".env").write_text(f"AUTH_URL={stack['AUTH_URL']}\n", encoding="utf-8-sig")
    assert run_script("register_users.py", folder=tmp_path).returncode == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_among_the_accounts_are_skipped(tmp_path: Path, stack: Stack, end: str) -> None:
    first, second = (line.split(",") for line in (GOOD, GOOD.replace("reader_1", "reader_2")))
    lines = ["", HEADER, "", ",".join(first), "", " \t ", ",".join(second), '""', ""]
    write_private(tmp_path / "users.csv", "")
    (tmp_path / "users.csv").write_bytes("".join(line + end for line in lines).encode())
    ran = run_script("register_users.py", folder=tmp_path, stack=stack)
    assert (ran.returncode, ran.stderr.splitlines()[:1]) == (0, ["registering: 1 of 2"]), ran.stderr
    assert " 0 failed" in ran.stdout
