"""Runs compare.sh in a copy of the project that is a repository of its own, and tells what it left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.runs import TAKEN, copy_project

NOBODY: dict[str, str] = {"METRICS_TOKEN": "", "AUTH_URL": "", "BOOKS_URL": ""}


def make_repository(folder: Path, stack: dict[str, str] | None = None) -> Path:
    """Copy the project into a new repository with one commit, with the token for a stack's metrics in its .env."""
    copy_project(folder, stack or NOBODY)
    (folder / ".gitignore").write_text(".env\n.local/\nusers.csv\nsessions.json\ntest_results_*/\n__pycache__/\n")
    run_git(folder, "init", "--quiet")
    commit_all(folder)
    return folder


def run_git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it printed."""
    ran = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, timeout=60)
    return ran.stdout


def commit_all(folder: Path) -> None:
    """Commit everything."""
    run_git(folder, "add", "--all")
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]
    run_git(folder, *who, "commit", "--quiet", "--message", "All of it")


def start_compare(
    folder: Path, *options: str, called_from: Path | None = None, **settings: str
) -> "subprocess.Popen[str]":
    """Start the compare.sh of a folder as a terminal there would: in a process group of its own; hashes are cheap."""
    environment = {key: value for key, value in os.environ.items() if key not in TAKEN}
    return subprocess.Popen(
        [folder / "compare.sh", *options],
        cwd=called_from or folder,
        env={**environment, "VIRTUAL_ENV": sys.prefix, "BCRYPT_ROUNDS": "4", **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_plan_file(out: Path) -> dict[str, Any]:
    """Return plan.json of a comparison."""
    return dict(json.loads((out / "plan.json").read_text()))
