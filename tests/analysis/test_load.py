"""The rules about the load and its answers, each both ways: as planned, ran to its end, written down, no errors."""

import re
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.record_rules import judge_ledger
from analysis.findings import RunReport, ScenarioReport
from analysis.plan.plan import Plan, Stage
from analysis.records.counts import Counts
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_seconds
from analysis.records.results_folder import name_endpoint
from analysis.report.report import build_report
from tests.support.recordings import (
    ADD,
    LIST,
    START,
    Load,
    make_plan,
    make_requests,
    ramp_users,
    write_failures,
    write_good_run,
    write_history,
    write_latencies,
    write_run,
    write_scenario,
    write_stats,
)

SHAPE = (Stage(50, 20, 10), Stage(100, 20, 10), Stage(50, 20, 10))
FIVE = make_plan(Stage(5, 20, 1), name="smoke")
SHAPED = make_plan(*SHAPE, name="smoke")


def judge_folder(folder: Path) -> ScenarioReport:
    """The only scenario of a run."""
    (scenario,) = build_report(folder).scenarios
    return scenario


def test_a_run_that_kept_to_its_plan_and_its_objectives_passes(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="read_heavy", share=0.08))
    report = build_report(tmp_path)
    (scenario,) = report.scenarios
    assert (report.verdict, report.complete, scenario.verdict, scenario.reasons) == ("PASS", True, "PASS", ())
    assert scenario.planned == {"users": 20, "seconds": 30, "write_share": 0.08}
    wanted = {"users": 20, "seconds": 30, "requests": 285, "rps": 9.5, "error_ratio": 0, "errors": 0, "shed": 0}
    assert wanted.items() <= scenario.achieved.items()


@pytest.mark.parametrize(
    ("plan", "users", "verdict", "reason"),
    [
        (FIVE, [0, *range(1, 6), *[5] * 14], "PASS", ""),
        (FIVE, [0] * 4 + [*range(1, 6), *[5] * 15], "PASS", ""),
        (FIVE, [0, *range(1, 6), *[5] * 11, *[0] * 3], "INVALID", "The load lasted 17 s (20 s were planned)."),
        (FIVE, [0, *range(1, 6), *[5] * 11], "INVALID", "The load lasted 17 s (20 s were planned)."),
        (FIVE, [0, *range(1, 6), *[5] * 16], "PASS", ""),
        (FIVE, [0, *range(1, 6), *[5] * 17], "INVALID", "The load lasted 23 s (20 s were planned)."),
        (FIVE, [0, *range(1, 20)], "INVALID", "The load had 6 to 19 users (5 were planned; for "),
        (FIVE, [0, 1, 2, *[3] * 17], "INVALID", "The load had 3 users (5 were planned; for 14 of 14 s)."),
        (FIVE, [0, *range(1, 6), 5, 5, 4, 4, *[5] * 10], "PASS", ""),
        (FIVE, [0, *range(1, 6), 5, 5, 4, 4, 4, *[5] * 9], "INVALID", "The load had 4 users (5 were planned"),
        (FIVE, [0] * 20, "INVALID", "The load lasted 0 s (20 s were planned)."),
        (SHAPED, ramp_users(SHAPED), "PASS", ""),
        (
            SHAPED,
            ramp_users(make_plan(Stage(50, 60, 10))),
            "INVALID",
            "on plateau 2 had 50 users (100 were planned",
        ),
        (SHAPED, ramp_users(make_plan(*SHAPE[:2])), "INVALID", "The load lasted 40 s (60 s were planned)."),
        (
            make_plan(Stage(5, 60, 1), name="smoke"),
            ramp_users(SHAPED),
            "INVALID",
            "had 50 to 100 users (5 were planned",
        ),
    ],
)
def test_users_and_seconds_are_held_against_the_plan_in_both_directions(
    tmp_path: Path, plan: Plan, users: list[int], verdict: str, reason: str
) -> None:
    write_good_run(tmp_path, plan, users=users)
    write_stats(tmp_path, plan.name, make_requests(Load(plan, users=users)))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    assert reason in "; ".join(scenario.reasons)


@pytest.mark.parametrize(
    ("stopped", "verdict"), [(30.4, "PASS"), (26.9, "INVALID"), (33.0, "INVALID"), (None, "INVALID")]
)
def test_what_the_history_says_after_the_stop_is_no_part_of_the_load(
    tmp_path: Path, stopped: float | None, verdict: str
) -> None:
    plan = make_plan(name="smoke")
    write_good_run(tmp_path, plan)
    write_history(tmp_path, "smoke", [*ramp_users(plan), 3, 3, 3, 3, 3])
    write_stats(tmp_path, "smoke", make_requests(Load(plan)), stopped)
    assert judge_folder(tmp_path).verdict == verdict


@pytest.mark.parametrize(
    ("writes", "verdict"), [(8, "PASS"), (11, "PASS"), (16, "INVALID"), (2, "INVALID"), (0, "INVALID")]
)
def test_the_mix_is_held_against_the_interval_of_its_planned_share(tmp_path: Path, writes: int, verdict: str) -> None:
    plan = make_plan(Stage(50, 40, 25), name="smoke", share=0.08)
    write_good_run(tmp_path, plan, mix={LIST: 100 - writes, ADD: writes})
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    assert scenario.achieved["write_share"] == pytest.approx(writes / 100, abs=0.01)


def test_what_is_asked_about_a_write_of_unknown_outcome_is_no_part_of_the_mix(tmp_path: Path) -> None:
    plan = make_plan(Stage(50, 40, 25), name="smoke", share=0.5)
    write_good_run(tmp_path, plan, mix={LIST: 40, ADD: 40, name_endpoint("GET", "no-cache /api/books/{isbn}"): 20})
    scenario = judge_folder(tmp_path)
    assert (scenario.verdict, scenario.achieved["write_share"]) == ("PASS", pytest.approx(0.5, abs=0.01))


@pytest.mark.parametrize(
    ("text", "allowed", "verdict", "reason"),
    [
        (
            "CatchResponseError('GET /api/books: 3 items instead of 20')",
            0.0,
            "FAIL",
            "1 request failed (0.35 % of 285): GET /api/books: ",
        ),
        ("shed: 503 Service Unavailable", 0.0, "PASS", ""),
        ("CatchResponseError('shed: 429 after 10 tries')", 0.0, "PASS", ""),
        ("shed: 500 no such thing", 0.0, "FAIL", "1 request failed (0.35 % of 285): "),
        ("503 without being asked for", 0.0, "FAIL", "GET /api/books: 503 without being asked for (1 x)"),
        ("no answer: ConnectionResetError", 0.01, "PASS", ""),
        ("no answer: ConnectionResetError", 0.0, "FAIL", "1 request failed (0.35 % of 285): "),
        ("another book than the one asked for", 0.01, "FAIL", "1 request failed (0.35 % of 285): "),
        ("400 with \x1b[31m\x07 in it", 0.0, "FAIL", "GET /api/books: 400 with ?[31m? in it (1 x)"),
        ("CatchResponseError('500 instead of 200: no detail')", 0.01, "FAIL", "1 answer had status 500."),
        ("500 instead of 200: no detail", 1.0, "FAIL", "1 answer had status 500."),
    ],
)
def test_errors_fail_and_refusals_are_counted_apart(
    tmp_path: Path, text: str, allowed: float, verdict: str, reason: str
) -> None:
    plan = make_plan(name="smoke", error_ratio=allowed, shed_ratio=0.05)
    is_shed = re.search(r"shed: (503|429)", text)
    kind = "shed" if is_shed else "unanswered" if text.startswith("no answer: ") else "wrong"
    write_good_run(tmp_path, plan, kinds=lambda number: kind if number == 9 else "right")
    write_failures(tmp_path, plan.name, [("GET", "/api/books", text, 1)])
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    assert reason in "; ".join(scenario.reasons)
    assert scenario.achieved["errors"] + scenario.achieved["shed"] == 1


def test_errors_are_counted_from_the_seconds_when_the_failures_file_was_cut_off(tmp_path: Path) -> None:
    plan = make_plan(name="smoke")
    write_good_run(tmp_path, plan, kinds=lambda number: "wrong" if number % 40 == 0 else "right")
    write_failures(tmp_path, plan.name, [])
    assert "7 requests failed (2.5 % of 285)" in judge_folder(tmp_path).reasons[0]


def test_errors_that_only_locust_has_counted_are_errors(tmp_path: Path) -> None:
    plan = make_plan(name="smoke")
    write_good_run(tmp_path, plan)
    write_failures(tmp_path, "smoke", [("WALK", "whole", "none of 9 walks got past 2 of the 68 steps", 1)])
    assert judge_folder(tmp_path).reasons == (
        "1 request failed (0.35 % of 285): WALK whole: none of 9 walks got past 2 of the 68 steps (1 x).",
    )


def test_walks_that_locust_lists_as_failed_are_no_requests_without_a_record(tmp_path: Path) -> None:
    """Each machine of a load lists its own; here that is more than 1 % of the requests."""
    plan = make_plan(name="smoke")
    write_good_run(tmp_path, plan)
    walks = [(0, "WALK|whole", 0.0, "wrong")] * 5
    write_stats(tmp_path, "smoke", make_requests(Load(plan)) + walks, 30.0)
    write_failures(tmp_path, "smoke", [("WALK", "whole", "none of 9 walks got past 2 of the 68 steps", 5)])
    (reason,) = judge_folder(tmp_path).reasons
    assert reason.startswith("5 requests failed (1.7 % of 290): WALK whole: ")


@pytest.mark.parametrize(("every", "verdict"), [(20, "PASS"), (19, "FAIL")])
def test_refusals_fail_above_their_objective(tmp_path: Path, every: int, verdict: str) -> None:
    plan = make_plan(name="smoke", shed_ratio=0.05)
    write_good_run(tmp_path, plan, kinds=lambda number: "right" if number % every else "shed")
    assert judge_folder(tmp_path).verdict == verdict


def test_no_request_at_all_never_passes(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"), users=[0] * 30)
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INVALID"
    assert "There are too few answers to judge by (0; 20 are needed)." in scenario.reasons


@pytest.mark.parametrize(("seconds", "answers", "verdict"), [(39, 19, "INCONCLUSIVE"), (41, 20, "PASS")])
def test_too_few_answers_never_pass(tmp_path: Path, seconds: int, answers: int, verdict: str) -> None:
    write_good_run(tmp_path, make_plan(Stage(1, seconds, 1), name="smoke"), mix={LIST: 100})
    scenario = judge_folder(tmp_path)
    assert (scenario.achieved["requests"], scenario.verdict) == (answers, verdict)


def test_a_load_that_was_not_recorded_is_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    for ending in ("_seconds.csv", ".hlog"):
        (tmp_path / f"smoke{ending}").unlink()
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "INVALID"
    assert "There are 0 requests in smoke_seconds.csv (in smoke_stats.csv: 285)." in scenario.reasons
    assert scenario.achieved["requests"] == 285  # as Locust counted them
    assert {"smoke.hlog is missing.", "smoke_seconds.csv is missing."} <= set(scenario.notes)


def test_latencies_that_are_fewer_than_the_right_answers_make_the_scenario_invalid(tmp_path: Path) -> None:
    made = write_good_run(tmp_path, make_plan(name="smoke"))
    write_latencies(tmp_path / "smoke.hlog", made[:-20])
    assert judge_folder(tmp_path).reasons == ("There are 285 right answers in smoke_seconds.csv (in smoke.hlog: 265).",)


def test_endpoints_that_do_not_add_up_to_the_total_make_the_scenario_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"), mix={LIST: 100})
    stats = tmp_path / "smoke_stats.csv"
    stats.write_text(stats.read_text().replace("GET,/api/books,285", "GET,/api/books,0"))
    assert judge_folder(tmp_path).reasons == (
        "There are 0 requests in the rows of smoke_stats.csv (in its total: 285).",
    )


def test_an_exception_of_the_load_side_makes_the_scenario_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    write_failures(tmp_path, "smoke", [], exceptions=3)
    assert judge_folder(tmp_path).reasons == ("The load side raised 3 exceptions (see smoke_exceptions.csv).",)


def summarize_codes(folder: Path, codes: dict[str, object]) -> RunReport:
    """The report of a run that was all right but ended with these codes."""
    write_good_run(folder, make_plan(name="smoke"))
    write_run(folder, make_plan(name="smoke"), make_plan(name="soak"), codes=codes)
    return build_report(folder)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1, "exit code 1)"), (137, "killed by signal 9"), ("interrupted", "was interrupted")],
)
def test_a_scenario_that_did_not_end_by_itself_is_invalid(tmp_path: Path, code: object, reason: str) -> None:
    report = summarize_codes(tmp_path, {"smoke": code})
    assert (report.verdict, report.complete) == ("INVALID", False)
    assert reason in report.scenarios[0].reasons[0]


def test_a_scenario_that_never_ran_is_inconclusive_and_the_run_not_complete(tmp_path: Path) -> None:
    report = summarize_codes(tmp_path, {"smoke": 0})
    assert [scenario.verdict for scenario in report.scenarios] == ["PASS", "INCONCLUSIVE"]
    assert (report.verdict, report.complete) == ("INCONCLUSIVE", False)
    assert report.scenarios[1].reasons == ("The scenario did not run.",)


def test_performance_is_not_judged_when_the_question_was_not_asked_properly(tmp_path: Path) -> None:
    plan = make_plan(name="read_heavy")
    write_good_run(tmp_path, plan, latency=lambda *_: 900.0)
    assert judge_folder(tmp_path).verdict == "FAIL"
    write_scenario(tmp_path, plan, latency=lambda *_: 900.0, users=[0, *[33] * 29])
    assert judge_folder(tmp_path).verdict == "INVALID"


def test_an_error_wins_over_an_invalid_load(tmp_path: Path) -> None:
    plan = make_plan(name="smoke")
    write_good_run(tmp_path, plan, users=[0, *[33] * 29], kinds=lambda number: "wrong" if number == 5 else "right")
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert [("request failed" in reason, "33 users" in reason) for reason in scenario.reasons] == [
        (True, False),
        (False, True),
    ]


def test_requests_without_an_answer_are_no_fail_where_the_question_was_not_asked_properly(tmp_path: Path) -> None:
    plan = make_plan(name="smoke")
    lost = {"kinds": lambda number: "unanswered" if number == 5 else "right"}
    write_good_run(tmp_path, plan, **lost)
    assert judge_folder(tmp_path).verdict == "FAIL"
    write_good_run(tmp_path, plan, users=[0, *[33] * 29], **lost)
    assert judge_folder(tmp_path).verdict == "INVALID"


def test_refusals_fail_where_the_file_gives_no_objective_for_them(tmp_path: Path) -> None:
    plan = make_plan(name="read_heavy")
    plan = Plan(**{**vars(plan), "objectives": {"reads-p95-ms": 100.0}})
    write_good_run(tmp_path, plan, kinds=lambda number: "shed" if number == 5 else "right")
    scenario = judge_folder(tmp_path)
    assert (scenario.verdict, "refused 1 request with 503 or 429" in scenario.reasons[0]) == ("FAIL", True)


@pytest.mark.parametrize(("kept", "gap"), [(0, "is missing"), (300, "cut off"), (700, "cut off")])
def test_files_that_a_kill_cut_off_are_read_as_far_as_they_go_and_named(tmp_path: Path, kept: int, gap: str) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    for path in [*tmp_path.glob("smoke[._]*")]:
        whole = path.read_bytes()
        path.write_bytes(whole[: min(kept, len(whole) - 5)])
        if not kept:
            path.unlink()
    scenario = judge_folder(tmp_path)
    assert scenario.verdict in ("INVALID", "FAIL")
    assert any(note.startswith("smoke_stats_history.csv") and gap in note for note in scenario.notes), scenario.notes
    assert any(note.startswith("smoke.hlog") and gap in note for note in scenario.notes), scenario.notes


def test_the_rows_before_a_cut_are_all_there(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    path = tmp_path / "smoke_seconds.csv"
    lines: list[Any] = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:11]) + lines[11][:7])
    gaps = Gaps()
    assert len(read_seconds(tmp_path, "smoke", gaps)[""]) == 10
    assert gaps == ["smoke_seconds.csv is cut off or damaged in line 12"]


@pytest.mark.parametrize(("kept", "verdict"), [(1.0, "PASS"), (0.995, "PASS"), (0.98, "INVALID"), (0.0, "INVALID")])
def test_writes_that_the_ledger_has_not_make_the_scenario_invalid(tmp_path: Path, kept: float, verdict: str) -> None:
    plan = make_plan(Stage(20, 60, 10), name="smoke")
    write_good_run(tmp_path, plan, mix={LIST: 80, ADD: 20})
    path = tmp_path / "smoke_ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    outcomes, sent = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    left = round(kept * len(sent))
    path.write_text("".join([*outcomes, *sent[:left]]))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict, scenario.reasons
    if verdict != "PASS":
        assert scenario.reasons == (f"smoke_ledger.jsonl has {left} writes ({len(sent)} were sent).",)


@pytest.mark.parametrize(("kept", "verdict"), [(1.0, "PASS"), (0.995, "PASS"), (0.98, "INVALID"), (0.0, "INVALID")])
def test_answers_to_writes_that_the_ledger_has_not_make_the_scenario_invalid(
    tmp_path: Path, kept: float, verdict: str
) -> None:
    write_good_run(tmp_path, make_plan(Stage(20, 60, 10), name="smoke"), mix={LIST: 80, ADD: 20})
    path = tmp_path / "smoke_ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    outcomes, sent = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    left = round(kept * len(outcomes))
    path.write_text("".join([*outcomes[:left], *sent]))
    scenario = judge_folder(tmp_path)
    said = f"smoke_ledger.jsonl has the answers to {left} writes ({len(sent)} were answered)."
    assert (scenario.verdict, scenario.reasons) == (verdict, () if verdict == "PASS" else (said,))


@pytest.mark.parametrize(("kept", "verdict"), [(1.0, "PASS"), (0.98, "INVALID")])
@pytest.mark.parametrize("kind", ["shed", "wrong"])
def test_other_answers_do_not_stand_in_for_those_that_the_ledger_has_not(
    tmp_path: Path, kept: float, verdict: str, kind: str
) -> None:
    plan = make_plan(Stage(20, 60, 10), name="smoke")
    write_good_run(tmp_path, plan, mix={LIST: 80, ADD: 20}, kinds=lambda number: "right" if number % 9 else kind)
    path = tmp_path / "smoke_ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    outcomes, sent = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    path.write_text("".join([*outcomes[: round(kept * len(outcomes))], *sent]))
    checks = {check.name: check for check in judge_folder(tmp_path).checks}
    assert checks["the ledger has the answers"].verdict == verdict, checks["the ledger has the answers"].reason


@pytest.mark.parametrize(("pause", "second"), [(range(100, 112), 96), (range(107, 117), 103)])
def test_a_load_that_pauses_for_less_than_a_tenth_of_its_time_does_not_balance_either(
    tmp_path: Path, pause: range, second: int
) -> None:
    plan = make_plan(Stage(20, 300, 20), name="smoke")
    write_good_run(tmp_path, plan)
    path = tmp_path / "smoke_seconds.csv"
    rows = path.read_text().splitlines(keepends=True)
    busy = [row for row in rows if not any(row.startswith(f"{START + paused},") for paused in pause)]
    path.write_text("".join(busy))
    reasons = "; ".join(judge_folder(tmp_path).reasons)
    assert f"did nothing for over half of 10 s (from second {second} on they were busy for 80 s of 200)." in reasons


# What one smoke walk asks of the catalogue, by the status it wants; and what of it can change no book.
WALKED = {
    "POST|/api/books": {"201": 3, "401": 1, "409": 1, "422": 2, "400": 1, "413": 1, "415": 1},
    "PATCH|/api/books/{isbn}": {"200": 2, "401": 1, "404": 1, "412": 1, "422": 1, "400": 1, "413": 1, "415": 1},
    "DELETE|/api/books/{isbn}": {"204": 2, "401": 1, "404": 1, "412": 1, "422": 1},
    "PUT|/api/books": {"405": 1},
    "PUT|/api/books/{isbn}": {"405": 1},
    "GET|/api/books/{isbn}": {"200": 2, "304": 1, "404": 1},
    "POST|/register": {"201": 1, "422": 1},
}


@pytest.mark.parametrize(
    ("walks", "entered", "holds"), [(1, 19, True), (1, 18, False), (1, 0, False), (10, 189, True), (10, 187, False)]
)
def test_the_writes_of_a_smoke_walk_are_those_that_the_ledger_counts(walks: int, entered: int, holds: bool) -> None:
    endpoints = {
        f"{name}%20{status}": Counts(right=walks * count)
        for name, statuses in WALKED.items()
        for status, count in statuses.items()
    }
    check = judge_ledger(make_plan(name="smoke"), endpoints, entered, "smoke_ledger.jsonl")
    assert check.reason == ("" if holds else f"smoke_ledger.jsonl has {entered} writes ({19 * walks} were sent).")


def test_a_load_whose_steps_can_all_be_no_write_needs_no_ledger() -> None:
    endpoints = {name: Counts(right=2) for name in ("PUT|/api/books%20405", "POST|/api/books%20415")}
    assert judge_ledger(make_plan(name="smoke"), endpoints, 0, "smoke_ledger.jsonl").reason == ""
