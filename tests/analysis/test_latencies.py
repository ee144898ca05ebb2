"""Percentiles out of the HdrHistogram logs against sorting the raw times, and the objectives they are held against."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from analysis.checks.objectives import judge_objectives, judge_question
from analysis.findings import Check, ScenarioReport
from analysis.plan.plan import Plan, Stage
from analysis.plan.scenario_files import read_plan, scenario_path
from analysis.records.gaps import Gaps
from analysis.records.latencies import Latencies, read_latencies
from analysis.records.results_folder import DIGITS, HIGHEST_US, LOWEST_US
from analysis.report.report import build_report
from tests.support.recordings import (
    ADD,
    CHANGE,
    LIST,
    LOGIN,
    ONE,
    START,
    Made,
    make_plan,
    write_good_run,
    write_latencies,
)

PROJECT = Path(__file__).parents[2]
SHARES = (0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


def rank(times: list[float], share: float) -> float:
    """The nearest-rank percentile by sorting."""
    return sorted(times)[max(math.ceil(share * len(times)) - 1, 0)]


def make_answers(seed: int, number: int) -> list[Made]:
    """Answers from a quarter of a millisecond to a minute, on three endpoints over a minute."""
    source = random.Random(seed)
    endpoints = (LIST, ONE, ADD)
    return [
        (source.randrange(60), source.choice(endpoints), min(60_000.0, max(0.25, source.lognormvariate(2.5, 1.8))))
        for _ in range(number)
    ]


@pytest.mark.parametrize(("seed", "number"), [(1, 1), (2, 37), (3, 5000), (4, 20_000)])
def test_percentiles_agree_with_sorting_the_raw_times_to_one_percent(tmp_path: Path, seed: int, number: int) -> None:
    made = make_answers(seed, number)
    write_latencies(tmp_path / "soak.hlog", made)
    gaps = Gaps()
    latencies = read_latencies(tmp_path, "soak", gaps)
    assert (latencies.answers, gaps) == (number, Gaps())
    for share in SHARES:
        assert latencies.percentile(share) == pytest.approx(rank([ms for _, _, ms in made], share), rel=0.01)
    for endpoint in (LIST, ONE, ADD):
        times = [ms for second, name, ms in made if name == endpoint and 10 <= second < 40]
        mine = latencies.of([endpoint]).between(START + 10, START + 40)
        assert mine.answers == len(times)
        for share in SHARES:
            assert mine.percentile(share) == (pytest.approx(rank(times, share), rel=0.01) if times else None)


def test_the_log_is_one_that_the_library_itself_can_read(tmp_path: Path) -> None:
    made = make_answers(9, 2000)
    write_latencies(tmp_path / "soak.hlog", made)
    whole = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    reader = HistogramLogReader(str(tmp_path / "soak.hlog"), whole)
    while reader.add_next_interval_histogram(whole):
        pass
    reader.close()
    mine = read_latencies(tmp_path, "soak", Gaps())
    assert whole.get_total_count() == mine.answers == 2000
    for share in SHARES:
        assert mine.percentile(share) == pytest.approx(whole.get_value_at_percentile(100 * share) / 1000, rel=0.001)


def test_the_logs_of_several_processes_add_up_whatever_their_order(tmp_path: Path) -> None:
    made = make_answers(11, 3000)
    for part in ("0", "1", "2"):
        write_latencies(tmp_path / f"soak_{part}.hlog", made[int(part) :: 3])
    (one := tmp_path / "one").mkdir()
    write_latencies(one / "soak.hlog", made)
    parted, whole = read_latencies(tmp_path, "soak", Gaps()), read_latencies(one, "soak", Gaps())
    assert parted.names == whole.names
    assert [parted.percentile(share) for share in SHARES] == [whole.percentile(share) for share in SHARES]
    (tmp_path / "soak_2.hlog").rename(tmp_path / "soak_3.hlog")
    assert read_latencies(tmp_path, "soak", Gaps()).percentile(0.95) == whole.percentile(0.95)


def test_a_log_that_was_cut_off_gives_what_is_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "soak.hlog"
    write_latencies(path, [(second, LIST, 10.0) for second in range(30)])
    path.write_bytes(path.read_bytes()[:-20])
    gaps = Gaps()
    assert read_latencies(tmp_path, "soak", gaps).answers == 29
    assert gaps == ["soak.hlog is cut off or damaged in line 32"]


def test_latencies_of_failed_requests_enter_no_percentile(tmp_path: Path) -> None:
    plan = make_plan(name="smoke", shed_ratio=1.0)
    slow = {number for number in range(400) if number % 5 == 0}
    write_good_run(tmp_path, plan, kinds=lambda number: "shed" if number in slow else "right", latency=lambda *_: 20.0)
    (scenario,) = build_report(tmp_path).scenarios
    assert (scenario.achieved["shed"], scenario.achieved["p99_ms"]) == (57, pytest.approx(20, rel=0.01))


def judge(folder: Path, plan: Plan, rows: list[tuple[str, int, float]]) -> list[Check]:
    """Judge the objectives of answers (endpoint, number, milliseconds)."""
    write_latencies(folder / "x.hlog", [(1, endpoint, ms) for endpoint, number, ms in rows for _ in range(number)])
    return judge_objectives(plan, read_latencies(folder, "x", Gaps()), "x.hlog")


ME = "GET|/me"
REFRESH = "POST|/refresh"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(LIST, 100, 99.5)], ""),
        ([(LIST, 100, 101)], "The p95 of GET /api/books is 101 ms (objective 100 ms, 100 answers)."),
        ([(LIST, 95, 20), (LIST, 5, 290)], ""),
        ([(LIST, 94, 20), (LIST, 6, 290)], "The p95 of GET /api/books is 290 ms"),
        ([(LIST, 99, 101), (ME, 99, 20)], "The p95 of 2 rare reads together is 101 ms"),
        ([(LIST, 99, 20), (ME, 3, 290)], ""),
        ([(LIST, 100, 20), (CHANGE, 100, 201)], "The p95 of PATCH /api/books/{isbn} is 201 ms (objective 200 ms"),
        ([(LIST, 100, 20), (CHANGE, 100, 199)], ""),
        ([(LIST, 100, 20), (REFRESH, 20, 201)], "The p95 of POST /refresh is 201 ms"),
        (
            [(LIST, 100, 20), (REFRESH, 19, 201)],
            "19 answers to POST /refresh took too long (over 200 ms",
        ),
        ([(LIST, 100, 20), (REFRESH, 15, 20), (REFRESH, 4, 201)], ""),
        ([(LIST, 100, 20), (LOGIN, 20, 1995)], ""),
        ([(LIST, 100, 20), (f"{LOGIN}%20200", 20, 2005)], "The p95 of POST /login 200 is 2,0"),
    ],
)
def test_latency_is_judged_per_endpoint_and_for_rare_ones_together(
    tmp_path: Path, rows: list[tuple[str, int, float]], reason: str
) -> None:
    checks = judge(tmp_path, make_plan(), rows)
    found = [check.reason for check in checks if check.verdict == "FAIL"]
    assert [reason in each for each in found] == ([True] if reason else [])
    assert {check.verdict for check in checks} <= {"PASS", "FAIL", None}


@pytest.mark.parametrize(
    ("rows", "given", "reason"),
    [
        ([(LIST, 495, 20), (LIST, 5, 900)], {}, ""),
        ([(LIST, 494, 20), (LIST, 6, 301)], {}, "The p99 of GET /api/books is 301 ms"),
        ([(LIST, 494, 20), (LIST, 6, 299)], {}, ""),
        ([(LIST, 494, 20), (LIST, 6, 900)], {"reads_p99_ms": 901}, ""),
        ([(LIST, 494, 20), (LIST, 6, 900)], {"reads_p95_ms": 301}, ""),
        (
            [(LIST, 494, 20), (LIST, 6, 150)],
            {"reads_p99_ms": 100},
            "The p99 of GET /api/books is 150 ms (obj",
        ),
        ([(LIST, 300, 20), (ME, 96, 20), (ME, 5, 900)], {}, "The p99 of 2 rare reads together is 900 ms"),
        ([(LIST, 97, 20), (LIST, 2, 900)], {}, ""),  # 99 answers say nothing of the slowest hundredth
        ([(LIST, 500, 20), (CHANGE, 494, 20), (CHANGE, 6, 601)], {}, "The p99 of PATCH /api/books/{isbn} is 601 ms"),
        ([(LIST, 500, 20), (LOGIN, 494, 20), (LOGIN, 6, 3005)], {}, "The p99 of POST /login is 3,0"),
        ([(LIST, 500, 20), (LOGIN, 494, 20), (LOGIN, 6, 2995)], {}, ""),
    ],
)
def test_the_slowest_hundredth_has_an_objective_of_its_own_three_times_that_of_p95_unless_it_is_given(
    tmp_path: Path, rows: list[tuple[str, int, float]], given: dict[str, float], reason: str
) -> None:
    checks = judge(tmp_path, make_plan(**given), rows)  # type: ignore[arg-type]
    found = [check.reason for check in checks if check.verdict == "FAIL"]
    assert [reason in each for each in found] == ([True] if reason else [])


def test_an_objective_with_too_few_answers_is_named_as_not_judged(tmp_path: Path) -> None:
    checks = judge(tmp_path, make_plan(), [(LIST, 100, 20), (LOGIN, 6, 20), (LOGIN, 1, 9000)])
    assert [(check.name, check.verdict, check.reason) for check in checks] == [
        ("GET /api/books p95", "PASS", ""),
        ("writes p95", None, "There were 0 answers (20 are needed)."),
        ("POST /login p95", None, "There were 7 answers (20 are needed)."),
        ("GET /api/books p99", "PASS", ""),
        ("writes p99", None, "There were 0 answers (100 are needed)."),
        ("POST /login p99", None, "There were 7 answers (100 are needed)."),
    ]


SCENARIOS = ("baseline", "read_heavy", "write_heavy", "stages", "soak", "spike")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_question_without_its_objectives_is_not_answered(tmp_path: Path, name: str) -> None:
    plan = read_plan(scenario_path(PROJECT, "full", name))
    assert judge_question(plan) == []
    bare = {key: value for key, value in plan.objectives.items() if not key.endswith("-ms")}
    checks = judge_question(replace(plan, objectives=bare))
    assert {check.verdict for check in checks} == {"INCONCLUSIVE"}
    asked = {"read_heavy": ["reads"], "spike": ["reads"], "write_heavy": ["writes"]}.get(name, ["reads", "writes"])
    assert [check.reason for check in checks] == [
        f"No {group} can be judged, because the scenario file gives no objective-{group}-p95-ms." for group in asked
    ]


@pytest.mark.parametrize("name", ["baseline", "write_heavy"])
def test_a_run_without_the_objectives_of_its_question_never_passes(tmp_path: Path, name: str) -> None:
    plan = make_plan(Stage(50, 60, 10), name=name, share=0.5)
    write_good_run(tmp_path, replace(plan, objectives={}), latency=lambda *_: 900.0)
    (scenario,) = build_report(tmp_path).scenarios
    assert scenario.verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(("ms", "verdict"), [(5490.0, "PASS"), (5520.0, "FAIL")])
def test_no_answer_takes_longer_than_the_services_promise(tmp_path: Path, ms: float, verdict: str) -> None:
    plan = make_plan(name="smoke")
    seen: list[float] = []

    def latency(*_: object) -> float:
        seen.append(10.0)
        return ms if len(seen) == 150 else 10.0

    write_good_run(tmp_path, plan, latency=latency)
    (scenario,) = build_report(tmp_path).scenarios
    assert scenario.verdict == verdict
    assert scenario.reasons in ((), ("1 answer took too long (over 5.5 s, the longest 5.52 s, of 285 answers).",))


def test_objectives_of_which_none_could_be_judged_never_pass(tmp_path: Path) -> None:
    first, *others = judge(tmp_path, make_plan(), [(LIST, 15, 20), (REFRESH, 15, 20)])
    assert (first.verdict, {check.verdict for check in others}) == ("INCONCLUSIVE", {None})
    assert first.reason.endswith("too few answers. GET /api/books p95: There were 15 answers (20 are needed).")


def test_the_time_line_of_the_latencies_shows_each_second(tmp_path: Path) -> None:
    plan = make_plan(name="smoke")
    made = write_good_run(tmp_path, plan, latency=lambda second, *_: 10.0 + second)
    scenario: ScenarioReport = build_report(tmp_path).scenarios[0]
    (p95,) = [line for line in scenario.time_lines if (line.group, line.name) == ("latency", "p95")]
    assert p95.source == "smoke.hlog"
    seconds = sorted({second for second, _, _ in made})
    assert [point[0] for point in p95.points] == seconds
    assert [point[1] for point in p95.points] == [pytest.approx(10 + second, rel=0.01) for second in seconds]


def test_nothing_is_no_percentile() -> None:
    empty = read_latencies(Path("/nowhere"), "x", Gaps())
    assert isinstance(empty, Latencies)
    assert (empty.answers, empty.percentile(0.95), empty.between(0, 9).percentile(0.5)) == (0, None, None)
