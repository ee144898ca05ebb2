"""The tables of the benchmarks say what was measured, what is compared, and whether a bar is met."""

from dataclasses import replace

from benchmarks import beside, cores, memory, pythons, services, sizes, spike
from benchmarks.builds import BEFORE
from benchmarks.commands import Run, write_run
from benchmarks.memory import Memory
from benchmarks.rounds import INVALID, Round
from benchmarks.services import NOW
from benchmarks.wrk import Result

GOOD = Result(1000.0, answers=1000, cost_us=300.0, redis_us=60.0, p50_ms=4.0, p99_ms=10.0)


def make_round(**changed: Result) -> Round:
    """Return a round of `services` in which all sides are alike but for what is `changed`, by the words of a side."""
    sides = dict(zip(("now", "before", "two", "four"), services.SIDES, strict=True))
    return {f"{side}/{read}": changed.get(name, GOOD) for name, side in sides.items() for read in services.READS}


def test_the_services_are_compared_with_the_earlier_build_and_the_better_peer() -> None:
    each = make_round(now=replace(GOOD, per_second=4000.0, p99_ms=5.0), two=replace(GOOD, per_second=3000.0), four=GOOD)
    rows = services.write_ratios([each])
    assert rows[0] == ["one book: answers/s over 7d3cf84", "4.00", "≥ 3.50", "met"]
    assert rows[1] == ["one book: p99 of 7d3cf84 over p99", "2.00", "≥ 2.00", "met"]
    assert rows[2] == ["one book: answers/s over the better FastAPI", "1.33", "≥ 1.70", "**missed by 0.367**"]
    assert [row[0].partition(":")[0] for row in rows[3:]] == ["list of 50"] * 3


def test_services_are_not_compared_beside_other_programs_or_with_a_side_that_failed() -> None:
    for bad, words in ((replace(GOOD, disturbed=True), "not judged"), (replace(GOOD, fault="503"), "invalid")):
        rows = services.write_ratios([make_round(), make_round(four=bad)])
        assert all(words in row[3] for row in rows)


def test_a_side_of_the_services_is_shown_with_its_rate_its_percentiles_and_its_processor_time() -> None:
    row = services.write_rates("a", [GOOD, replace(GOOD, per_second=2000.0, fault="503")])
    assert row == ["a", "1,500 (1,000–2,000)", "4.0 (4.0–4.0)", "10.0 (10.0–10.0)", "300 (300–300)", "**INVALID** 503"]  # noqa: RUF001


def test_a_set_up_of_workers_is_shown_with_its_reads_and_log_ins() -> None:
    row = cores.write_row("2, left free", [{"book": GOOD, "list": GOOD, "log-in": Result(7.25)}])
    assert row == ["2, left free", "1,000", "10.0", "1,000", "10.0", "7.2", ""]
    assert len(row) == len(cores.COLUMNS)


def test_a_size_may_cost_so_many_microseconds_more_of_worker_and_redis_together() -> None:
    costs = {"5,000": GOOD, "100,000": replace(GOOD, redis_us=80.0), "1,000,000": replace(GOOD, cost_us=400.0)}
    rounds = [{f"book/{size}": result for size, result in costs.items()}]
    rows = [sizes.write_read("book", size, rounds) for size in costs]
    assert rows[0] == ["one book, 5,000", "300", "60", "", "", ""]
    assert rows[1] == ["one book, 100,000", "300", "80", "20", "≤ 30", "met"]
    assert rows[2] == ["one book, 1,000,000", "400", "60", "100", "≤ 60", "**missed by 40**"]


def test_a_size_is_not_judged_beside_other_programs() -> None:
    rounds = [{"book/5,000": replace(GOOD, disturbed=True), "book/100,000": GOOD}]
    assert "not judged" in sizes.write_read("book", "100,000", rounds)[-1]


def test_a_rebuild_of_many_books_has_bars_for_its_speed_and_its_memory() -> None:
    row = write_run("rebuild", "1,000,000", 1_000_000, Run(80.0, 250.0))
    assert row == ["rebuild, 1,000,000", "80.0", "12,500", "≥ 10,000", "met", "250", "< 200", "**missed by 50**"]
    assert write_run("verify", "1,000,000", 1_000_000, Run(80.0, 250.0))[3:5] == ["", ""]
    assert write_run("rebuild", "5,000", 5_000, Run(2.0, 90.0))[3:5] == ["", ""]


def test_reads_beside_a_rebuild_are_compared_with_those_without() -> None:
    slow = replace(GOOD, p99_ms=25.0)
    rows = beside.write_rows([{"nothing": GOOD, "command": slow, "service": slow}])
    assert [row[4:] for row in rows] == [["", "", ""], ["2.50", "≤ 2.0", "**missed by 0.500**"], ["2.50", "", ""]]
    failed = beside.write_rows([{"nothing": GOOD, "command": Result(0, "ended"), "service": slow}])
    assert failed[1][-1] == "**INVALID** ended"


def test_memory_is_compared_with_that_of_the_earlier_build() -> None:
    rows = memory.write_rows({NOW: [Memory(100.0, 180.0)], BEFORE: [Memory(200.0, 200.0)]})
    assert rows[0] == ["idle", "100", "200", "0.50", "≤ 0.70", "met"]
    assert rows[1] == ["after the load", "180", "200", "0.90", "≤ 0.70", "**missed by 0.200**"]


def test_a_python_is_compared_by_processor_time_and_an_invalid_measurement_is_told() -> None:
    rounds = [{"3.11.7/book": replace(GOOD, cost_us=300.0), "3.13.0/book": replace(GOOD, cost_us=200.0)}]
    assert pythons.write_row("3.11.7", "book", "3.11.7", rounds)[2:5] == ["300", "60", ""]
    assert pythons.write_row("3.13.0", "book", "3.11.7", rounds)[2:5] == ["200", "60", "1.50"]
    rounds[0]["3.11.7/book"] = Result(0, "ended")
    assert pythons.write_row("3.13.0", "book", "3.11.7", rounds)[4:] == [INVALID, "ended"]


def test_the_spikes_of_both_builds_stand_one_below_the_other() -> None:
    achieved = {"p50_ms": 1.362, "p95_ms": 15.8, "p99_ms": 157.2, "rps": 161.7, "shed": 3}
    table = spike.make_table({NOW: {"achieved": achieved}, BEFORE: {"achieved": {**achieved, "p50_ms": 2.611}}}, "abc")
    assert table.rows[0] == [NOW, "1.36", "15.8", "157", "162", "3"]
    assert table.rows[1][:2] == [BEFORE, "2.61"] and len(table.columns) == len(table.rows[0])
