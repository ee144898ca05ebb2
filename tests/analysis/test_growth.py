"""What the soak finds out: growth that was put in, process and slope by name, and none where there was none."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.findings import Figure, ScenarioReport
from analysis.number_formats import say_number
from analysis.plan.plan import Plan, Stage
from analysis.report.report import build_report
from tests.support.read_models import LONG
from tests.support.recordings import Services, make_plan, usual_latency, write_good_run, write_server

KIB = 1024
USUAL = make_plan(Stage(20, 150, 20), name="soak", memory_kib_per_minute=512)
QUICK = Plan(**{**vars(USUAL), "limits": {"warm-up-seconds": 30.0}})
SOAKS = 20 if LONG else 8
REQUESTS_A_MINUTE = 60 * 50 / 4  # of one of four processes, at 100 users


def judge_folder(folder: Path) -> ScenarioReport:
    """The only scenario of a run."""
    (scenario,) = build_report(folder).scenarios
    return scenario


def judge_growth(
    folder: Path, growth: dict[str, float] | None = None, noise: float = 50 * KIB, seed: int = 3
) -> ScenarioReport:
    """A quick soak of services that grow so much a minute."""
    write_good_run(folder, QUICK)
    write_server(folder, QUICK, Services(growth=growth or {}, noise=noise, seed=seed))
    return judge_folder(folder)


@pytest.mark.parametrize(
    ("growth", "words", "slope"),
    [
        ({"rss": 1 * KIB * REQUESTS_A_MINUTE}, "The memory of books 4001 grew by", 750),
        ({"fds": 60.0}, "The own descriptors of books 4001 grew by", 60),
        ({"threads": 6.5}, "The threads of books 4001 grew by", 6.5),
        ({"db_connections": 12.0}, "The database connections of books grew by", 12),
    ],
)
def test_what_leaks_is_named_with_its_process_and_its_slope(
    tmp_path: Path, growth: dict[str, float], words: str, slope: float
) -> None:
    scenario = judge_growth(tmp_path, growth)
    assert (scenario.verdict, len(scenario.reasons)) == ("FAIL", 1)
    assert scenario.reasons[0].startswith(words)
    (check,) = [check for check in scenario.checks if check.verdict == "FAIL"]
    assert check.figures[0].value == pytest.approx(slope, rel=0.1)
    assert check.figures[0].source == "soak_server.jsonl"


@pytest.mark.parametrize(
    ("what", "rate", "words", "slope"),
    [
        ("rss", 400.0 * KIB, "memory", 400),
        ("fds", 4.0, "own descriptors", 4),
        ("threads", 4.0, "threads", 4),
        ("db_connections", 4.0, "database connections", 4),
        ("redis_keys", 500.0, "keys in Redis", 500),
        ("clients", 30.0, "connections of clients", 30),
    ],
)
def test_growth_below_its_objective_or_without_one_is_shown_and_does_not_fail(
    tmp_path: Path, what: str, rate: float, words: str, slope: float
) -> None:
    scenario = judge_growth(tmp_path, {what: rate})
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())
    (table,) = [table for table in scenario.tables if table.title == "Growth"]
    assert max(row[2] for row in table.rows if row[0] == words) == pytest.approx(slope, rel=0.1)


def test_a_clean_service_fails_in_none_of_many_soaks_however_its_memory_jumps(tmp_path: Path) -> None:
    write_good_run(tmp_path, QUICK)
    verdicts = []
    for seed in range(SOAKS):
        write_server(tmp_path, QUICK, Services(noise=500 * KIB, seed=seed))
        verdicts.append(judge_folder(tmp_path).verdict)
    assert verdicts == ["PASS"] * SOAKS


def test_the_smallest_growth_that_is_found_grows_with_the_noise_and_is_found(tmp_path: Path) -> None:
    def smallest(scenario: ScenarioReport) -> float:
        figures = [f for check in scenario.checks if check.name.startswith("memory") for f in check.figures]
        return max(number(f) for f in figures if f.name == "smallest detectable growth")

    quiet, noisy = judge_growth(tmp_path, noise=0), judge_growth(tmp_path, noise=2000 * KIB)
    assert smallest(quiet) == 512
    assert smallest(noisy) > 700
    assert f"(detectable from {say_number(smallest(noisy), 'KiB')})" in noisy.answer
    seen = judge_growth(tmp_path, {"rss": 2 * smallest(noisy) * KIB}, noise=2000 * KIB)
    assert seen.verdict == "FAIL"


def number(figure: Figure) -> float:
    """The figure as a number."""
    assert isinstance(figure.value, int | float)
    return figure.value


def test_growth_in_the_warm_up_is_left_out(tmp_path: Path) -> None:
    write_good_run(tmp_path, QUICK)
    path = tmp_path / "soak_server.jsonl"
    lines = path.read_text().splitlines()
    early = [line.replace('"fds": 20', '"fds": 9') if number < 90 else line for number, line in enumerate(lines)]
    path.write_text("\n".join(early))
    assert judge_folder(tmp_path).verdict == "PASS"


def test_p95_that_creeps_up_fails_where_the_file_gives_an_objective(tmp_path: Path) -> None:
    crowd = (Stage(100, 150, 20),)  # the p95 of fewer answers wanders too far
    plan = Plan(**{**vars(QUICK), "stages": crowd, "objectives": {**QUICK.objectives, "p95-ms-per-minute": 3.0}})
    write_good_run(tmp_path, plan, latency=lambda second, *rest: usual_latency(second, *rest) * (1 + second / 60))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert scenario.reasons[0].startswith("The p95 of all answers but log-ins of both services grew by 1")


def test_p95_that_doubles_in_a_soak_fails_without_an_objective_for_its_growth(tmp_path: Path) -> None:
    plan = replace(QUICK, stages=(Stage(100, 150, 50),))
    write_good_run(tmp_path, plan, latency=lambda second, *rest: usual_latency(second, *rest) * (1 + second / 60))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert scenario.reasons[0].startswith("The p95 of the last third is ")


def test_connections_of_clients_fail_where_the_file_gives_an_objective_and_are_no_descriptors_of_the_service(
    tmp_path: Path,
) -> None:
    plan = Plan(**{**vars(QUICK), "objectives": {**QUICK.objectives, "clients-per-minute": 5.0}})
    write_good_run(tmp_path, plan)
    write_server(tmp_path, plan, Services(growth={"clients": 30.0}))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert [reason.partition(" grew")[0] for reason in scenario.reasons] == ["The connections of clients of books 4001"]


def test_a_recording_that_does_not_tell_clients_apart_is_judged_by_all_descriptors(tmp_path: Path) -> None:
    assert judge_growth(tmp_path, {"clients": 30.0}).verdict == "PASS"
    path = tmp_path / "soak_server.jsonl"
    path.write_text(re.sub(r', "clients": \d+', "", path.read_text()))
    (reason,) = judge_folder(tmp_path).reasons
    assert reason.startswith("The own descriptors of books 4001 grew by")


def test_services_that_tell_nothing_of_their_processes_are_inconclusive(tmp_path: Path) -> None:
    write_good_run(tmp_path, QUICK)
    path = tmp_path / "soak_server.jsonl"
    path.write_text(path.read_text().replace('"workers"', '"others"').replace('"others": {', '"workers": {}, "x": {'))
    assert judge_folder(tmp_path).verdict == "INVALID"  # lines that are not as they should be are no samples
    path.write_text("".join(line[: line.index(', "workers"')] + "}\n" for line in lines_of(tmp_path)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INCONCLUSIVE"
    assert "There are too few samples to judge the growth of memory of auth." in scenario.reasons


def test_a_service_of_which_no_process_lasted_was_not_watched(tmp_path: Path) -> None:
    write_good_run(tmp_path, QUICK)
    path = tmp_path / "soak_server.jsonl"
    lines = [line.replace('"40', f'"{50 + number // 60}') for number, line in enumerate(lines_of(tmp_path))]
    path.write_text("\n".join(lines))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert scenario.reasons[0].startswith("Worker processes started or ended during the load: books 5001 ended (at ")
    assert "There are too few samples to judge the growth of memory of books." in scenario.reasons


def lines_of(folder: Path) -> list[str]:
    """The samples of a good soak."""
    write_server(folder, QUICK)
    return (folder / "soak_server.jsonl").read_text().splitlines()


def test_a_process_that_was_replaced_in_mid_run_fails_by_name_and_time_and_its_growth_is_not_judged(
    tmp_path: Path,
) -> None:
    write_good_run(tmp_path, QUICK)
    path = tmp_path / "soak_server.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.replace('"4001"', '"4901"') if n > 260 else line for n, line in enumerate(lines)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    changes = "books 4001 ended (at 130 s), books 4901 started (at 130 s)"
    assert scenario.reasons == (f"Worker processes started or ended during the load: {changes}.",)
    assert "books 4901 was there for too short a time to judge its growth." in scenario.notes
