"""What is read of a comparison's folder: blocks cut at their borders, and the processor time between two moments."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.compare.blocks import read_blocks
from analysis.compare.processor_time import Clock, follow_workers
from analysis.records.comparison import ComparisonPlan, comparison_from_dict, comparison_to_dict, read_comparison
from analysis.records.results_folder import ServerSample, Worker
from analysis.records.run import RunError
from tests.support.made_comparisons import COST_MS, PER_SECOND, Compared, make_plan, write_comparison
from tests.support.recordings import ADD, LIST

LINE = ((0.0, 1.0, 2.0, 3.0), (5.0, 5.5, 6.5, 6.5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison whose B takes twice as long for LIST, and fails once a second."""
    made = tmp_path_factory.mktemp("compared")
    write_comparison(made, Compared(pairs=6, slow={LIST: 2.0}, cost=1.5, wrong=1, shed=2))
    return made


def test_a_block_has_its_own_seconds_and_no_others(folder: Path) -> None:
    plan = read_comparison(folder)
    blocks, gaps = read_blocks(folder, plan)
    assert not gaps and [(each.pair, each.side) for each in blocks] == [(each.pair, each.side) for each in plan.blocks]
    a, b = blocks[0], blocks[1]
    per_block = 4 * sum(PER_SECOND.values())
    assert a.everything.answers == b.everything.answers == per_block
    assert a.endpoints["GET /api/books"].answers == 4 * PER_SECOND[LIST]
    assert (a.seconds, a.requests, a.wrong, a.shed) == (4, per_block, 0, 0)
    assert (b.requests, b.wrong, b.shed) == (per_block + 12, 4, 8)


def test_latencies_and_processor_time_are_those_of_the_side(folder: Path) -> None:
    blocks, _ = read_blocks(folder, read_comparison(folder))
    a, b = blocks[0], blocks[1]
    slow, usual = (each.endpoints["GET /api/books"].p50_ms for each in (b, a))
    assert slow and usual and slow / usual == pytest.approx(2, rel=0.2)
    assert a.everything.mean_ms == pytest.approx(10, rel=0.1)
    assert a.cpu_s["books"] == pytest.approx(COST_MS / 1000 * a.requests, rel=1e-6)
    assert b.cpu_s["books"] == pytest.approx(1.5 * COST_MS / 1000 * a.requests, rel=1e-6)
    assert a.asked == {"auth": 0, "books": a.requests}


def test_broken_seconds_at_the_borders_of_a_block_are_left_out(folder: Path) -> None:
    plan = read_comparison(folder)
    first = replace(plan.blocks[0], start=plan.blocks[0].start + 0.4, end=plan.blocks[0].end - 0.4)
    blocks, _ = read_blocks(folder, replace(plan, blocks=(first, *plan.blocks[1:])))
    assert blocks[0].seconds == 2
    assert blocks[0].everything.answers == 2 * sum(PER_SECOND.values())


def test_a_block_that_was_not_recorded_has_no_answers(folder: Path) -> None:
    plan = read_comparison(folder)
    last = plan.blocks[-1]
    later = replace(last, warm_from=last.end + 60, start=last.end + 61, end=last.end + 65)
    blocks, _ = read_blocks(folder, replace(plan, blocks=(*plan.blocks, later)))
    assert blocks[-1].everything.p50_ms is None and not blocks[-1].cpu_s


def test_processor_time_between_two_samples_is_a_straight_line() -> None:
    assert Clock((LINE,)).between(0.5, 2.5) == pytest.approx(1.25)
    assert Clock((LINE, LINE)).between(0, 1) == pytest.approx(1.0)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (1, 3.5), (2, 9)])
def test_processor_time_beyond_the_samples_is_not_known(start: float, end: float) -> None:
    assert Clock((LINE,)).between(start, end) is None


def test_processor_time_across_a_long_gap_is_not_known() -> None:
    gap = ((0.0, 1.0, 9.0), (1.0, 2.0, 3.0))
    assert Clock((gap,)).between(0, 5) is None
    assert Clock((gap,)).between(0, 9) == pytest.approx(2)


def test_processor_time_of_a_worker_that_is_replaced_in_the_block_is_not_known() -> None:
    follower = ((1.5, 2.5, 3.5), (0.0, 0.1, 0.2))
    assert Clock((((0.0, 1.0), (1.0, 2.0)), follower)).between(0, 3) is None
    assert Clock((((0.0, 1.0), (1.0, 2.0)), follower)).between(2, 3) == pytest.approx(0.1)


def test_the_clock_of_a_service_adds_all_its_workers_on_all_its_machines_up() -> None:
    def sample(at: float, machine: str) -> ServerSample:
        workers = {pid: Worker(cpu_s=at, rss=1, fds=1, threads=1) for pid in ("1", "2")}
        return ServerSample(at, "books", 0.01, at, {}, workers, machine=machine)

    clocks = follow_workers([sample(at, machine) for at in (1.0, 2.0, 3.0) for machine in ("one", "two")])
    assert clocks["books"].between(1, 3) == pytest.approx(8)
    assert "auth" not in clocks


def test_the_plan_is_read_as_it_was_written() -> None:
    plan = make_plan(Compared(odd={"idle_cost": {"a": 0.01, "b": 0.02}, "notes": ("a note",)}))
    assert comparison_from_dict(json.loads(json.dumps(comparison_to_dict(plan)))) == plan


def test_what_the_plan_has_beside_it_is_passed_over() -> None:
    plan = make_plan(Compared())
    data = comparison_to_dict(plan)
    data["sides"]["a"]["another"] = data["users"] = 3
    assert comparison_from_dict(data) == plan


def damage(plan: ComparisonPlan, **changes: object) -> str:
    """The text of a plan with other values."""
    return json.dumps(comparison_to_dict(plan) | changes)


@pytest.mark.parametrize(
    "changes",
    [{"within": 0}, {"within": "10 %"}, {"profile": "short"}, {"blocks": [{"pair": 0}]}, {"sides": {}}, {"seed": None}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_damaged_plan_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "plan.json").write_text(damage(make_plan(Compared()), **changes))
    with pytest.raises(RunError, match=r"plan\.json is cut off or damaged"):
        read_comparison(tmp_path)


def test_a_folder_without_a_plan_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="give the folder of a comparison, or those of two runs"):
        read_comparison(tmp_path)


def test_answers_of_endpoints_that_only_one_side_has_are_read(folder: Path) -> None:
    blocks, _ = read_blocks(folder, read_comparison(folder))
    assert {*blocks[0].endpoints} == {"GET /api/books", "GET /api/books/{isbn}", "POST /api/books"}
    assert blocks[0].endpoints["POST /api/books"].answers == 4 * PER_SECOND[ADD]
