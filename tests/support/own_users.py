"""Runs loads of users that a test writes itself."""

from pathlib import Path

from tests.support.scripts import run_locust
from tests.support.stacks import PROJECT, Stack


def run_user(folder: Path, stack: Stack, source: str, *options: str) -> None:
    """Run a load of users of a locustfile of the test's own; requests may fail."""
    (folder / "locustfile_own.py").write_text(source)
    shown = ("--record", "run", "--exit-code-on-error", "0", *options)
    ran = run_locust(str(folder / "locustfile_own.py"), *shown, folder=folder, stack=stack, PYTHONPATH=str(PROJECT))
    assert ran.returncode == 0, ran.stdout + ran.stderr
