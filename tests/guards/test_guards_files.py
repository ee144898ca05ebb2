"""Files with credentials are their owner's alone, and git takes none of them by accident."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.support.stacks import PROJECT, Stack

SECRETS = ("DB_PASSWORD", "REDIS_URL", "JWT_SECRET", "METRICS_TOKEN")
PRIVATE = ("users.csv", "sessions.json", ".env", ".local/stack.env", "test_results_20260101_000000/run.json")


def list_open_files(folder: Path, secrets: Iterable[str]) -> list[Path]:
    """Return the files under a folder that hold a secret and that others may read or change."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    return [path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]


def test_no_file_of_a_stack_shows_a_secret_to_others(stack: Stack) -> None:
    folder = Path(psutil.Process(int(stack["AUTH_PID"])).environ()["STACK_DIR"])
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "stack.env").stat().st_mode & 0o777 == 0o600
    passwords = [stack[name].rpartition("redis://:")[2].partition("@")[0] for name in SECRETS]
    assert list_open_files(folder, passwords) == []


def test_the_search_finds_a_file_that_shows_a_secret_to_others(tmp_path: Path) -> None:
    for name, mode in (("open", 0o644), ("of the group", 0o640), ("private", 0o600)):
        (tmp_path / name).write_text("PASSWORD=Canary-password")
        (tmp_path / name).chmod(mode)
    assert {path.name for path in list_open_files(tmp_path, ["Canary-password"])} == {"open", "of the group"}


def list_staged(folder: Path) -> set[str]:
    """Make a repository of a folder with every private file in it, add all that git will take, and return that."""
    for name in PRIVATE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Canary-password")
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    listed = subprocess.run(["git", "ls-files"], cwd=folder, check=True, capture_output=True, text=True)
    return set(listed.stdout.splitlines())


def test_git_takes_no_file_with_credentials_by_accident(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes((PROJECT / ".gitignore").read_bytes())
    assert list_staged(tmp_path) == {".gitignore"}


def test_git_takes_them_all_where_the_list_of_ignored_files_is_missing(tmp_path: Path) -> None:
    assert list_staged(tmp_path) == set(PRIVATE)
