"""How scenario files are read as plans, and how a running scenario shows its progress."""

import json
from pathlib import Path

import pytest

from analysis.plan.plan import Stage, plan_from_dict, plan_to_dict
from analysis.plan.scenario_files import PlanError, parse_seconds, read_plan
from analysis.progress import END_BYTES, count_shed, describe_progress, read_ends
from analysis.records.locust_files import Second
from tests.support.recordings import make_plan, write_failures, write_good_run, write_history


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("20s", 20), ("5m", 300), ("1h30m", 5400), ("1m30s", 90)])
def test_times_are_read_as_locust_reads_them(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


PLAIN = "# Is it well?\nlocustfile = locustfile.py\nheadless = true\nusers = 5\nspawn-rate = 1\nrun-time = 20s\n"


def test_a_plain_scenario_is_a_curve_of_one_stage(tmp_path: Path) -> None:
    (path := tmp_path / "smoke.conf").write_text(PLAIN + "write-share = 0.08\nobjective-error-ratio = 0\n")
    plan = read_plan(path)
    assert (plan.name, plan.question, plan.users, plan.seconds) == ("smoke", "Is it well?", 5, 20)
    assert (plan.stages, plan.write_share, plan.objectives) == ((Stage(5, 20, 1),), 0.08, {"error-ratio": 0})
    assert plan_from_dict(json.loads(json.dumps(plan_to_dict(plan)))) == plan


def test_a_scenario_file_overrides_any_threshold_and_the_others_keep_their_usual_value(tmp_path: Path) -> None:
    (path := tmp_path / "soak.conf").write_text(
        PLAIN + "limit-generator-lag-p99-ms = 50\nobjective-memory-kib-per-minute = 512\n"
    )
    plan = plan_from_dict(json.loads(json.dumps(plan_to_dict(read_plan(path)))))
    assert (plan.limit("generator-lag-p99-ms"), plan.limit("generator-stall-ms")) == (50, 500)
    assert (plan.objective("memory-kib-per-minute"), plan.objective("threads-per-minute")) == (512, 5)
    assert plan.objective("reads-p95-ms") is None


def test_a_shaped_scenario_is_read_from_its_stages(tmp_path: Path) -> None:
    (path := tmp_path / "spike.conf").write_text("locustfile = locustfile_spike.py\nstages = 50:10:50 500:20:100\n")
    plan = read_plan(path)
    assert (plan.users, plan.seconds, plan.stage_ends) == (500, 30, [10, 30])
    assert [(p.users, p.start, p.end) for p in plan.plateaus()] == [(50, 1, 10), (500, 14.5, 30)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("users = 5\n", "", "users is missing"),
        ("users = 5", "users = many", "users = many is no number"),
        ("users = 5", "users = 0", "must be above 0"),
        ("users = 5", "users: 5", "'users: 5' is no setting; write KEY = VALUE"),
        ("headless = true", "--headless = true", "'--headless = true' is no setting"),
        ("headless = true", "headless", "'headless' is no setting"),
        ("20s", "soon", "run-time = soon is no time; write it like 30s or 5m"),
        ("run-time = 20s", "stages = 5:20", "'5:20' is no stage; write USERS:SECONDS:SPAWN_RATE"),
        ("headless = true", "objective-speed = 9", "objective-speed is unknown"),
        ("headless = true", "limit-speed = 9", "limit-speed is unknown"),
        ("headless = true", "objective-shed-ratio = 1.5", "must be from 0 to 1"),
        ("headless = true", "limit-generator-stall-ms = -1", "must be 0 or more"),
        ("headless = true", "shared-accounts = 0", "shared-accounts = 0 must be a whole number from 1 to 100000"),
        ("headless = true", "shared-accounts = 100001", "must be a whole number from 1 to 100000"),
        ("headless = true", "shared-accounts = 2.5", "must be a whole number from 1 to 100000"),
    ],
)
def test_a_scenario_file_that_is_wrong_is_refused_by_file_and_key(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    (path := tmp_path / "smoke.conf").write_text(PLAIN.replace(old, new))
    with pytest.raises(PlanError, match=r"smoke\.conf") as caught:
        read_plan(path)
    assert words in str(caught.value)


PLAN = make_plan(Stage(100, 300, 10), name="read_heavy")


def test_progress_says_which_scenario_how_far_and_how_it_is_doing(tmp_path: Path) -> None:
    write_good_run(tmp_path, PLAN)
    history = read_ends(tmp_path / "read_heavy_stats_history.csv")
    shed = count_shed(tmp_path / "read_heavy_failures.csv")
    assert describe_progress(PLAN, "3/7", history, shed, history[0].at + 42) == (
        "[3/7] read_heavy  0:42 of 5:00  100 users  10.0 req/s  0 failures"
    )


def test_progress_counts_refusals_apart_from_failures(tmp_path: Path) -> None:
    refused = [("GET", "/api/books", "shed: 503", 40), ("POST", "/login", "shed: 429", 2)]
    write_failures(tmp_path, "read_heavy", [*refused, ("GET", "/api/books", "503 without Retry-After", 3)])
    shed = count_shed(tmp_path / "read_heavy_failures.csv")
    line = describe_progress(PLAN, "3/7", [Second(0, 100, 900, 45, 10.0)], shed, 42)
    assert line == "[3/7] read_heavy  0:42 of 5:00  100 users  10.0 req/s  3 failures  42 shed"
    assert count_shed(tmp_path / "missing.csv") == 0


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (71, "[3/7] read_heavy  0:42 of 5:00  100 users  1234.5 req/s  12345 failures"),
        (70, "[3/7] read_heavy  0:42 of 5:00  100 users  12345 failures"),
        (56, "[3/7] read_heavy  0:42 of 5:00  12345 failures"),
        (40, "[3/7] read_heavy  12345 failures"),
        (20, "12345 failures"),
    ],
)
def test_progress_cuts_no_figure_on_a_narrow_terminal(width: int, line: str) -> None:
    assert describe_progress(PLAN, "3/7", [Second(0, 100, 90000, 12345, 1234.5)], 0, 42, width=width) == line


def test_progress_reads_only_the_ends_of_a_long_history(tmp_path: Path) -> None:
    write_history(tmp_path, "soak", range(1000))
    path = tmp_path / "soak_stats_history.csv"
    assert path.stat().st_size > 3 * END_BYTES
    ends = read_ends(path)
    assert (ends[0].users, ends[-1].users, ends[-1].requests) == (0, 999, 9990)
    assert len(ends) < 500
    path.write_bytes(path.read_bytes()[:-40])
    assert read_ends(path)[-1].users == 998
    assert read_ends(tmp_path / "missing.csv") == []
