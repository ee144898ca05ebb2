"""Each rule of the verdicts catches a run that breaks this rule alone, and passes one just inside it."""

from pathlib import Path

import pytest

from analysis.findings import PASS
from tests.documents.verdict_controls import BEGIN, CONTROLS, DOCUMENT, END, replace_between, write_table
from tests.support.control_cases import Control
from tests.support.control_regressions import REGRESSIONS
from tests.support.made_runs import judge_run, make_run, real_plan
from tests.support.read_models import LONG


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_rule_catches_the_run_that_breaks_it_alone(control: Control, tmp_path: Path) -> None:
    plan = real_plan(control.scenario, control.profile)
    make_run(tmp_path, control.replan(plan) if control.replan else plan, control.breaks)
    scenario = judge_run(tmp_path, control.scenario)
    spoke = tuple(check.name for check in scenario.not_passed)
    assert (scenario.verdict, spoke) == (control.verdict, control.checks), scenario.reasons


@pytest.mark.parametrize(
    "control", CONTROLS, ids=lambda control: f"{control.rule}: {control.scenario}, {control.inside}"
)
def test_a_run_just_inside_a_rule_passes(control: Control, tmp_path: Path) -> None:
    make_run(tmp_path, real_plan(control.scenario, control.profile), control.nearly)
    scenario = judge_run(tmp_path, control.scenario)
    assert (scenario.verdict, scenario.reasons) == (PASS, ())


@pytest.mark.parametrize("control", REGRESSIONS, ids=lambda control: control.name)
def test_a_run_that_passed_once_does_not_pass_again(control: Control, tmp_path: Path) -> None:
    if control.scenario == "soak" and control.profile == "full" and not LONG:
        pytest.skip("long form only: half an hour of requests")
    make_run(tmp_path, real_plan(control.scenario, control.profile), control.breaks)
    spoke = {check.name: check.verdict for check in judge_run(tmp_path, control.scenario).not_passed}
    assert {name: spoke.get(name) for name in control.checks} == dict.fromkeys(control.checks, control.verdict)


def test_the_table_of_the_document_is_that_of_the_controls() -> None:
    text = DOCUMENT.read_text()
    assert text == replace_between(text, BEGIN, END, write_table()), "run python -m tests.documents.verdict_controls"


def test_each_rule_of_the_document_has_a_control() -> None:
    rules = read_rules(DOCUMENT.read_text().split(BEGIN)[0])
    assert len(rules) == len(set(rules))
    assert {control.rule for control in CONTROLS} == set(rules)


def read_rules(text: str) -> list[str]:
    """The first cells of the tables."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row != "rule"]
