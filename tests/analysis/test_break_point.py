"""The answer of a search: its bracket, its verdict, and what gave way first, from recordings with a known answer."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.findings import ScenarioReport
from analysis.plan.plan import Plan
from analysis.plan.scenario_files import PlanError, read_plan, scenario_path
from analysis.records.steps import (
    FOUND,
    GENERATOR,
    ILL,
    LEAST,
    MOST,
    STEPS,
    TIME,
    Step,
    plan_steps,
    write_end,
    write_step,
)
from analysis.report.report import build_report
from analysis.report.summary_json import describe_scenario
from tests.support.made_runs import PROJECT, Slow, judge_run, load, make_run, real_plan
from tests.support.recordings import START, write_lines, write_run

LIMITS = {"search-first": 20.0, "step-settle-seconds": 2.0, "step-measure-seconds": 12.0}
SECONDS = 20  # of a step: five of ramp, two to settle, twelve that are measured, and one until it is judged
Tries = Sequence[tuple[int, bool | None]]  # users, and whether it broke; None where the services had to become normal
FOUND_45: Tries = [
    (20, False),
    (30, False),
    (45, True),
    (20, None),
    (37, False),
    (41, False),
    (45, True),
    (20, None),
    (41, False),
]


def make_steps(tries: Tries) -> list[Step]:
    """The steps of a search, one after the other."""
    steps = []
    for number, (users, broke) in enumerate(tries):
        begin = START + 1 + number * SECONDS
        why = ("the p95 of reads was 400 ms (objective 100 ms)",) if broke else ()
        steps.append(Step(begin, begin + 7, begin + 19, users, users, 20.0, broke, why))
    return steps


def make_search(folder: Path, tries: Tries, because: str, *, slow: bool = True) -> Plan:
    """Write a run of a search whose steps are as slow as they were taken for; all the same with `slow` off."""
    plan = replace(real_plan("break_point", "quick"), limits={**real_plan("break_point", "quick").limits, **LIMITS})
    steps = make_steps(tries)
    planned = plan_steps(plan, steps)
    broke = [number for number, (_, verdict) in enumerate(tries) if verdict]
    spans = [(1 + number * SECONDS, 1 + (number + 1) * SECONDS) for number in broke if slow]

    def latency(second: int, endpoint: str, source: Any) -> float:
        return 400.0 if any(begin <= second < end for begin, end in spans) else 10.0 * source.lognormvariate(0, 0.3)

    make_run(folder, planned)
    load(None, latency=latency)(folder, planned)
    write_run(folder, plan)
    text = "".join(write_step(step) for step in steps) + (write_end(steps[-1].end, because) if because else "")
    (folder / f"break_point{STEPS}").write_text(text)
    return plan


def judge(folder: Path) -> ScenarioReport:
    """What the analysis says of the search."""
    return judge_run(folder, "break_point")


def test_a_bracket_whose_ends_were_tried_twice_is_the_answer(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    report = judge(tmp_path)
    assert report.verdict == "PASS", report.reasons
    assert report.answer.startswith("The services bear 41 users (they hold 41 twice and break at 45 twice; ")
    found = describe_scenario(report)["break_point"]
    assert (found["unit"], found["holds"], found["breaks"]) == ("users", 41, 45)
    assert found["holds_rps"] == pytest.approx(41 / 2, rel=0.05)
    assert found["first"]["what"].startswith("reads: ")
    assert found["first"]["evidence"][0] == "the p95 of reads was 400 ms (objective 100 ms)"
    assert report.planned["users"] == 45


@pytest.mark.parametrize(
    ("tries", "because", "verdict", "words"),
    [
        ([(20, False), (30, False)], MOST, "INCONCLUSIVE", "the largest step that is allowed held"),
        ([(20, True), (20, None), (13, True)], LEAST, "INCONCLUSIVE", "the smallest step that makes sense broke"),
        (FOUND_45[:4], ILL, "INCONCLUSIVE", "the services did not become normal again after a step that broke"),
        (
            [(20, False), (30, False)],
            GENERATOR,
            "INVALID",
            "The generator gave way first. The services bear at least 30 users.",
        ),
        (FOUND_45[:6], TIME, "PASS", ""),
        ([(20, False), (30, False)], TIME, "INCONCLUSIVE", "the next step would have ended too late"),
        ([(20, False), (30, False)], "", "INCONCLUSIVE", "the search was cut off"),
    ],
)
def test_a_search_without_a_bracket_says_why(
    tmp_path: Path, tries: Tries, because: str, verdict: str, words: str
) -> None:
    make_search(tmp_path, tries, because)
    report = judge(tmp_path)
    assert report.verdict == verdict, report.reasons
    assert words in " ".join(report.reasons)


def test_a_second_try_that_differs_widens_the_bracket(tmp_path: Path) -> None:
    make_search(tmp_path, [*FOUND_45[:-1], (41, True)], FOUND)
    found = describe_scenario(judge(tmp_path))["break_point"]
    assert (found["holds"], found["breaks"]) == (37, 45)


def test_a_step_that_the_load_took_for_another_thing_than_the_files_say_is_invalid(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND, slow=False)
    report = judge(tmp_path)
    assert report.verdict == "INVALID"
    assert "The load took 2 steps for another thing than the files say (step 3, 6)." in report.reasons


def test_a_search_without_its_steps_is_no_answer(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    (tmp_path / f"break_point{STEPS}").unlink()
    assert judge(tmp_path).verdict == "INVALID"


@pytest.mark.parametrize("key", ["begin", "measured", "end"])
@pytest.mark.parametrize("far", ["180000012", "18000000120", "1"])
@pytest.mark.parametrize("has_history", [True, False])
def test_a_step_of_a_moment_far_from_the_load_is_a_damaged_line(
    tmp_path: Path, key: str, far: str, has_history: bool
) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    path = tmp_path / f"break_point{STEPS}"
    lines = path.read_text().splitlines(keepends=True)
    lines[3] = re.sub(rf'"{key}": [0-9.]+', f'"{key}": {far}', lines[3])
    path.write_text("".join(lines))
    if not has_history:
        (tmp_path / "break_point_stats_history.csv").unlink()
    report = judge(tmp_path)
    assert report.verdict == "INVALID"
    assert f"{path.name} is cut off or damaged in line 4." in report.notes


def test_an_end_of_a_search_far_from_the_load_is_a_damaged_line(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, "")
    path = tmp_path / f"break_point{STEPS}"
    path.write_text(path.read_text() + write_end(180000012, FOUND))
    assert f"{path.name} is cut off or damaged in line {len(FOUND_45) + 1}." in judge(tmp_path).notes


SERVER = {"books": range(4001, 4005), "auth": range(3001, 3003)}
Change = Callable[[dict[str, Any]], None]


def change_samples(folder: Path, service: str, change: Change, tries: Tries, extra: int = 0) -> None:
    """Change the samples of a service in the steps that broke, from so many seconds after their begin on."""
    broke = [number for number, (_, verdict) in enumerate(tries) if verdict]
    path = folder / "break_point_server.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        second = line["at"] - START - 1
        if line["service"] == service and any(n * SECONDS + extra <= second < (n + 1) * SECONDS for n in broke):
            change(line)
    write_lines(path, lines)


def add_machine(folder: Path, tries: Tries, **values: float) -> None:
    """Add samples of the machine, with these values in the steps that broke."""
    path = folder / "break_point_server.jsonl"
    calm = {"cpu": 0.3, "cpus": 2.0, "redis_cpu": 0.1, "mariadb_cpu": 0.1, "listen_queue": 0.0}
    lines = [
        {"at": START + second + 0.5, "service": "machine", "values": calm} for second in range(len(tries) * SECONDS + 5)
    ]
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    change_samples(folder, "machine", lambda line: line["values"].update(values), tries)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"cpu": 0.99}, "the whole machine's processors"),
        ({"redis_cpu": 0.97}, "the processor of Redis"),
        ({"mariadb_cpu": 1.98}, "the processor of MariaDB"),
        ({"listen_queue": 40.0}, "the queue at the services' ports"),
    ],
)
def test_what_was_at_its_limit_only_where_it_broke_is_named(
    tmp_path: Path, values: dict[str, float], what: str
) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    add_machine(tmp_path, FOUND_45, **values)
    assert describe_scenario(judge(tmp_path))["break_point"]["first"]["what"] == f"reads: {what}"


def test_the_queue_of_log_ins_is_named(tmp_path: Path) -> None:
    plan = make_search(tmp_path, FOUND_45, FOUND)
    write_run(tmp_path, plan, services={"auth": {"settings": {"workers": "1", "threads": "16", "pool_size": "10"}}})
    change_samples(tmp_path, "auth", lambda line: line["values"].update(hashing_waiting=6.0), FOUND_45)
    found = describe_scenario(judge(tmp_path))["break_point"]["first"]
    assert found["what"] == "reads: the queue of log-ins before the hashing"
    assert found["evidence"][-1].endswith(", 6 waiting (limit 1 waiting)")


def test_connections_that_are_all_lent_are_named_before_what_followed(tmp_path: Path) -> None:
    plan = make_search(tmp_path, FOUND_45, FOUND)
    settings = {"workers": "4", "threads": "16", "pool_size": "1"}
    write_run(tmp_path, plan, services={"books": {"settings": settings}})
    change_samples(tmp_path, "books", lambda line: line["values"].update(db_pool_in_use=4.0), FOUND_45, extra=3)
    change_samples(
        tmp_path, "books", lambda line: line["values"].update(http_requests_in_flight=64.0), FOUND_45, extra=6
    )
    what = describe_scenario(judge(tmp_path))["break_point"]["first"]["what"]
    assert what == "reads: the connections of the books workers to MariaDB, all lent"


@pytest.mark.parametrize(
    ("waiting", "what"),
    [
        (2.0, "reads: the connections of the books workers to MariaDB, waited for too long at times"),
        (0.0, "reads: nothing that was watched"),
    ],
)
def test_refusals_while_requests_wait_for_a_connection_are_named(tmp_path: Path, waiting: float, what: str) -> None:
    make_search(tmp_path, FOUND_45, FOUND)

    def refuse(line: dict[str, Any]) -> None:
        line["values"].update(db_pool_waiting=waiting, http_requests_shed_total=line["at"] - START)

    change_samples(tmp_path, "books", refuse, FOUND_45)
    assert describe_scenario(judge(tmp_path))["break_point"]["first"]["what"] == what


def test_services_that_tell_nothing_in_a_step_that_broke_were_watched_well_enough(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    path = tmp_path / "break_point_server.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line for line in lines if not 6 <= line["at"] - START - 1 - 2 * SECONDS < 14]  # of the first that broke
    write_lines(path, told)
    assert judge(tmp_path).verdict == "PASS"
    write_lines(path, [line for line in told if not 6 <= line["at"] - START - 1 - SECONDS < 14])  # and one that held
    assert judge(tmp_path).verdict == "INVALID"


def test_nothing_is_made_up_where_nothing_was_at_its_limit(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    report = judge(tmp_path)
    assert describe_scenario(report)["break_point"]["first"]["what"] == "reads: nothing that was watched"
    (table,) = [each for each in report.tables if each.title == "What was at its limit"]
    of_redis = next(row for row in table.rows if row[0] == "the processor of Redis")
    assert of_redis[2:5] == (None, None, None)  # this machine has no sample of it


def test_both_charts_show_the_steps_and_the_break_point(tmp_path: Path) -> None:
    make_search(tmp_path, FOUND_45, FOUND)
    (scenario,) = build_report(tmp_path).scenarios
    rates, p95 = [chart for chart in scenario.charts if chart.kind == "steps"]
    assert rates.edges == p95.edges == (41, 45)
    assert [x for x, _ in rates.curves[0].points] == [20, 30, 37, 41, 41, 45, 45]
    assert all(
        low <= rate <= high
        for (_, rate), (low, high) in zip(rates.curves[0].points, rates.curves[0].intervals, strict=True)
    )


@pytest.mark.parametrize("slow", [Slow(1, 400.0), Slow(12, 400.0)])
def test_one_bad_third_breaks_no_step(tmp_path: Path, slow: Slow) -> None:
    make_search(tmp_path, [(20, False), (30, False)], MOST)
    plan = plan_steps(real_plan("break_point", "quick"), make_steps([(20, False), (30, False)]))
    short = replace(slow, begin=8, end=12)  # the first third of the first step
    load(short)(tmp_path, plan)
    assert judge(tmp_path).verdict == "INCONCLUSIVE"  # and not INVALID: the files say what the load took it for


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("break_point", "limit-step-parts = 3", "limit-step-parts = 0", "limit-step-parts = 0 must be 1 or more"),
        (
            "break_point",
            "limit-step-parts = 3",
            "limit-step-parts = 2.5",
            "must be a whole number",
        ),
        (
            "break_point",
            "limit-search-first = 300",
            "limit-search-first = 1",
            "limit-search-first = 1 must be 10 or more",
        ),
        ("break_point", "limit-search-seconds = 600", "limit-search-seconds = 20", "must be 36 or more, for one step"),
        ("break_point", "limit-search-growth = 1.5", "limit-search-growth = 1", "limit-search-growth = 1 must be 1.05"),
        (
            "break_point",
            "limit-search-most = 5000",
            "limit-search-most = 50",
            "must be limit-search-first = 300 or more",
        ),
        (
            "break_point",
            "search = users",
            "users = 5\nspawn-rate = 5\nrun-time = 9s",
            "search belongs into break_point.conf",
        ),
        ("break_point", "search = users", "search = users\narrivals = 5", "search and arrivals exclude each other"),
        ("break_point", "search = users", "search = clients", "search = clients must be users or arrivals"),
        ("baseline", "users = 50", "search = users", "search belongs into break_point.conf, and only there"),
        ("arrivals", "arrivals = 50", "arrivals = 0", "each number must be above 0"),
    ],
)
def test_a_file_that_plans_no_search_is_refused(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    text = scenario_path(PROJECT, "quick", name).read_text()
    assert old in text
    path = tmp_path / f"{name}.conf"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PlanError, match=re.escape(words)):
        read_plan(path)
