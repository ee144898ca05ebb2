"""Runs of run_all_tests.sh in a copy of the project, whose scenario files ask for a few seconds only."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from analysis.plan.plan import SCENARIOS
from analysis.records import results_folder
from tests.support.stacks import PROJECT, Stack

SHORT = {
    "locustfile": "locustfile.py",
    "headless": "true",
    "users": "20",
    "spawn-rate": "20",
    "run-time": "6s",
    "stop-timeout": "5",
    "objective-error-ratio": "0",
    "objective-reads-p95-ms": "9000",
    # What else this machine does while it tests is not what is tested.
    "limit-generator-lag-p99-ms": "1000",
    "limit-generator-stall-ms": "2000",
    "limit-balance-ratio": "0.1",
}
PARTS = ("*.py", "*.sh", "*.conf", "*.sql", "requirements*.txt", ".env.example")
TAKEN = ("AUTH_URL", "BOOKS_URL", "AUTH_PORT", "BOOKS_PORT", "METRICS_TOKEN", "STACK_DIR", "STACK_ENV")


class Runner:
    """A copy of the project, and how run_all_tests.sh is run in it."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.folder, self.stack = folder, stack
        self.urls = ["--auth-url", stack["AUTH_URL"], "--books-url", stack["BOOKS_URL"]]

    def plan(self, name: str, **changes: str) -> None:
        """Write the quick scenario file of `name`."""
        values = {**SHORT, **{key.replace("_", "-"): value for key, value in changes.items()}}
        lines = ["# Does the runner do its work?", *(f"{key} = {value}" for key, value in values.items())]
        (self.folder / "scenarios" / "quick" / f"{name}.conf").write_text("\n".join(lines) + "\n")

    def start(self, *options: str, **settings: str) -> subprocess.Popen[str]:
        """Start a quick run as a terminal would: in a process group of its own."""
        return self.start_from(self.folder, *options, **settings)

    def start_from(self, folder: Path, *options: str, **settings: str) -> subprocess.Popen[str]:
        """Start a quick run from another folder."""
        environment = {key: value for key, value in os.environ.items() if key not in TAKEN}
        return subprocess.Popen(
            [self.folder / "run_all_tests.sh", "--quick", *options],
            cwd=folder,
            env={**environment, "VIRTUAL_ENV": sys.prefix, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str, **settings: str) -> tuple[int, str]:
        """Run to the end; the exit code and what was said."""
        return end_of(self.start(*options, **settings))

    def processes(self) -> list[str]:
        """The commands of all processes that work in the copy."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd").startswith(str(self.folder)):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
        return found

    def results(self) -> list[Path]:
        """The results folders in the copy."""
        return list(self.folder.glob("test_results_*"))


def end_of(process: subprocess.Popen[str], seconds: float = 180) -> tuple[int, str]:
    """The exit code of a run and what it said."""
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        said, _ = process.communicate()
        raise AssertionError(f"the run does not end: {said}") from None
    return process.returncode, said


def find_unlisted(folder: Path) -> list[str]:
    """Return the files of a results folder that the table at the top of analysis/records/results_folder.py lacks."""
    names = re.findall(r"^\| (\S+\.\S+) \|", results_folder.__doc__ or "", re.MULTILINE)
    patterns = [
        re.escape(name).replace(r"\[_PART\]", r"(_\d+|_master)?").replace("NAME", f"({'|'.join(SCENARIOS)})")
        for name in names
    ]
    return sorted(path.name for path in folder.iterdir() if not re.fullmatch("|".join(patterns), path.name))


def read_summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "summary.json").read_text()))


def wait_for(condition: Any, seconds: float = 90) -> Any:
    """Wait until `condition()` is something and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.1)
    return found


def is_loaded(out: Path, name: str, users: int = 20) -> bool:
    """Whether a scenario has had so many users for a while."""
    history = out / f"{name}_stats_history.csv"
    return history.exists() and len(re.findall(rf",{users},,Aggregated", history.read_text())) > 1


def find_locust(out: Path, name: str) -> list[int]:
    """The process of Locust that makes the load of a scenario."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_text().split("\0")
            if "locust" in command and str(out / name) in command:
                pids.append(int(entry.name))
    return pids


def copy_project(folder: Path, stack: Stack, accounts: int = 24) -> Runner:
    """Make a copy of the project with few accounts, and with the token for /metrics in its .env."""
    for part in ("analysis", "backend", "load", "scenarios", "stack"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in PARTS:
        for path in PROJECT.glob(pattern):
            shutil.copy2(path, folder)
    (folder / ".env").write_text(f"METRICS_TOKEN={stack['METRICS_TOKEN']}\n")
    command = [sys.executable, "create_users_csv.py", "--count", str(accounts)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return Runner(folder, stack)
