"""run_checks.sh ends at Ctrl-C, with all that its tests have started."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.runs import end_of, wait_for
from tests.support.stacks import PIDS, PROJECT, is_alive

LINTERS = ("ruff", "mypy", "shellcheck", "shfmt")
# The first half of the tests has the one, and the second half the other.
LONG_TEST = """
import json, os, time
from pathlib import Path

def test_that_takes_long(stack):
    Path("started.new").write_text(json.dumps(stack))
    os.replace("started.new", "started")
    time.sleep(120)
"""
LAST_TEST = """
from pathlib import Path
import pytest

@pytest.mark.alone
def test_of_the_second_half():
    Path("second_half").touch()
"""


def copy_checks(folder: Path) -> Path:
    """Make a copy of the project with two tests only; return it."""
    left_out = shutil.ignore_patterns(".*", "test_results_*", "test_*.py", "faults", "error_rates", "__pycache__")
    shutil.copytree(PROJECT, folder, ignore=left_out)
    shutil.copy(PROJECT / ".env.example", folder)
    (folder / "tests" / "test_first.py").write_text(LONG_TEST)
    (folder / "tests" / "test_last.py").write_text(LAST_TEST)
    return folder


def make_environment(folder: Path, project: Path) -> Path:
    """Make a virtual environment with the packages of this one, whose linters find nothing: the tests begin at once."""
    (folder / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "lib"):
        (folder / name).symlink_to(Path(sys.prefix) / name)
    (folder / "bin" / "python").symlink_to(sys.executable)
    for name in LINTERS:
        (folder / "bin" / name).symlink_to(str(shutil.which("true")))
    sums = subprocess.check_output(["cksum", "requirements.txt", "requirements-dev.txt"], cwd=project)
    (folder / ".requirements.stamp").write_bytes(sums)
    return folder


def test_ctrl_c_ends_the_checks_and_every_server_that_a_test_has_started(tmp_path: Path) -> None:
    project = copy_checks(tmp_path / "project")
    (scratch := tmp_path / "tmp").mkdir()
    settings = {"VIRTUAL_ENV": str(make_environment(tmp_path / "venv", project)), "TMPDIR": str(scratch)}
    outside = {name: value for name, value in os.environ.items() if name not in ("STACK_ENV", "LONG_CHECKS")}
    process = subprocess.Popen(
        ["./run_checks.sh"], cwd=project, env={**outside, **settings}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: (project / "started").exists() or process.poll() is not None, seconds=240)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        code, said = end_of(process, seconds=60)
    stack = json.loads((project / "started").read_text())
    assert code == 130, said
    assert "interrupted; ending the tests and what they have started" in said
    assert [name for name in PIDS if is_alive(stack[name])] == []
    assert not (project / "second_half").exists()
    assert list(scratch.iterdir()) == []
