"""Makes the catalogue of a stack a large one."""

import subprocess
import sys

from benchmarks.stand import PROJECT, Stack, StandError

TIMES = 20  # 100,000 books
BUILD_S = 1200


def fill(stack: Stack, times: int = TIMES) -> None:
    """Run large.sql for a catalogue that many times as large, and build the read model from it; raises StandError."""
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET @times = %s", (times,))
        for statement in (PROJECT / "benchmarks" / "large.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
                cursor.fetchall()
    rebuild = [sys.executable, "-m", "backend.read_model", "rebuild"]
    ran = subprocess.run(
        rebuild, cwd=PROJECT, env=stack.settings(), capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    if ran.returncode:
        raise StandError(f"the read model could not be built: {(ran.stdout + ran.stderr).strip()[-300:]}")
