"""stack/venv.sh: it makes an environment once, mends one that was left half done, and says what it lacks."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.stacks import PROJECT

INSTALLING = "installing the pinned requirements into .venv"
SCRIPT = '. ./stack/venv.sh; ensure_venv "$@" || exit; "$PYTHON" -c "import sys; print(sys.prefix)"'


def write_project(folder: Path) -> Path:
    """Make a project that needs nothing in that folder: an environment for it takes no network."""
    (folder / "stack").mkdir()
    for name in ("stack/venv.sh", "stack/pip_settings.py"):
        shutil.copy(PROJECT / name, folder / "stack")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text("# none\n")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without an environment."""
    return write_project(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an environment that two calls at once made out of what an interrupted one left."""
    folder = write_project(tmp_path_factory.mktemp("made"))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: ensure_venv(folder), range(2)))
    assert [(ran.returncode, ran.stdout.strip()) for ran in both] == [(0, f"{folder}/.venv")] * 2
    words = [ran.stderr for ran in both if ran.stderr]
    assert len(words) == 1
    assert words[0].startswith(f"a_script.sh: {INSTALLING}")
    assert words[0].count("\n") == 1
    return folder


def ensure_venv(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ensure_venv under `set -Eeuo pipefail`; its output is the environment that PYTHON belongs to."""
    command = ["bash", "-Eeuo", "pipefail", "-c", SCRIPT, "a_script.sh", *arguments]
    outside = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        command, check=False, cwd=project, env={**outside, **environment}, capture_output=True, text=True, timeout=120
    )


def test_a_second_call_installs_nothing_and_takes_no_time(made: Path) -> None:
    started = time.monotonic()
    ran = ensure_venv(made)
    assert time.monotonic() - started < 1
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{made}/.venv\n", "")


def test_changed_requirements_and_those_for_development_are_installed_once_each(made: Path) -> None:
    assert INSTALLING in ensure_venv(made, "--dev").stderr
    assert ensure_venv(made).stderr == ensure_venv(made, "--dev").stderr == ""
    (made / "requirements.txt").write_text("# none as before\n")
    assert INSTALLING in ensure_venv(made).stderr
    assert ensure_venv(made).stderr == ""


def test_a_failed_install_shows_the_words_of_pip_and_is_tried_again(made: Path) -> None:
    (made / "requirements.txt").write_text("no-hash-here==1.0\n")
    ran = ensure_venv(made)
    assert ran.returncode == 3
    assert "hash" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("a_script.sh: pip could not install requirements.txt")
    (made / "requirements.txt").write_text("# none\n")
    assert INSTALLING in ensure_venv(made).stderr


def test_an_activated_environment_is_used(project: Path, made: Path) -> None:
    ran = ensure_venv(project, VIRTUAL_ENV=str(made / ".venv"))
    assert ran.stdout.strip() == f"{made}/.venv"
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
