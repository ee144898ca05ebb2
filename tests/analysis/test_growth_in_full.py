"""What the soaks of the scenario files find out, full and quick: growth of every shape, by name, and no spike."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from analysis.findings import ScenarioReport
from analysis.plan.scenario_files import read_plan, scenario_path
from analysis.records.run import read_run
from analysis.report.report import build_report
from tests.support.read_models import LONG
from tests.support.recordings import Services, write_good_run, write_server

PROJECT = Path(__file__).parents[2]
KIB, MB = 1024, 1e6
USUAL = 20 * KIB  # by which memory jumps to and fro: more than it does in a recorded soak
FULL_S, WARM_S = 1800, 300
ALLOWED = {"rss": 128 * KIB, "fds": 5.0, "threads": 5.0, "clients": 5.0, "db_connections": 5.0}
# The short form lets them grow all at once: each is judged by itself.
GROWING = [[what] for what in ALLOWED] if LONG else [list(ALLOWED)]


@pytest.fixture(scope="module", params=["full", "quick"] if LONG else ["quick"])
def soak(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good soak as the scenario file of the form plans it."""
    return make_soak(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good soak in full."""
    return make_soak("full", tmp_path_factory)


def make_soak(form: str, factory: pytest.TempPathFactory) -> Path:
    """Write a good soak, with fewer users than planned: growth is not judged by them."""
    folder = factory.mktemp(form)
    plan = read_plan(scenario_path(PROJECT, form, "soak"))
    write_good_run(folder, replace(plan, stages=tuple(replace(stage, users=20) for stage in plan.stages)))
    return folder


def judge(folder: Path, services: Services) -> ScenarioReport:
    """What is said of services that did so in this soak."""
    write_server(folder, read_run(folder).plans[0], services)
    (scenario,) = build_report(folder).scenarios
    return scenario


def seconds_of(folder: Path) -> int:
    """The planned seconds of a soak."""
    return int(read_run(folder).plans[0].seconds)


def test_a_clean_soak_passes_and_says_what_it_would_have_found(soak: Path) -> None:
    scenario = judge(soak, Services(noise=USUAL))
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())
    assert "detectable from" in scenario.answer


def test_growth_in_the_last_minutes_is_found(full: Path) -> None:
    """It fills 28 % of the judged time: a median of slopes does not see it."""
    late = Services(noise=USUAL, memory=lambda second: max(0, second - (FULL_S - 420)) * 140 * MB / 420)
    scenario = judge(full, late)
    assert scenario.verdict == "FAIL"
    assert [reason.partition(" grew")[0] for reason in scenario.reasons] == ["The memory of books 4001"]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.9])
def test_a_jump_that_stays_is_found_wherever_it_is(soak: Path, share: float) -> None:
    at = jump_at(soak, share)
    scenario = judge(soak, Services(noise=USUAL, memory=lambda second: 600 * MB * (second >= at)))
    assert scenario.verdict == "FAIL"
    assert all("memory of books 4001 " in reason for reason in scenario.reasons)


def jump_at(soak: Path, share: float) -> float:
    """The second at this share of the judged time."""
    seconds = seconds_of(soak)
    warm = WARM_S if seconds == FULL_S else 36
    return warm + share * (seconds - warm)


@pytest.mark.parametrize("before", [6, 10, 20, 40])
def test_a_jump_close_to_the_end_is_no_pass(soak: Path, before: int) -> None:
    at = seconds_of(soak) - before
    scenario = judge(soak, Services(noise=USUAL, memory=lambda second: 600 * MB * (second >= at)))
    assert scenario.verdict in ("FAIL", "INCONCLUSIVE")
    assert all("memory of books 4001 " in reason for reason in scenario.reasons)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.97])
def test_a_spike_that_goes_away_passes(soak: Path, share: float) -> None:
    at = jump_at(soak, share)
    scenario = judge(soak, Services(noise=USUAL, memory=lambda second: 600 * MB * (at <= second < at + 4)))
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())


def test_a_worker_that_leaks_and_is_replaced_is_judged_in_each_of_its_lives(full: Path) -> None:
    scenario = judge(full, Services(noise=USUAL, memory=lambda second: second * 1000 * MB / 600, replaced=600))
    named = {reason.partition(" grew")[0] for reason in scenario.reasons}
    assert {f"The memory of books {pid}" for pid in (4001, 4101, 4201)} <= named


@pytest.mark.parametrize("growing", GROWING, ids=" ".join)
@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "PASS"), (1.25, "FAIL")])
def test_just_inside_its_limit_passes_and_a_quarter_more_fails(
    full: Path, growing: list[str], factor: float, verdict: str
) -> None:
    growth = {what: factor * ALLOWED[what] for what in growing}
    scenario = judge(full, Services(noise=USUAL, growth=growth))
    assert scenario.verdict == verdict
    assert len(scenario.reasons) == (len(growing) if verdict == "FAIL" else 0), scenario.reasons


@pytest.mark.parametrize(("growth", "verdict"), [(2200 * KIB, "PASS"), (2450 * KIB, "FAIL")])
def test_a_late_step_is_told_by_its_level_alone(full: Path, growth: float, verdict: str) -> None:
    """Allowed are 128 KiB a minute for the 18 minutes between the levels."""
    scenario = judge(full, Services(noise=USUAL, memory=lambda second: growth * (second >= 1400)))
    assert scenario.verdict == verdict
    assert [reason for reason in scenario.reasons if " a minute" in reason or "above the beginning" not in reason] == []


def test_a_step_in_the_middle_is_told_by_its_slope_alone(full: Path) -> None:
    scenario = judge(full, Services(noise=USUAL, memory=lambda second: 2100 * KIB * (second >= 1050)))
    (reason,) = scenario.reasons
    assert (scenario.verdict, "above the beginning" in reason) == ("FAIL", False)
    assert reason.startswith("The memory of books 4001 grew by ")


def test_what_wanders_further_than_it_may_grow_is_no_pass_and_no_fail(full: Path) -> None:
    scenario = judge(full, Services(memory=wander(60, 20 * MB, 5)))
    assert scenario.verdict == "INCONCLUSIVE"
    assert "too uneven to tell" in scenario.reasons[0]


def wander(tau: float, size: float, seed: int) -> Callable[[int], float]:
    """An autoregressive course that rises by three times its size in the run."""
    source, at, course = Random(seed), 0.0, []
    for second in range(FULL_S + 20):
        at += -at / tau + source.gauss(0, size * (2 / tau) ** 0.5)
        course.append(100 * MB + at + 3 * size * second / FULL_S)
    return lambda second: course[second]


def test_seconds_without_samples_hide_no_growth(soak: Path) -> None:
    hole = range(80, 83)
    assert judge(soak, Services(noise=USUAL, missing=hole)).verdict == "PASS"
    assert judge(soak, Services(noise=USUAL, missing=hole, growth={"rss": 3 * 512 * KIB})).verdict == "FAIL"
