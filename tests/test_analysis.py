"""The rules of the verdicts, each both ways, on results folders in the format that Locust leaves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings import (
    Row,
    make_plan,
    ramp_users,
    write_failures,
    write_good_run,
    write_history,
    write_run,
    write_stats,
)

from analysis.latency import percentile
from analysis.plan import Plan, Stage, plan_from_dict, plan_to_dict
from analysis.progress import END_BYTES, describe_progress, read_ends
from analysis.results import read_results
from analysis.scenario_files import PlanError, parse_seconds, read_plan
from analysis.summarize import main, summarize_run

SHAPE = (Stage(50, 20, 10), Stage(100, 20, 10), Stage(50, 20, 10))
SPIKE = (Stage(50, 20, 10), Stage(500, 20, 100), Stage(50, 60, 100))
READS = "GET", "/api/books"


def judge_folder(folder: Path) -> dict[str, Any]:
    """The only scenario of a run."""
    (scenario,) = summarize_run(folder)["scenarios"]
    return dict(scenario)


def test_a_run_that_kept_to_its_plan_and_its_objectives_passes(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    summary = summarize_run(tmp_path)
    (scenario,) = summary["scenarios"]
    assert (summary["verdict"], summary["complete"], scenario["reasons"]) == ("PASS", True, [])
    assert scenario["planned"] == {"users": 5, "seconds": 20, "write_share": None}
    wanted = {"users": 5, "seconds": 20, "requests": 200, "rps": 10.0, "error_ratio": 0, "p50_ms": 20, "p95_ms": 20}
    assert wanted.items() <= scenario["achieved"].items()


@pytest.mark.parametrize(
    ("plan", "users", "verdict", "reason"),
    [
        (make_plan(), [0, *range(1, 6), *[5] * 14], "PASS", ""),
        (make_plan(), [0] * 4 + [*range(1, 6), *[5] * 15], "PASS", ""),
        (make_plan(), [0, *range(1, 6), *[5] * 14, *[0] * 30], "PASS", ""),
        (make_plan(), [0, *range(1, 6), *[5] * 11, *[0] * 3], "INVALID", "ran 17 s where 20 s were planned"),
        (make_plan(), [0, *range(1, 6), *[5] * 11], "INVALID", "ran 17 s where 20 s were planned"),
        (make_plan(), [0, *range(1, 6), *[5] * 16], "PASS", ""),
        (make_plan(), [0, *range(1, 6), *[5] * 17], "INVALID", "ran 23 s where 20 s were planned"),
        (make_plan(), [0, *range(1, 20)], "INVALID", "users were 6 to 19 where 5 were planned"),
        (make_plan(), [0, 1, 2, *[3] * 17], "INVALID", "users were 3 where 5 were planned, for 14 of 14 s"),
        (make_plan(), [0, *range(1, 6), 5, 5, 4, 4, *[5] * 10], "PASS", ""),
        (make_plan(), [0, *range(1, 6), 5, 5, 4, 4, 4, *[5] * 9], "INVALID", "users were 4 where 5"),
        (make_plan(), [0] * 20, "INVALID", "ran 0 s where 20 s were planned"),
        (make_plan(*SHAPE), ramp_users(make_plan(*SHAPE)), "PASS", ""),
        (make_plan(*SHAPE), ramp_users(make_plan(Stage(50, 60, 10))), "INVALID", "plateau 2: users were 50 where 100"),
        (make_plan(*SHAPE), ramp_users(make_plan(*SHAPE[:2])), "INVALID", "ran 40 s where 60 s were planned"),
        (make_plan(Stage(5, 60, 1)), ramp_users(make_plan(*SHAPE)), "INVALID", "users were 50 to 100 where 5"),
    ],
)
def test_users_and_seconds_are_held_against_the_plan_in_both_directions(
    tmp_path: Path, plan: Plan, users: list[int], verdict: str, reason: str
) -> None:
    write_good_run(tmp_path, plan)
    write_history(tmp_path, plan.name, users)
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == verdict, scenario["reasons"]
    assert reason in "; ".join(scenario["reasons"])


@pytest.mark.parametrize(
    ("stopped", "verdict"), [(20.4, "PASS"), (17.9, "INVALID"), (23.0, "INVALID"), (None, "INVALID")]
)
def test_what_the_history_says_after_the_stop_is_no_part_of_the_load(
    tmp_path: Path, stopped: float | None, verdict: str
) -> None:
    write_good_run(tmp_path, make_plan())
    write_history(tmp_path, "baseline", [0, *range(1, 6), *[5] * 14, 3, 3, 3, 3, 3])
    write_stats(tmp_path, "baseline", [(*READS, 200, 0, 20)], stopped)
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == verdict, scenario["reasons"]


@pytest.mark.parametrize(
    ("writes", "verdict"), [(80, "PASS"), (100, "PASS"), (120, "INVALID"), (50, "INVALID"), (0, "INVALID")]
)
def test_the_mix_is_held_against_the_interval_of_its_planned_share(tmp_path: Path, writes: int, verdict: str) -> None:
    plan = make_plan(share=0.08)
    write_good_run(tmp_path, plan)
    rows: list[Row] = [
        (*READS, 1000 - writes, 0, 20),
        ("POST", "/api/books", writes, 0, 20),
        ("GET", "/me", 500, 0, 20),
    ]
    write_stats(tmp_path, plan.name, rows)
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == verdict, scenario["reasons"]
    assert scenario["achieved"]["write_share"] == writes / 1000


@pytest.mark.parametrize(
    ("text", "allowed", "verdict", "reason"),
    [
        (
            "CatchResponseError('GET /api/books: 3 items instead of 20')",
            0.0,
            "FAIL",
            "1 of 200 requests failed (0.50%)",
        ),
        ("shed: 503 Service Unavailable", 0.0, "PASS", ""),
        ("CatchResponseError('shed: 429 after 10 tries')", 0.0, "PASS", ""),
        ("shed: 500 no such thing", 0.0, "FAIL", "1 of 200 requests failed"),
        ("503 without being asked for", 0.0, "FAIL", "1 x GET /api/books: 503 without"),
        ("no answer: ConnectionResetError", 0.01, "PASS", ""),
        ("no answer: ConnectionResetError", 0.0, "FAIL", "1 of 200 requests failed"),
        ("another book than the one asked for", 0.01, "FAIL", "1 of 200 requests failed"),
        ("CatchResponseError('500 instead of 200: no detail')", 0.01, "FAIL", "1 answers were 500"),
        ("500 instead of 200: no detail", 1.0, "FAIL", "1 answers were 500"),
    ],
)
def test_errors_fail_and_refusals_are_counted_apart(
    tmp_path: Path, text: str, allowed: float, verdict: str, reason: str
) -> None:
    plan = make_plan(error_ratio=allowed, shed_ratio=0.05)
    write_good_run(tmp_path, plan)
    write_stats(tmp_path, plan.name, [(*READS, 200, 1, 20)])
    write_failures(tmp_path, plan.name, [(*READS, text, 1)])
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == verdict, scenario["reasons"]
    assert reason in "; ".join(scenario["reasons"])
    assert scenario["achieved"]["errors"] + scenario["achieved"]["shed"] == 1


def test_errors_are_counted_from_the_totals_when_the_failures_file_was_cut_off(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 200, 7, 20)])
    assert "7 of 200 requests failed" in judge_folder(tmp_path)["reasons"][0]


@pytest.mark.parametrize(("shed", "verdict"), [(10, "PASS"), (11, "FAIL")])
def test_refusals_fail_above_their_objective(tmp_path: Path, shed: int, verdict: str) -> None:
    plan = make_plan(shed_ratio=0.05)
    write_good_run(tmp_path, plan)
    write_stats(tmp_path, plan.name, [(*READS, 200, shed, 20)])
    write_failures(tmp_path, plan.name, [(*READS, "shed: 503", shed)])
    assert judge_folder(tmp_path)["verdict"] == verdict


@pytest.mark.parametrize(
    ("rows", "verdict", "reason"),
    [
        ([(*READS, 100, 0, 100)], "PASS", ""),
        ([(*READS, 100, 0, 101)], "FAIL", "GET /api/books: p95 101 ms, objective 100 ms (100 answers)"),
        ([(*READS, 99, 0, 101), ("GET", "/me", 99, 0, 20)], "FAIL", "2 rare reads together: p95 101 ms"),
        ([(*READS, 99, 0, 20), ("GET", "/me", 3, 0, 900)], "PASS", ""),
        ([(*READS, 100, 0, 20), ("PATCH", "/api/books/{isbn}", 100, 0, 201)], "FAIL", "PATCH /api/books/{isbn}"),
        ([(*READS, 100, 0, 20), ("PATCH", "/api/books/{isbn}", 100, 0, 200)], "PASS", ""),
        ([(*READS, 100, 0, 20), ("POST", "/refresh", 20, 0, 201)], "FAIL", "POST /refresh: p95 201 ms"),
        ([(*READS, 100, 0, 20), ("POST", "/refresh", 19, 0, 201)], "PASS", ""),
        ([(*READS, 100, 0, 20), ("POST", "/login", 20, 0, 1999)], "PASS", ""),
        ([(*READS, 100, 0, 20), ("POST", "/login 200", 20, 0, 2001)], "FAIL", "POST /login 200: p95 2001 ms"),
    ],
)
def test_latency_is_judged_per_endpoint_and_for_rare_ones_together(
    tmp_path: Path, rows: list[Row], verdict: str, reason: str
) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", rows)
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == verdict, scenario["reasons"]
    assert reason in "; ".join(scenario["reasons"])


def test_an_objective_with_too_few_answers_is_named_as_not_judged(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 100, 0, 20), ("POST", "/login", 7, 0, 9000)])
    scenario = judge_folder(tmp_path)
    assert scenario["verdict"] == "PASS"
    assert scenario["notes"] == [
        "writes not judged: 0 answers",
        "POST /login not judged: 7 answers, fewer than 20",
    ]


def test_rare_endpoints_without_histograms_are_judged_only_where_the_answer_is_certain(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 50, 0, 20), ("GET", "/me", 50, 0, 500), ("POST", "/refresh", 20, 0, 9)])
    (tmp_path / "baseline_requests.json").unlink()
    reads, writes, _ = judge_folder(tmp_path)["objectives"]
    assert (reads["held"], reads["why"], writes["held"]) == (None, ", and their histograms are missing", True)


@pytest.mark.parametrize(("answers", "verdict"), [(0, "INCONCLUSIVE"), (19, "INCONCLUSIVE"), (20, "PASS")])
def test_too_few_answers_never_pass(tmp_path: Path, answers: int, verdict: str) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, answers, 0, 20)])
    assert judge_folder(tmp_path)["verdict"] == verdict


def test_endpoints_that_do_not_add_up_to_the_total_make_the_scenario_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    stats = tmp_path / "baseline_stats.csv"
    stats.write_text(stats.read_text().replace("GET,/api/books,200", "GET,/api/books,0"))
    assert judge_folder(tmp_path)["reasons"] == ["the endpoints add up to 0 requests, the total says 200"]


def test_objectives_of_which_none_could_be_judged_never_pass(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 15, 0, 20), ("POST", "/refresh", 15, 0, 20)])
    scenario = judge_folder(tmp_path)
    assert (scenario["verdict"], scenario["reasons"]) == (
        "INCONCLUSIVE",
        ["too few answers to judge any latency by"],
    )


def test_an_exception_of_the_load_side_makes_the_scenario_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_failures(tmp_path, "baseline", [], exceptions=3)
    scenario = judge_folder(tmp_path)
    assert (scenario["verdict"], len(scenario["reasons"])) == ("INVALID", 1)
    assert "raised 3 exceptions" in scenario["reasons"][0]


@pytest.mark.parametrize(
    ("code", "complete", "reason"),
    [(1, False, "exit code 1)"), (137, False, "killed by signal 9"), ("interrupted", False, "was interrupted")],
)
def test_a_scenario_that_did_not_end_by_itself_is_invalid(
    tmp_path: Path, code: object, complete: bool, reason: str
) -> None:
    write_good_run(tmp_path, make_plan())
    write_run(tmp_path, make_plan(), codes={"baseline": code})
    summary = summarize_run(tmp_path)
    assert (summary["verdict"], summary["complete"]) == ("INVALID", complete)
    assert reason in summary["scenarios"][0]["reasons"][0]


def test_a_scenario_that_never_ran_is_inconclusive_and_the_run_not_complete(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_run(tmp_path, make_plan(), make_plan(name="soak"), codes={"baseline": 0})
    summary = summarize_run(tmp_path)
    assert [s["verdict"] for s in summary["scenarios"]] == ["PASS", "INCONCLUSIVE"]
    assert (summary["verdict"], summary["complete"]) == ("INCONCLUSIVE", False)
    assert summary["scenarios"][1]["reasons"] == ["did not run"]


def test_latency_is_not_judged_when_the_question_was_not_asked_properly(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 200, 0, 5000)])
    write_history(tmp_path, "baseline", [0, *[9] * 19])
    assert judge_folder(tmp_path)["verdict"] == "INVALID"


def test_an_error_wins_over_an_invalid_load(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan())
    write_stats(tmp_path, "baseline", [(*READS, 200, 1, 20)])
    write_history(tmp_path, "baseline", [0, *[9] * 19])
    scenario = judge_folder(tmp_path)
    assert (scenario["verdict"], len(scenario["reasons"])) == ("FAIL", 2)


@pytest.mark.parametrize(
    ("slow_until", "verdict", "seconds"),
    [(45, "PASS", 6), (69, "PASS", 30), (70, "FAIL", 31), (96, "INCONCLUSIVE", None), (99, "FAIL", None)],
)
def test_recovery_after_a_spike_is_measured_and_judged_as_finely_as_the_history_allows(
    tmp_path: Path, slow_until: int, verdict: str, seconds: int | None
) -> None:
    plan = make_plan(*SPIKE, name="spike", recovery_seconds=30)
    write_good_run(tmp_path, plan)
    users = ramp_users(plan)
    p95 = [900 if 20 < at <= slow_until else 15 for at in range(len(users))]
    write_history(tmp_path, plan.name, users, p95)
    scenario = judge_folder(tmp_path)
    assert (scenario["verdict"], scenario["achieved"]["recovery_seconds"]) == (verdict, seconds), scenario["reasons"]


@pytest.mark.parametrize(("kept", "gap"), [(0, "is missing"), (300, "cut off"), (700, "cut off")])
def test_files_that_a_kill_cut_off_are_read_as_far_as_they_go_and_named(tmp_path: Path, kept: int, gap: str) -> None:
    write_good_run(tmp_path, make_plan())
    for path in [*tmp_path.glob("baseline_*.csv"), tmp_path / "baseline_requests.json"]:
        whole = path.read_bytes()
        path.write_bytes(whole[: min(kept, len(whole) - 5)])
        if not kept:
            path.unlink()
    assert judge_folder(tmp_path)["verdict"] in ("INVALID", "FAIL")
    gaps = read_results(tmp_path, "baseline").gaps
    assert any(line.startswith("baseline_stats_history.csv") and gap in line for line in gaps), gaps


def run_summarize(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis.summarize", *arguments]
    project = Path(__file__).resolve().parent.parent
    return subprocess.run(command, check=False, cwd=project, capture_output=True, text=True, timeout=60)


def test_summarizing_an_old_run_again_gives_the_same_bytes_and_a_table_of_eighty_columns(tmp_path: Path) -> None:
    plan = make_plan(Stage(1000, 20, 500), name="write_heavy", share=0.75)
    write_good_run(tmp_path, plan)
    first = run_summarize(str(tmp_path))
    summary = (tmp_path / "summary.json").read_bytes()
    second = run_summarize(str(tmp_path))
    assert (first.returncode, first.stdout) == (2, second.stdout)
    assert (tmp_path / "summary.json").read_bytes() == summary
    assert all(len(line) <= 80 for line in first.stdout.splitlines() if str(tmp_path) not in line)
    assert {"run", "profile", "complete", "verdict", "scenarios"} <= json.loads(summary).keys()
    assert "Verdict of the run: INVALID" in first.stdout


@pytest.mark.parametrize(
    ("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INVALID", 2), ("INCONCLUSIVE", 2), ("crash", 3)]
)
def test_the_exit_code_of_a_summary_is_that_of_the_run(tmp_path: Path, verdict: str, code: int) -> None:
    write_good_run(tmp_path, make_plan())
    if verdict == "FAIL":
        write_stats(tmp_path, "baseline", [(*READS, 200, 1, 20)])
    if verdict == "INVALID":
        write_history(tmp_path, "baseline", [0, *[9] * 19])
    if verdict == "INCONCLUSIVE":
        write_stats(tmp_path, "baseline", [(*READS, 3, 0, 20)])
    if verdict == "crash":
        write_run(tmp_path, make_plan(), codes={"baseline": 139})
    assert main([str(tmp_path)]) == code


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ('{"run": "x", "prof', "is cut off"), ("[]", "is cut off")]
)
def test_a_folder_without_a_run_is_refused_in_one_line(
    tmp_path: Path, content: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert main([str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert words in said.err and (said.out, said.err.count("\n")) == ("", 1)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_wrong_use_of_summarize_shows_its_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert capsys.readouterr().err == "usage: python -m analysis.summarize DIR\n"


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
        ("20s", "soon", "run-time = soon is no time; write it like 30s or 5m"),
        ("run-time = 20s", "stages = 5:20", "'5:20' is no stage; write USERS:SECONDS:SPAWN_RATE"),
        ("headless = true", "objective-speed = 9", "objective-speed is unknown"),
    ],
)
def test_a_scenario_file_that_is_wrong_is_refused_by_file_and_key(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    (path := tmp_path / "smoke.conf").write_text(PLAIN.replace(old, new))
    with pytest.raises(PlanError, match=r"smoke\.conf") as caught:
        read_plan(path)
    assert words in str(caught.value)


def test_a_percentile_is_the_nearest_rank_of_the_histogram() -> None:
    assert percentile({10: 94, 500: 6}, 0.95) == 500
    assert percentile({10: 95, 500: 5}, 0.95) == 10
    with pytest.raises(ValueError, match="no answers"):
        percentile({}, 0.95)


def test_progress_says_which_scenario_how_far_and_how_it_is_doing(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(Stage(100, 300, 10), name="read_heavy"))
    history = read_ends(tmp_path / "read_heavy_stats_history.csv")
    assert describe_progress(make_plan(Stage(100, 300, 10), name="read_heavy"), "3/7", history, history[0].at + 42) == (
        "[3/7] read_heavy  0:42 of 5:00  100 users  10.0 req/s  0 failures"
    )


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
