"""setup_venv.sh: it makes an environment once, mends one that was left half done, and says what it lacks."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stacks import PROJECT

INSTALLING = "installing the pinned requirements into .venv"
SCRIPT = '. ./setup_venv.sh; ensure_venv "$@" || exit; "$PYTHON" -c "import sys; print(sys.prefix)"'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs nothing: an environment for it is made without a network."""
    shutil.copy(PROJECT / "setup_venv.sh", tmp_path)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text("# none\n")
    return tmp_path


def ensure_venv(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ensure_venv under `set -Eeuo pipefail`; its output is the environment that PYTHON belongs to."""
    command = ["bash", "-Eeuo", "pipefail", "-c", SCRIPT, "a_script.sh", *arguments]
    outside = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        command, check=False, cwd=project, env={**outside, **environment}, capture_output=True, text=True, timeout=120
    )


def test_the_second_call_installs_nothing_and_takes_no_time(project: Path) -> None:
    first = ensure_venv(project)
    assert first.stdout.strip() == f"{project}/.venv"
    assert len(first.stderr.splitlines()) == 1
    assert INSTALLING in first.stderr
    started = time.monotonic()
    second = ensure_venv(project)
    assert time.monotonic() - started < 1
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")


def test_changed_requirements_and_those_for_development_are_installed_once_each(project: Path) -> None:
    ensure_venv(project)
    assert INSTALLING in ensure_venv(project, "--dev").stderr
    assert ensure_venv(project).stderr == ensure_venv(project, "--dev").stderr == ""
    (project / "requirements.txt").write_text("# none as before\n")
    assert INSTALLING in ensure_venv(project).stderr
    assert ensure_venv(project).stderr == ""


def test_two_calls_at_once_install_once(project: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: ensure_venv(project), range(2)))
    assert [ran.returncode for ran in both] == [0, 0]
    assert sum(ran.stderr.count(INSTALLING) for ran in both) == 1


def test_an_environment_that_was_left_half_made_is_made_again(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    ran = ensure_venv(project)
    assert ran.stdout.strip() == f"{project}/.venv", ran.stderr


def test_a_failed_install_shows_the_words_of_pip_and_is_tried_again(project: Path) -> None:
    (project / "requirements.txt").write_text("no-hash-here==1.0\n")
    ran = ensure_venv(project)
    assert ran.returncode == 3
    assert "hash" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("a_script.sh: pip could not install requirements.txt")
    (project / "requirements.txt").write_text("# none\n")
    assert INSTALLING in ensure_venv(project).stderr


def test_an_activated_environment_is_used(project: Path, tmp_path: Path) -> None:
    subprocess.check_call([sys.executable, "-m", "venv", tmp_path / "mine"])
    ran = ensure_venv(project, VIRTUAL_ENV=str(tmp_path / "mine"))
    assert ran.stdout.strip() == f"{tmp_path}/mine"
    assert not (project / ".venv").exists()


def test_without_a_new_enough_python_it_says_so_in_one_line(project: Path) -> None:
    tools = project / "bin"
    tools.mkdir()
    for tool in ("bash", "cat", "cksum", "dirname", "grep", "id", "mkdir"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    (tools / "python3").write_text("#!/bin/bash\nexit 1\n")
    (tools / "python3").chmod(0o755)
    ran = ensure_venv(project, PATH=str(tools))
    assert ran.returncode == 3
    assert ran.stderr == (
        "a_script.sh: Python 3.11 or newer with its venv module is needed: install it and try again\n"
    )
