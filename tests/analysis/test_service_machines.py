"""A run whose services run on two machines each, by the same process ids: each is judged, and none is mixed up."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.evidence import gather_evidence
from analysis.checks.series import draw_workers, find_rises
from analysis.findings import RunReport, TimeLine
from analysis.plan.plan import Stage
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_server
from analysis.records.run import read_run
from analysis.report.facts import list_facts
from analysis.report.picture_words import find_look, find_owner, shorten
from analysis.report.report import build_report
from analysis.scenarios.gave_way import list_rules
from tests.support.made_runs import Break, change_samples, judge_run, make_run, replace_worker, services
from tests.support.recordings import START, make_plan
from tests.support.service_machines import leave_out, on_machine, on_two_machines, set_clock, silence

SOURCES = ["auth on auth-1", "auth on auth-2", "books on books-1", "books on books-2"]
PLAN = make_plan(name="smoke")
READS = make_plan(Stage(20, 60, 10), name="read_heavy")
SOAK = replace(make_plan(Stage(20, 150, 20), name="soak", memory_kib_per_minute=512.0), limits={"warm-up-seconds": 5.0})


def judge(folder: Path, *breaks: Break, plan: Any = PLAN) -> tuple[str, tuple[str, ...]]:
    """Verdict and reasons of a run on two machines that is broken like that."""
    make_run(folder, plan, [on_two_machines(), *breaks])
    scenario = judge_run(folder, plan.name)
    return scenario.verdict, scenario.reasons


def test_a_run_on_two_machines_that_is_all_right_passes_and_checks_each(tmp_path: Path) -> None:
    assert judge(tmp_path) == ("PASS", ())
    names = [check.name for check in judge_run(tmp_path, "smoke").checks]
    for source in ("auth service on auth-1", "books service on books-2"):
        assert {f"the {source} was sampled every second", f"the {source} kept its worker processes"} <= set(names)
    assert "the books service was sampled every second" not in names


def test_a_run_without_machines_has_no_check_of_them(tmp_path: Path) -> None:
    make_run(tmp_path, PLAN)
    names = [check.name for check in judge_run(tmp_path, "smoke").checks]
    assert not [name for name in names if " on " in name or "clocks" in name]
    assert '"machine"' not in (tmp_path / "smoke_server.jsonl").read_text()
    assert read_run(tmp_path).sources == ["auth", "books"]


@pytest.mark.parametrize("lose", [leave_out, silence])
@pytest.mark.parametrize("source", SOURCES)
def test_a_machine_without_samples_makes_the_run_invalid_by_name(
    tmp_path: Path, lose: Callable[[str], Break], source: str
) -> None:
    service, _, machine = source.partition(" on ")
    verdict, (reason,) = judge(tmp_path, lose(machine))
    assert verdict == "INVALID"
    assert reason.startswith(f"There is no sample of the {service} service on {machine} for 30 s (of 30 s).")


def test_clocks_of_two_machines_that_are_three_seconds_apart_make_the_run_invalid(tmp_path: Path) -> None:
    said = "The clock of the books service on books-2 is 3 s ahead of that of the auth service on auth-1 (at most 1 s)."
    assert judge(tmp_path, set_clock("books-2", 3)) == ("INVALID", (said,))


def test_clocks_that_are_off_alike_are_no_fault(tmp_path: Path) -> None:
    everywhere = [set_clock(source.partition(" on ")[2], 40) for source in SOURCES]
    assert judge(tmp_path, *everywhere) == ("PASS", ())


def test_a_worker_that_was_replaced_on_one_machine_fails_by_name(tmp_path: Path) -> None:
    verdict, (reason,) = judge(tmp_path, on_machine("books-2", replace_worker, 12))
    assert verdict == "FAIL"
    assert "books on books-2 4001 ended (at 12 s), books on books-2 4009 started (at 12 s)" in reason
    assert "books-1" not in reason


def test_memory_that_grows_in_a_process_of_one_machine_is_found_there_alone(tmp_path: Path) -> None:
    def grow(sample: dict[str, Any]) -> None:
        sample["workers"]["4001"]["rss"] += 4e6 * (sample["at"] - START) / 60

    verdict, reasons = judge(tmp_path, on_machine("books-2", grow), plan=SOAK)
    assert (verdict, len(reasons)) == ("FAIL", 1)
    assert "The memory of books on books-2 4001 grew by" in reasons[0]


def test_what_was_too_short_to_watch_on_one_machine_is_named(tmp_path: Path) -> None:
    def forget(sample: dict[str, Any]) -> None:
        sample.pop("workers")

    _, reasons = judge(tmp_path, on_machine("auth-2", forget, begin=-10), plan=SOAK)
    assert "There are too few samples to judge the growth of memory of auth on auth-2." in reasons
    assert not [reason for reason in reasons if "auth-1" in reason]


def test_misses_of_the_read_model_are_added_up_over_the_machines(tmp_path: Path) -> None:
    def share(folder: Path, *breaks: Break) -> float:
        make_run(folder, READS, breaks)
        (figure,) = [
            f for f in judge_run(folder, "read_heavy").figures if f.name.startswith("catalogue reads answered")
        ]
        return 1 - float(figure.value or 0)

    (one := tmp_path / "one").mkdir()
    (two := tmp_path / "two").mkdir()
    missed = share(one, services(misses=20))
    assert missed > 0
    assert share(two, services(misses=20), on_two_machines()) == pytest.approx(2 * missed, abs=1e-5)


def test_one_machine_whose_misses_are_unknown_leaves_the_share_unknown(tmp_path: Path) -> None:
    _, reasons = judge(tmp_path, leave_out("books-2"), plan=READS)
    assert reasons[0].startswith("There is no sample of the books service on books-2")

    def cut(sample: dict[str, Any]) -> None:
        sample["values"].pop("read_model_misses_total")

    _, reasons = judge(tmp_path, on_machine("books-2", cut, 20), plan=READS)
    assert reasons == ("Nothing says how many reads came from the read model.",)


def test_what_gave_way_is_asked_of_each_machine_with_its_own_limit(tmp_path: Path) -> None:
    make_run(tmp_path, PLAN, [on_two_machines(workers="1"), change_samples(lambda sample: None)])
    run = read_run(tmp_path)
    evidence = gather_evidence(tmp_path, PLAN, run)
    lent = {
        rule.what: rule.read(evidence)[0][1] for rule in list_rules(evidence) if rule.what.endswith("MariaDB, all lent")
    }
    assert lent == {
        f"the connections of the {service} workers on {machine} to MariaDB, all lent": 0.1
        if machine == "books-2"
        else 0.05
        for service, machine in (source.split(" on ") for source in SOURCES)
    }
    whats = [rule.what for rule in list_rules(evidence)]
    assert "the queue of log-ins before the hashing on auth-2" in whats
    assert "the read model on books-1, which did not stand" in whats
    assert "the processor of the books workers on books-2" in whats


def test_workers_of_two_machines_with_one_process_id_are_two_series(tmp_path: Path) -> None:
    def work(sample: dict[str, Any]) -> None:
        sample["workers"]["4001"]["cpu_s"] *= 3

    make_run(tmp_path, PLAN, [on_two_machines(), on_machine("books-2", work)])
    drawn = draw_workers(read_server(tmp_path, "smoke", Gaps()))
    rises = {each.owner: find_rises(each).points[5][1] for each in drawn if each.quantity == "cpu_s"}
    assert rises["books on books-1 4001"] == pytest.approx(0.2, abs=0.01)
    assert rises["books on books-2 4001"] == pytest.approx(0.6, abs=0.01)


def test_the_report_draws_each_machine_and_lists_it_with_its_settings(tmp_path: Path) -> None:
    make_run(tmp_path, PLAN, [on_two_machines(workers="4")])
    report = build_report(tmp_path)
    owners = {find_owner(line) for line in report.scenarios[0].time_lines if line.group == "memory"}
    assert owners == set(SOURCES)
    assert "books on books-2 4001" in {line.name for line in report.scenarios[0].time_lines}
    facts = dict(list_facts(report))
    assert facts["Books on books-1"] == "http://books-1:5000, version 1.0.0, workers 2, pool 10, read model redis"
    assert facts["Books on books-2"].startswith("http://books-2:5000, version 1.0.0, workers 4,")
    assert "The machines of the books service differ in workers (2 on books-1, 4 on books-2)." in report.notes


@pytest.mark.parametrize(
    ("name", "owner", "look"),
    [
        ("books 4001", "books", "books"),
        ("books on books-2 4001", "books on books-2", "books"),
        ("auth on m", "auth on m", "auth"),
        ("generator 0", "generator", "load"),
        ("machine", "machine", "machine"),
        ("p95", "p95", "p95"),
    ],
)
def test_a_line_belongs_to_its_service_and_machine(name: str, owner: str, look: str) -> None:
    line = TimeLine("cpu", name, "", "x_server.jsonl", ((0.0, 1.0),))
    assert (find_owner(line), find_look(line)) == (owner, look)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("books on books-2 4001", "books-2 4001"),
        ("auth on auth-1", "auth-1"),
        ("books on books-in-frankfurt-12 4001", "books…urt-12 4001"),
        ("books 4001", "books 4001"),
        ("p95", "p95"),
    ],
)
def test_a_label_has_room_for_the_name_of_a_machine(name: str, label: str) -> None:
    assert shorten(name) == label


@pytest.mark.parametrize("machine", [5, None, {}])
def test_a_machine_that_is_no_name_makes_a_line_damaged(tmp_path: Path, machine: object) -> None:
    make_run(tmp_path, PLAN)
    line = {"at": START + 12.5, "service": "books", "values": {}, "machine": machine}
    with (tmp_path / "smoke_server.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    gaps = Gaps()
    read_server(tmp_path, "smoke", gaps)
    assert len(gaps) == 1


@pytest.mark.parametrize("machines", [None, 5, [], {}, "books-2"])
def test_machines_that_run_json_has_in_another_form_are_none(tmp_path: Path, machines: object) -> None:
    make_run(tmp_path, PLAN)
    facts = json.loads((tmp_path / "run.json").read_text())
    services = {"books": {"url": "http://x", "machines": machines}}
    (tmp_path / "run.json").write_text(json.dumps({**facts, "services": services}))
    assert read_run(tmp_path).sources == ["auth", "books"]
    assert isinstance(build_report(tmp_path), RunReport)
