"""Runs the project's scripts and Locust as a user does: in a folder of their own, with a clean environment."""

import os
import subprocess
import sys
from pathlib import Path

from stack.ports import find_free_ports
from tests.support.stacks import PROJECT, Stack

FOREIGN = ("AUTH_", "BOOKS_", "DB_", "REDIS_", "JWT_", "METRICS_", "LOCUST_")


def find_script(name: str) -> list[str]:
    """Return the command that runs one of the project's Python scripts in any folder, those of a wing as a module."""
    if "/" in name:
        module = name.removesuffix(".py").replace("/", ".")
        return ["env", f"PYTHONPATH={PROJECT}", sys.executable, "-m", module]
    return [sys.executable, str(PROJECT / name)]


def choose_environment(stack: Stack | None, **more: str) -> dict[str, str]:
    """Return this environment without settings of the project, with the addresses of the stack and others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    wanted = ("AUTH_URL", "BOOKS_URL", "METRICS_TOKEN")
    addresses = {name: stack[name] for name in wanted} if stack else {}
    return {**clean, **addresses, **more}


def run_script(
    name: str, *arguments: str, folder: Path, stack: Stack | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the project's Python scripts in `folder` and return what it printed."""
    return subprocess.run(
        [*find_script(name), *arguments],
        check=False,
        cwd=folder,
        env=choose_environment(stack, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def locust_command(locustfile: str, *arguments: str) -> list[str]:
    """Return the command line of Locust with one of the project's locustfiles."""
    return [sys.executable, "-m", "locust", "-f", str(PROJECT / locustfile), *arguments]


def run_locust(
    locustfile: str, *arguments: str, folder: Path, stack: Stack | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run Locust without a web page in `folder`, results under the name "run", and return what it printed."""
    shown = ("--headless", "--only-summary", "--stop-timeout", "10", "--csv", "run")
    return subprocess.run(
        locust_command(locustfile, *shown, *arguments),
        check=False,
        cwd=folder,
        env=choose_environment(stack, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def prepare_accounts(folder: Path, stack: Stack, count: int = 40) -> None:
    """Make, register and sign in accounts, with users.csv and sessions.json in `folder`."""
    for name, *arguments in (
        ["create_users_csv.py", "--count", str(count)],
        ["register_users.py"],
        ["load/client/sign_in.py"],
    ):
        ran = run_script(name, *arguments, folder=folder, stack=stack)
        assert ran.returncode == 0, ran.stderr


def run_on(count: int) -> list[str]:
    """Return Locust's options for so many worker processes, whose master has a port of its own."""
    (port,) = find_free_ports(1)
    where = ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--master-port", str(port)]
    return ["--processes", str(count), *where]


def read_lines(folder: Path, pattern: str) -> list[str]:
    """Return the lines of all files like that."""
    return [line for path in folder.glob(pattern) for line in path.read_text().splitlines()]
