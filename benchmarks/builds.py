"""An earlier build: a commit of this project in a folder of its own; its local_stack.sh makes its environment there."""

import subprocess
from pathlib import Path

from benchmarks.stand import PROJECT, StandError

BEFORE = "7d3cf84"  # the last build that answers every request in a thread


def unpack_build(folder: Path, commit: str = BEFORE) -> Path:
    """Write the files of a commit into a new folder within `folder` and return it; raises StandError."""
    build, archive = folder / commit, folder / f"{commit}.tar"
    build.mkdir()
    for command in (["git", "archive", "-o", str(archive), commit], ["tar", "-xf", str(archive), "-C", str(build)]):
        ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
        if ran.returncode:
            raise StandError(f"commit {commit} cannot be had: {ran.stderr.strip()[-300:]}")
    return build
