"""The services keep their promises while parts of them are broken, and builds without the protections do not."""

from pathlib import Path

import pytest

from tests.faults.builds import make_build
from tests.faults.experiments import BY_NAME
from tests.faults.fault_runs import ALONE, LANES, LONG_ONLY, Results, list_failures, run_faults
from tests.faults.findings import Control
from tests.support.read_models import LONG

pytestmark = pytest.mark.alone

CONTROLS: dict[str, Control] = {each.without: each for one in BY_NAME.values() for each in one.controls}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Results:
    """What was found by all the experiments of this module that were chosen, run before the first test of them."""
    chosen = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    return run_faults(chosen & set(BY_NAME), tmp_path_factory.mktemp("faults"), long=LONG)


SHORT = [name for lane in LANES + ALONE for name in lane]


@pytest.mark.parametrize("name", BY_NAME if LONG else SHORT)
def test_what_is_promised_holds_under_a_fault_and_fails_without_the_protection(name: str, results: Results) -> None:
    found = results.get(name)
    assert found is not None, f"{name} did not come to an end"
    assert list_failures(found) == []


def test_every_experiment_is_run() -> None:
    assert sorted(name for lane in LANES + ALONE + LONG_ONLY for name in lane) == sorted(BY_NAME)


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_the_code_still_holds_what_a_control_takes_out(control: Control, tmp_path: Path) -> None:
    make_build(tmp_path, control.cuts)


def test_every_experiment_has_a_control() -> None:
    assert not [each.name for each in BY_NAME.values() if not each.controls]
