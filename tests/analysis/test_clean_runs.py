"""A run that is drawn out of a recorded one is a whole run, as good and as bad as that one."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.checks.evidence import gather_evidence
from analysis.findings import PASS
from analysis.plan.plan import Stage
from analysis.records.counts import count_requests
from analysis.records.curve import Curve, measure_curve
from analysis.records.endpoints import count_ledger_writes
from analysis.records.locust_files import read_results
from analysis.records.results_folder import THINK
from analysis.records.run import read_run
from analysis.report.report import build_report
from tests.documents.verdict_controls import DOCUMENT, replace_between
from tests.error_rates.clean_runs import BEGIN, END, FILE, write_table
from tests.error_rates.resampling import draw_sources, find_sections, resample_run, write_scenario
from tests.support.made_runs import Break, Slow, change_samples, generator, lines, load, make_run, real_plan, services
from tests.support.read_models import LONG
from tests.support.recordings import ADD, CHANGE, LIST, START

SCENARIOS = ("smoke", "baseline", "read_heavy", "write_heavy", "stages", "spike")


def test_the_table_of_the_document_is_that_of_the_numbers() -> None:
    text, found = DOCUMENT.read_text(), json.loads(FILE.read_text())
    assert text == replace_between(text, BEGIN, END, write_table(found)), "run tests.error_rates.clean_runs --json"


def draw(folder: Path, name: str, seed: int, *breaks: Break) -> Path:
    """A made-up quick run, broken so, and another that is drawn out of it: the folder of that."""
    recorded, drawn = folder / "recorded", folder / f"drawn{seed}"
    if not recorded.exists():
        recorded.mkdir()
        make_run(recorded, real_plan(name, "quick"), breaks)
    drawn.mkdir()
    resample_run(recorded, read_run(recorded), drawn, np.random.default_rng(seed))
    return drawn


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_drawn_out_of_a_clean_one_is_clean(name: str, tmp_path: Path) -> None:
    for seed in range(3):
        (scenario,) = build_report(draw(tmp_path, name, seed)).scenarios
        assert (scenario.verdict, scenario.reasons) == (PASS, ())


@pytest.mark.parametrize("name", ["baseline", "stages", "spike", "soak"])
def test_a_run_in_which_every_second_stays_is_the_recorded_one(name: str, tmp_path: Path) -> None:
    recorded, same = tmp_path / "recorded", tmp_path / "same"
    recorded.mkdir()
    same.mkdir()
    plan = real_plan(name, "quick")
    plan = replace(plan, stages=(Stage(10, 90, 10),)) if name == "soak" else plan
    make_run(recorded, plan, [load(Slow(20, 90.0)), services(noise=1e6, growth={"rss": 5e6, "clients": 9})])
    for file in ("run.json", "scenarios.csv"):
        (same / file).write_bytes((recorded / file).read_bytes())
    write_scenario(recorded, name, same, {})
    assert build_report(same) == build_report(recorded)


def test_blocks_change_places_within_their_plateau_alone(tmp_path: Path) -> None:
    plan = real_plan("spike", "quick")
    make_run(tmp_path, plan)
    results = read_results(tmp_path, "spike")
    curve = measure_curve(results.history, results.stopped_at)
    sections = find_sections(plan, curve)
    assert [end for _, end in sections] == [10, 30, 60]
    assert sections[-1][0] == 40, "the ten seconds after the spike stay"
    drawn = draw_sources(plan, curve, np.random.default_rng(1), 5)
    assert any(second != origin for second, origin in drawn.items())
    for second, origin in drawn.items():
        (mine,) = [one for one in sections if one[0] <= second - START < one[1]]
        assert mine[0] <= origin - START < mine[1]


@pytest.mark.parametrize(("writes", "planned", "verdict"), [(10, 0.1, "PASS"), (13, 0.08, "INVALID")])
def test_a_mix_that_passes_is_the_plan_of_the_drawn_run(
    tmp_path: Path, writes: int, planned: float, verdict: str
) -> None:
    mix = {LIST: 100 - writes, ADD: writes // 2, CHANGE: writes - writes // 2}
    drawn = draw(tmp_path, "read_heavy", 1, load(mix=mix))
    assert read_run(drawn).plans[0].write_share == pytest.approx(planned, abs=0.002)
    (check,) = [
        check for check in build_report(drawn).scenarios[0].checks if check.name == "the mix was the planned one"
    ]
    assert check.verdict == verdict


def test_slow_seconds_are_as_many_as_they_were_on_the_average(tmp_path: Path) -> None:
    slow = load(Slow(1, 900.0, begin=15, end=16))  # one of the 24 seconds after the ramp
    found = []
    for seed in range(30 if LONG else 12):
        drawn = draw(tmp_path, "read_heavy", seed, slow)
        run = read_run(drawn)
        made = gather_evidence(drawn, run.plans[0], run).latencies
        found.append(len(set(made.second[made.us > 800_000].tolist())))
    assert min(found) < max(found)
    assert 0.5 <= np.mean(found) <= 2


def test_a_stalled_loop_of_the_load_is_still_seen_in_most_runs(tmp_path: Path) -> None:
    stalled = generator(lags={second: [900.0] for second in (9, 15, 21, 27)})
    verdicts = [build_report(draw(tmp_path, "read_heavy", seed, stalled)).verdict for seed in range(10)]
    assert verdicts.count("INVALID") >= 8


def test_growth_stays_and_none_is_made(tmp_path: Path) -> None:
    plan = replace(real_plan("soak", "quick"), stages=(Stage(10, 150, 10),))
    for growth in (0.0, 6e6):
        recorded, drawn = tmp_path / f"recorded{growth}", tmp_path / f"drawn{growth}"
        recorded.mkdir()
        drawn.mkdir()
        make_run(recorded, plan, [grow(growth)])
        resample_run(recorded, read_run(recorded), drawn, np.random.default_rng(1))
        before, after = (read_course(folder, "rss") for folder in (recorded, drawn))
        assert len(after) == len(before)
        assert after[-1] - after[0] == pytest.approx(before[-1] - before[0], abs=2e5)
        assert before != after
        used = read_course(drawn, "cpu_s")
        assert used == sorted(used), "processor time only rises"
        assert build_report(drawn).verdict == build_report(recorded).verdict


def grow(memory: float) -> Break:
    """Services of which one grows by so many bytes a minute, with noise."""
    return services(growth={"rss": memory}, noise=2e5)


def read_course(folder: Path, quantity: str) -> list[float]:
    """The values of books 4001 in a soak, in the order of time."""
    samples = [json.loads(line) for line in (folder / "soak_server.jsonl").read_text().splitlines()]
    return [one["workers"]["4001"][quantity] for one in samples if "4001" in one.get("workers", {})]


def test_blocks_of_a_soak_come_from_near_by_and_not_from_its_warm_up(tmp_path: Path) -> None:
    plan = replace(real_plan("soak", "quick"), stages=(Stage(10, 150, 10),))
    curve = Curve(START, [0, *[10] * 149])
    drawn = draw_sources(plan, curve, np.random.default_rng(1), 5)
    assert min(drawn) == START + 32
    assert max(abs(second - origin) for second, origin in drawn.items()) <= 12
    assert sum(second != origin for second, origin in drawn.items()) > len(drawn) / 2


def shed_in(*seconds: int) -> Break:
    """All requests of some seconds are refused."""
    return load(kind_at=lambda second, _: "shed" if second in seconds else "right")


def test_totals_keep_to_the_seconds(tmp_path: Path) -> None:
    for seed in range(5):
        drawn = draw(tmp_path, "read_heavy", seed, shed_in(15, 22))
        run = read_run(drawn)
        evidence = gather_evidence(drawn, run.plans[0], run)
        counts = count_requests(evidence.rows)
        assert evidence.results.total is not None
        assert (evidence.results.total.requests, evidence.results.total.failures) == (counts.requests, counts.shed)
        assert sum(endpoint.requests for endpoint in evidence.results.endpoints) == counts.requests
        assert evidence.results.shed == counts.shed


def test_a_mismatch_of_the_recorded_totals_stays_one(tmp_path: Path) -> None:
    def lose(found: list[str]) -> list[str]:
        return [line for line in found if not line.startswith(f"{START + 3},")]

    (scenario,) = build_report(draw(tmp_path, "read_heavy", 1, lines("_seconds.csv", lose))).scenarios
    assert [check.name for check in scenario.not_passed] == ["all requests were written down"]
    assert scenario.verdict == "INVALID"


def test_writes_beyond_the_recorded_ones_are_in_the_ledger_too(tmp_path: Path) -> None:
    more = 0
    for seed in range(5):
        run = read_run(draw(tmp_path, "write_heavy", seed))
        old, new = (
            gather_evidence(folder, run.plans[0], run) for folder in (tmp_path / "recorded", tmp_path / f"drawn{seed}")
        )
        rise = count_ledger_writes(new.endpoints) - count_ledger_writes(old.endpoints)
        assert len(new.writes) - len(old.writes) == max(0, rise)
        told = replace(new.audit, sent=old.audit.sent, refused=old.audit.refused)
        assert told == old.audit, "nothing else of the writes has changed"
        more += max(0, rise)
    assert more


def test_a_course_without_noise_stays_as_it_was_recorded(tmp_path: Path) -> None:
    plan = replace(real_plan("soak", "quick"), stages=(Stage(10, 150, 10),))
    recorded, drawn = tmp_path / "recorded", tmp_path / "drawn"
    recorded.mkdir()
    drawn.mkdir()
    a_second = 1e5  # bytes
    make_run(recorded, plan, [services(growth={"rss": 60 * a_second})])
    resample_run(recorded, read_run(recorded), drawn, np.random.default_rng(1))
    before, after = (read_course(folder, "rss") for folder in (recorded, drawn))
    assert after == pytest.approx(before, abs=1)


def test_a_worker_that_was_replaced_once_is_replaced_once(tmp_path: Path) -> None:
    (scenario,) = build_report(draw(tmp_path, "read_heavy", 1, services(replaced=18))).scenarios
    (recorded,) = build_report(tmp_path / "recorded").scenarios
    assert scenario.verdict == recorded.verdict == "FAIL"
    assert scenario.reasons == recorded.reasons


def test_all_records_of_a_second_move_together(tmp_path: Path) -> None:
    def mark(sample: dict[str, Any]) -> None:
        sample["values"]["db_pool_in_use"] = 7.0

    begin = 15
    marks = (
        load(Slow(1, 900.0, begin=begin, end=begin + 1)),
        generator(lags={begin: [33.0]}),
        change_samples(mark, begin, begin + 1),
    )
    seen: Counter[int] = Counter()
    for seed in range(10):
        drawn = draw(tmp_path, "read_heavy", seed, *marks)
        run = read_run(drawn)
        evidence = gather_evidence(drawn, run.plans[0], run)
        slow = set(evidence.latencies.second[evidence.latencies.us > 800_000].tolist())
        assert {round(row.at) - 1 for row in evidence.generator[""] if row.lags_ms} == slow
        assert {int(each.at) for each in evidence.samples if (each.values or {}).get("db_pool_in_use") == 7} == slow
        waited = {row.second for row in evidence.rows if row.endpoint != THINK and row.busy_s > 0.8 * row.right > 0}
        assert waited == slow
        seen.update(slow)
    assert len(seen) > 5, "the second was drawn to many places"
