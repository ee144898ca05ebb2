"""The scripts that people call find their project, wherever they are called from, and by a link too."""

import subprocess
from pathlib import Path

import pytest

from tests.support.stacks import PROJECT

HELPED = ["run_all_tests.sh", "compare.sh", "join_load.sh", "lessons.sh", "run_checks.sh", "deploy/install.sh",
          "deploy/gcp.sh", "tests/check_services.sh", "tests/debian_13.sh"]  # fmt: skip


@pytest.mark.parametrize("script", HELPED)
def test_help_is_shown_from_another_folder_and_by_a_link(script: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(PROJECT / script)
    (tmp_path / "project").symlink_to(PROJECT)
    for called in ("./link", f"project/{script}", str(PROJECT / script)):
        ran = subprocess.run([called, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), called
        assert "sage: " in ran.stdout


def test_the_local_stack_finds_its_own_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(PROJECT / "local_stack.sh")
    ran = subprocess.run(["./link"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr.startswith("Runs a private MariaDB")) == (64, True), ran.stderr
