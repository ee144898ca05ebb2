"""What happens in the course of a load: drift in baseline, the way up and down in stages, recovery after a spike."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.findings import Figure, ScenarioReport
from analysis.plan.plan import Plan, Stage
from analysis.report.report import NO_ANSWER, build_report
from tests.support.read_models import LONG
from tests.support.recordings import (
    ADD,
    LIST,
    LOGIN,
    ONE,
    Latency,
    Load,
    Services,
    make_plan,
    make_requests,
    usual_latency,
    write_good_run,
    write_run,
    write_scenario,
    write_server,
)

BASELINE = make_plan(Stage(50, 60, 10))
STAGES = make_plan(*(Stage(users, 20, 50) for users in (30, 60, 90, 60, 30)), name="stages")
SPIKE = make_plan(Stage(50, 20, 50), Stage(200, 20, 100), Stage(50, 60, 100), name="spike", reads_p95_ms=500)
SPIKE_ENDS = 40
RUNS = 20 if LONG else 8


def judge_folder(folder: Path) -> ScenarioReport:
    """The only scenario of a run."""
    (scenario,) = build_report(folder).scenarios
    return scenario


def numbers(figure: Figure) -> tuple[float, float, float]:
    """The interval of a figure and, between its ends, the figure."""
    assert figure.low is not None and figure.high is not None
    return figure.low, float(figure.value or 0), figure.high


def growing(factor: float, begin: float = 30.0) -> Latency:
    """Usual latencies that are `factor` times as long from a second on."""
    return lambda second, endpoint, source: usual_latency(second, endpoint, source) * (factor if second >= begin else 1)


def test_a_steady_baseline_passes_and_says_what_is_normal(tmp_path: Path) -> None:
    write_good_run(tmp_path, BASELINE)
    scenario = judge_folder(tmp_path)
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())
    figures = {figure.name: figure for figure in scenario.figures}
    for name, truth in (("p50", 10.0), ("p95", 10 * 1.638), ("throughput", 25.0)):
        assert figures[name].value == pytest.approx(truth, rel=0.1)
        low, value, high = numbers(figures[name])
        assert low <= value <= high
        assert high - low < 0.3 * truth
    assert "a factor of 1.5 would not show" in scenario.notes[0]


def test_the_interval_of_a_figure_holds_the_truth_in_most_runs(tmp_path: Path) -> None:
    held = 0
    for seed in range(RUNS):
        write_good_run(tmp_path, BASELINE, seed=seed)
        (p50,) = [figure for figure in judge_folder(tmp_path).figures if figure.name == "p50"]
        low, _, high = numbers(p50)
        held += low <= 10.0 <= high
    assert held >= 0.8 * RUNS  # of 95 % intervals


@pytest.mark.parametrize(
    ("factor", "verdict"), [(2.5, "FAIL"), (2.0, "FAIL"), (1.3, "PASS"), (1.0, "PASS"), (0.2, "PASS")]
)
def test_a_p95_that_rises_in_mid_run_fails_the_baseline_and_one_that_falls_does_not(
    tmp_path: Path, factor: float, verdict: str
) -> None:
    write_good_run(tmp_path, BASELINE, latency=growing(factor))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    if verdict == "FAIL":
        assert scenario.reasons[0].startswith("The p95 of the last third is ")


def test_slowness_in_the_ramp_and_the_warm_up_is_no_drift(tmp_path: Path) -> None:
    def cold(second: int, endpoint: str, source: random.Random) -> float:
        return usual_latency(second, endpoint, source) * (8 if second < 10 else 1)

    write_good_run(tmp_path, BASELINE, latency=cold)
    assert judge_folder(tmp_path).verdict == "PASS"


def test_a_steady_baseline_hardly_ever_fails(tmp_path: Path) -> None:
    quick = make_plan(Stage(50, 30, 10))
    verdicts = []
    for seed in range(RUNS):
        write_good_run(tmp_path, quick, seed=seed, latency=lambda *each: usual_latency(*each) ** 1.5)
        verdicts.append(judge_folder(tmp_path).verdict)
    assert verdicts == ["PASS"] * RUNS


def test_a_baseline_with_too_few_answers_is_inconclusive(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(Stage(20, 30, 10)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INCONCLUSIVE"
    assert scenario.reasons == ("A third of the run has too few answers to tell whether the p95 is steady.",)


def test_a_plan_that_is_all_ramp_has_no_steady_part(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(Stage(50, 20, 2)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INVALID"
    assert scenario.answer == f"{NO_ANSWER} Nothing was answered after the warm-up."


def following(users_matter: bool, factor_down: float) -> Latency:
    """Latencies that follow the load, and are longer on the way down."""

    def latency(second: int, endpoint: str, source: random.Random) -> float:
        load = (1, 2, 4, 2, 1)[min(second // 20, 4)] if users_matter else 1
        return usual_latency(second, endpoint, source) * load * (factor_down if second >= 60 else 1)

    return latency


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "PASS"), (1.1, "PASS"), (2.0, "FAIL"), (0.5, "PASS")])
def test_the_same_load_must_give_the_same_latency_on_the_way_down(tmp_path: Path, factor: float, verdict: str) -> None:
    write_good_run(tmp_path, STAGES, latency=following(True, factor))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    if verdict == "FAIL":
        assert ["at 30 users" in reason or "at 60 users" in reason for reason in scenario.reasons] == [True] * 2


def test_the_plateaus_of_the_stages_are_shown_with_their_latencies(tmp_path: Path) -> None:
    write_good_run(tmp_path, STAGES, latency=following(True, 1.0))
    (table,) = [table for table in judge_folder(tmp_path).tables if table.title == "Plateaus"]
    assert [row[:2] for row in table.rows] == [(1, 30), (2, 60), (3, 90), (4, 60), (5, 30)]
    p50 = [row[table.columns.index("p50 ms")] for row in table.rows]
    assert p50 == [pytest.approx(10 * load, rel=0.15) for load in (1, 2, 4, 2, 1)]
    assert table.source == "stages.hlog, stages_seconds.csv"


def test_a_difference_of_a_few_milliseconds_is_noise(tmp_path: Path) -> None:
    def fast(second: int, endpoint: str, source: random.Random) -> float:
        return usual_latency(second, endpoint, source) / 5 * (2 if second >= 60 else 1)

    write_good_run(tmp_path, STAGES, latency=fast)
    assert judge_folder(tmp_path).verdict == "PASS"


def slow_for(seconds: float, ms: float = 400.0) -> Latency:
    """Slow in the spike and for some seconds after it; log-ins are always slow."""

    def latency(second: int, endpoint: str, source: random.Random) -> float:
        if endpoint == LOGIN:
            return 900.0
        return ms if 20 <= second < SPIKE_ENDS + seconds else usual_latency(second, endpoint, source)

    return latency


@pytest.mark.parametrize(("slow", "seconds"), [(0, 0), (10, 10), (20, 20), (30, 30)])
def test_the_seconds_until_it_is_normal_after_a_spike_are_given(tmp_path: Path, slow: float, seconds: int) -> None:
    write_good_run(tmp_path, SPIKE, latency=slow_for(slow), mix={LIST: 60, ONE: 30, LOGIN: 10})
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "PASS", scenario.reasons
    (again,) = [figure for figure in scenario.figures if figure.name == "normal again after"]
    assert again.value == seconds
    assert f"normal again {again.value} s after the spike" in scenario.answer


@pytest.mark.parametrize(
    ("slow", "verdict", "words"),
    [
        (31, "FAIL", "normal again 31 s after the spike (objective 30 s;"),
        (53, "FAIL", "normal again 53 s after the spike (objective 30 s;"),
        (58, "FAIL", "normal again 58 s after the spike (objective 30 s;"),
        (99, "FAIL", "not normal again within 60 s of the spike (objective 30 s;"),
    ],
)
def test_a_service_that_recovers_too_late_or_never_fails(tmp_path: Path, slow: float, verdict: str, words: str) -> None:
    write_good_run(tmp_path, SPIKE, latency=slow_for(slow))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    assert words in scenario.reasons[0]


@pytest.mark.parametrize(
    ("slow", "single", "verdict", "words"),
    [
        (24, {28}, "PASS", ""),
        (25, {29}, "INCONCLUSIVE", "only 4 good seconds followed (5 are needed)"),
        (18, {23, 28}, "FAIL", "single seconds were not normal for 2 s (of 12 s;"),
        (14, {20, 26}, "PASS", ""),
    ],
)
def test_a_bad_second_by_itself_after_the_recovery_is_no_failure_but_no_good_second_either(
    tmp_path: Path, slow: int, single: set[int], verdict: str, words: str
) -> None:
    plan = replace(SPIKE, stages=(*SPIKE.stages[:2], replace(SPIKE.stages[2], seconds=30)))
    usual, bad = slow_for(slow), {SPIKE_ENDS + second for second in single}
    write_good_run(tmp_path, plan, latency=lambda second, *rest: 400.0 if second in bad else usual(second, *rest))
    scenario = judge_folder(tmp_path)
    (check,) = [check for check in scenario.checks if check.name == "normal after the spike"]
    assert check.verdict == verdict, check.reason
    assert words in check.reason
    (again,) = [figure.value for figure in scenario.figures if figure.name == "normal again after"]
    assert again == (slow if verdict == "PASS" else None)
    assert ("were not normal again within" in scenario.answer) == (again is None)


def test_a_service_that_gives_no_right_answer_after_the_spike_is_not_normal(tmp_path: Path) -> None:
    made = write_good_run(tmp_path, SPIKE)
    first = next(number for number, (second, _, _) in enumerate(made) if second >= SPIKE_ENDS)
    write_good_run(tmp_path, SPIKE, kinds=lambda number: "shed" if number > first else "right")
    assert "not normal again within 60 s" in "; ".join(judge_folder(tmp_path).reasons)


def test_a_service_that_goes_on_refusing_after_the_spike_is_not_normal_however_fast_its_right_answers_are(
    tmp_path: Path,
) -> None:
    made = write_good_run(tmp_path, SPIKE)
    first = next(number for number, (second, _, _) in enumerate(made) if second >= SPIKE_ENDS)
    write_good_run(tmp_path, SPIKE, kinds=lambda number: "shed" if number > first and number % 4 else "right")
    assert "not normal again within 60 s" in "; ".join(judge_folder(tmp_path).reasons)


def logging_in(kind: str, begin: int = 0, end: int = 999) -> dict[str, object]:
    """A load whose every twentieth request is a log-in, all of which end so in some seconds."""
    mix = {LIST: 60, ONE: 35, LOGIN: 5}
    source = Load(SPIKE, mix=mix)
    kinds = {n: kind for n, (s, e, _, _) in enumerate(make_requests(source), 1) if e == LOGIN and begin <= s < end}
    return {"mix": mix, "kinds": lambda number: kinds.get(number, "right")}


@pytest.mark.parametrize(("begin", "end", "verdict"), [(40, 999, "FAIL"), (20, 40, "PASS")])
def test_refusals_of_all_log_ins_are_found_after_the_spike_and_borne_in_it(
    tmp_path: Path, begin: int, end: int, verdict: str
) -> None:
    plan = replace(SPIKE, objectives={**SPIKE.objectives, "shed-ratio": 0.3})
    write_good_run(tmp_path, plan, **logging_in("shed", begin, end))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    if verdict == "FAIL":
        assert "log-ins after the spike with 503 or 429 (100 % of " in scenario.reasons[0]


def test_seconds_in_which_nobody_asked_are_not_bad(tmp_path: Path) -> None:
    lonely = make_plan(Stage(1, 60, 1), Stage(200, 30, 100), Stage(1, 60, 200), name="spike", reads_p95_ms=500)
    write_good_run(tmp_path, lonely)
    checks = {check.name: check.verdict for check in judge_folder(tmp_path).checks}
    assert checks["normal after the spike"] == "PASS"


def test_what_is_not_good_enough_before_a_spike_is_not_normal_after_it(tmp_path: Path) -> None:
    plan = replace(SPIKE, objectives={**SPIKE.objectives, "reads-p95-ms": 400.0})
    write_good_run(tmp_path, plan, latency=lambda second, *_: 240.0 if second < 20 else 470.0)
    checks = {check.name: check.verdict for check in judge_folder(tmp_path).checks}
    assert checks["normal after the spike"] == "FAIL"


@pytest.mark.parametrize(("every", "verdict"), [(21, "PASS"), (15, "FAIL")])
def test_refusals_are_counted_in_the_spike(tmp_path: Path, every: int, verdict: str) -> None:
    plan = Plan(**{**vars(SPIKE), "objectives": {**SPIKE.objectives, "shed-ratio": 0.05}})
    users = write_good_run(tmp_path, plan)
    begin = next(number for number, (second, _, _) in enumerate(users) if second >= 20)
    end = next(number for number, (second, _, _) in enumerate(users) if second >= SPIKE_ENDS)
    kinds = {number: "shed" for number in range(begin, end, every)}
    write_good_run(tmp_path, plan, kinds=lambda number: kinds.get(number, "right"))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    if verdict == "FAIL":
        assert "requests in the spike with 503 or 429 (6." in scenario.reasons[0]


def test_a_spike_that_was_cut_off_is_not_judged(tmp_path: Path) -> None:
    write_run(tmp_path, SPIKE, codes={})
    write_scenario(tmp_path, SPIKE, users=[50] * 15)
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INVALID"
    assert scenario.answer == f"{NO_ANSWER} The run has no seconds before, in or after the spike."


@pytest.mark.parametrize(("misses", "share"), [(0, 1.0), (57, 0.8)])
def test_the_share_of_reads_that_the_read_model_answered_is_told(tmp_path: Path, misses: int, share: float) -> None:
    plan = make_plan(name="read_heavy")
    write_good_run(tmp_path, plan)
    write_server(tmp_path, plan, Services(misses=misses))
    scenario = judge_folder(tmp_path)
    assert f"The read model answered {100 * share:g} % of the catalogue reads." in scenario.answer
    (figure,) = [figure for figure in scenario.figures if "read model" in figure.name]
    assert (figure.value, figure.source) == (share, "read_heavy_server.jsonl, read_heavy_seconds.csv")


def test_what_a_write_costs_is_shown_beside_a_read(tmp_path: Path) -> None:
    plan = make_plan(name="write_heavy", share=0.5)
    write_good_run(tmp_path, plan, latency=lambda _, endpoint, __: 30.0 if endpoint == ADD else 10.0)
    (table,) = [table for table in judge_folder(tmp_path).tables if table.title == "What a write costs"]
    assert {row[0]: row[2] for row in table.rows} == {
        "POST /api/books": pytest.approx(30, rel=0.01),
        "PATCH /api/books/{isbn}": pytest.approx(10, rel=0.01),
        "reads of the catalogue": pytest.approx(10, rel=0.01),
    }
