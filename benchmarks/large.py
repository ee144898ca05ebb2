"""Makes the catalogue of a stack one of 100,000 books."""

import subprocess
import sys

from benchmarks.stand import PROJECT, Stack, StandError


def fill(stack: Stack) -> None:
    """Run large.sql and build the read model from it; raises StandError."""
    for statement in (PROJECT / "benchmarks" / "large.sql").read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            stack.ask(statement)
    rebuild = [sys.executable, "-m", "backend.read_model", "rebuild"]
    ran = subprocess.run(
        rebuild, cwd=PROJECT, env=stack.settings(), capture_output=True, text=True, timeout=300, check=False
    )
    if ran.returncode:
        raise StandError(f"the read model could not be built: {(ran.stdout + ran.stderr).strip()[-300:]}")
