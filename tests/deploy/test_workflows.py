"""The workflows run scripts that there are, with options that those have; actionlint looks at them where it is."""

import re
import shutil
import subprocess

import pytest

from tests.support.stacks import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
CALLS = [call for path in WORKFLOWS for call in re.findall(r"(\./\w+\.sh)([^|\n]*)", path.read_text())]


def test_each_script_that_a_workflow_runs_is_there_and_has_the_options() -> None:
    assert {script for script, _ in CALLS} == {"./run_checks.sh", "./run_all_tests.sh"}
    for script, options in CALLS:
        header = (PROJECT / script).read_text().partition("\nset -")[0]
        assert [name for name in re.findall(r"--\w+", options) if f"#   {name} " not in header] == []


def test_actionlint_finds_nothing() -> None:
    if not (program := shutil.which("actionlint")):
        pytest.skip("there is no actionlint here")
    ran = subprocess.run([program, *WORKFLOWS], check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout
