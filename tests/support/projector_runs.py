"""Runs `python -m backend.read_model` as an operator does, and asserts that it finds the read model right."""

import re
import subprocess
import sys
import time

import pytest

from tests.support.books_services import choose_books_settings
from tests.support.read_models import STALE_S
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack

ISBN = re.compile(r"\b97[89][0-9]{10}\b")


def start_projector(stack: Stack, *arguments: str) -> "subprocess.Popen[str]":
    """Start `python -m backend.read_model` with these arguments on the stores of the stack."""
    return subprocess.Popen(
        [sys.executable, "-m", "backend.read_model", *arguments],
        cwd=PROJECT,
        env=choose_environment(None) | choose_books_settings(stack),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_projector(stack: Stack, *arguments: str) -> tuple[int, str, str]:
    """Run `python -m backend.read_model` with these arguments and return its exit code and what it printed."""
    with start_projector(stack, *arguments) as process:
        try:
            output, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, output, errors


def find_isbns(text: str) -> set[str]:
    """Return the ISBNs that the lines of a report begin with."""
    return {found.group() for line in text.splitlines() if (found := ISBN.match(line))}


def check_verified(stack: Stack, seconds: float = STALE_S) -> None:
    """Assert that the read model equals MariaDB that many seconds from now at the latest: each try starts by then."""
    deadline = time.monotonic() + seconds
    while True:
        code, output, errors = run_projector(stack, "verify")
        if code == 0:
            return
        assert code == 1, errors
        if time.monotonic() > deadline:
            pytest.fail(f"verify still finds differences after {seconds} s:\n{output[:3000]}")
