"""How time lines are drawn: peaks and gaps stay, axes are round, names do not overlap, what stands still is words."""

import math
import random
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.findings import PERCENTILES, THROUGHPUT, Chart, ChartCurve, ScenarioReport, TimeLine
from analysis.number_formats import say_count, say_number, say_range, say_share, show_clock, show_number
from analysis.plan.plan import Stage
from analysis.report.picture_charts import draw_chart
from analysis.report.picture_words import LINE_HEIGHT, place_labels
from analysis.report.pictures import Picture, draw_picture
from analysis.report.readings import write_readings
from analysis.report.report import build_report
from analysis.report.scales import HEIGHT, choose_log_scale, choose_scale, choose_shares, choose_times
from analysis.report.thinning import draw_path, thin
from tests.support.recordings import ADD, LIST, LOGIN, Services, make_plan, write_good_run, write_server


def make_line(*values: float, group: str = "cpu", name: str = "books 4001", unit: str = "core") -> TimeLine:
    points = tuple((float(second), value) for second, value in enumerate(values))
    return TimeLine(group, name, unit, "x_server.jsonl", points)


def draw(folder: Path, *stages: Stage, **services: object) -> tuple[ScenarioReport, Picture]:
    plan = make_plan(*stages, name="soak")
    write_good_run(folder, plan)
    write_server(folder, plan, Services(**services))  # type: ignore[arg-type]
    (scenario,) = build_report(folder).scenarios
    picture = draw_picture(scenario, 300)
    assert picture
    return scenario, picture


def test_thinning_keeps_the_highest_and_the_lowest_of_every_stretch_and_the_ends() -> None:
    source = random.Random(4)
    points = [(float(second), source.random()) for second in range(1800)]
    kept = thin(points, 10)
    assert len(kept) <= 2 * 180 + 2
    assert kept == sorted(set(kept) & set(points)) and (kept[0], kept[-1]) == (points[0], points[-1])
    for begin in range(0, 1800, 10):
        values = [value for _, value in points[begin : begin + 10]]
        mine = [value for at, value in kept if begin <= at < begin + 10]
        assert {min(values), max(values)} <= set(mine)


def test_a_single_second_of_trouble_is_seen_in_half_an_hour() -> None:
    quiet = [1.0] * 1800
    quiet[1234] = 50.0
    path = draw_path(make_line(*quiet).points, choose_scale(quiet), 1800, 18)
    assert path == "M0 983l1360 0 11-816 9 816 619 0"  # 1371 of 2000 is 1,234 of 1,800 s; 167 of 1000 is 50 of 60


def test_a_line_is_broken_where_nothing_was_measured(tmp_path: Path) -> None:
    scenario, picture = draw(tmp_path, Stage(20, 60, 10), missing=range(20, 40), noise=1e6)
    memory = next(panel for side in picture.sides for panel in side.panels if panel.title == "memory")
    broken = [line for line in memory.lines if line.look == "books"]
    starts = [[int(x) for x in re.findall(r"M(\d+) ", line.path)] for line in broken]
    assert starts == [[17, 1350]] * 4  # 0.5 s and 40.5 s of 60
    assert {line.path.count("M") for line in memory.lines if line.look == "auth"} == {1}
    assert scenario.name == "soak"


def test_a_lonely_point_is_a_dot_and_a_level_stretch_has_two_points() -> None:
    scale = choose_scale([0.0, 4.0])
    assert draw_path([(5.0, 2.0)], scale, 10, 0) == "M1000 500h0"
    assert draw_path([(float(s), 2.0) for s in range(11)], scale, 10, 0) == "M0 500l2000 0"


@pytest.mark.parametrize(
    ("values", "level", "log", "ticks"),
    [
        ([0.0, 1000.0], False, False, (0, 500, 1000)),
        ([3.0, 7.0], False, False, (0, 5, 10)),
        ([0.02, 0.9], False, False, (0, 0.5, 1)),
        ([57.1, 57.3], True, False, (54, 56, 58, 60, 62)),
        ([0.0, 0.0], False, False, (0, 1)),
        ([20.0, 20.0], True, False, (19, 20, 21)),
        ([-0.5, 0.5], False, False, (-0.5, 0, 0.5)),
        ([2.5, 9.0], False, True, (0, 5, 10)),
        ([3.2, 4770.0], False, True, (10, 100, 1000)),
        ([12.0, 180.0], False, True, (10, 20, 50, 100, 200)),
        ([0.0, 30.0], False, True, (0.001, 0.01, 0.1, 1, 10)),
    ],
)
def test_axes_hold_every_value_between_round_numbers(
    values: list[float], level: bool, log: bool, ticks: tuple[float, ...]
) -> None:
    scale = choose_scale(values, level=level, log=log)
    assert scale.low <= max(min(values), 0.001 if scale.log else min(values)) and max(values) <= scale.high
    places = [scale.place(value) for value in sorted(values)]
    assert places == sorted(places, reverse=True) and 0 <= places[-1] <= places[0] <= HEIGHT
    if not scale.log:
        assert (scale.ticks[0], scale.ticks[-1]) == (scale.low, scale.high)
    assert scale.ticks == pytest.approx(ticks)


def test_a_log_axis_marks_tenfolds_or_a_few_round_numbers() -> None:
    assert choose_log_scale(11.0, 45.0).ticks == (10, 20, 50)
    assert choose_log_scale(1.0, 50000.0).ticks == (1, 10, 100, 1000, 10000)


@pytest.mark.parametrize(("seconds", "words"), [(8, "0:00 0:02 0:04 0:06 0:08"), (60, "0:00 0:10 0:20 0:30 0:40")])
def test_time_marks_are_round_and_few(seconds: float, words: str) -> None:
    assert " ".join(text for _, text in choose_times(seconds)).startswith(words)
    for length in (1, 30, 61, 250, 420, 1800, 3600, 86400, 10**7):
        times = choose_times(length)
        assert times[0] == (0.0, "0:00") and len(times) <= 1001 and times[-1][0] <= 100
        assert len(times) <= 8 or length == 10**7


def test_names_stand_at_the_ends_of_their_lines_and_none_overlaps_another() -> None:
    lines = [make_line(0.0, end, name=f"books {pid}") for pid, end in ((1, 0.1), (2, 0.11), (3, 0.9))]
    lines += [make_line(0.0, 0.12, name="auth 9"), make_line(0.0, 0.1, name="machine", unit="of all cores")]
    labels = place_labels(lines, choose_scale([0.0, 1.0]), 80)
    assert [(label.text, label.members) for label in labels] == [
        ("books 3", ""),
        ("auth 9", ""),
        ("books", "2 workers"),
        ("machine, of all cores", ""),
    ]
    tops = [label.top for label in labels]
    assert all(below - above >= LINE_HEIGHT for above, below in pairwise(tops))
    assert tops[0] >= 0 and tops[-1] <= 80 - LINE_HEIGHT
    assert sorted(number for label in labels for number in label.lines) == [0, 1, 2, 3, 4]


def test_a_picture_grows_until_all_names_have_room() -> None:
    lines = tuple(make_line(0.0, float(n), name=f"{word} {n}") for n, word in enumerate("abcdefghijklm"))
    scenario = ScenarioReport("x", "", "PASS", (), "", {}, {"seconds": 2}, (), (), (), lines, (), (), None)
    picture = draw_picture(scenario, 300)
    assert picture
    ((panel,),) = [side.panels for side in picture.sides]
    assert panel.height == 13 * LINE_HEIGHT
    assert [label.top for label in panel.labels] == [float(LINE_HEIGHT * n) for n in range(13)]


def test_what_did_not_move_is_a_word_and_no_picture(tmp_path: Path) -> None:
    _, picture = draw(tmp_path, Stage(20, 60, 10), growth={"fds": 60.0})
    load, services = picture.sides
    assert [panel.title for panel in load.panels] == ["users", "throughput", "latency without log-ins"]
    assert (load.is_folded, services.is_folded) == (False, True)
    assert load.unchanged == (("shed: 0", "soak_seconds.csv"), ("errors: 0", "soak_seconds.csv"))
    assert [panel.title for panel in services.panels] == ["descriptors"]
    still = dict(services.unchanged)
    assert still["threads: 12 (auth, books)"] == "soak_server.jsonl"
    assert still["cpu: 0.3 core (generator), 0.2 core (auth, books)"] == "soak_generator.csv, soak_server.jsonl"


def test_the_highest_value_is_told_with_its_line_and_its_moment() -> None:
    lines = (make_line(1.0, 3.5, 2.0), make_line(0.0, 0.0, 3.5, name="books 4002"))
    scenario = ScenarioReport("x", "", "PASS", (), "", {}, {"seconds": 3}, (), (), (), lines, (), (), None)
    picture = draw_picture(scenario, 300)
    assert picture
    assert picture.sides[0].panels[0].peak == "3.5 books 4001 at 0:01"


def test_upright_lines_stand_where_the_plan_changes(tmp_path: Path) -> None:
    scenario, picture = draw(tmp_path, Stage(20, 30, 20), Stage(40, 10, 20), Stage(20, 20, 20))
    assert picture.marks == [(0.0, "20", "users"), (50.0, "40", "users"), (66.667, "20", "users")]
    assert picture.changes == "M1000 0V1000M1333 0V1000"
    alone = draw_picture(replace(scenario, marks=scenario.marks[:1]), 300)
    assert alone and (alone.marks, alone.changes) == ([], "")


def test_nothing_recorded_is_no_picture() -> None:
    assert draw_picture(ScenarioReport("x", "", "PASS", (), "", {}, {}, (), (), (), (), (), (), None), 300) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "0"),
        (1234567, "1,234,567"),
        (0.0, "0"),
        (9.996, "10.0"),
        (10.004, "10.0"),
        (0.08, "0.08"),
        (0.0801234, "0.0801"),
        (1e-9, "0.000000"),
        (25.0, "25"),
        (4770.32, "4,770"),
        (-0.283, "-0.283"),
        (1e21, "1,000,000,000,000,000,000,000"),
        (float("nan"), "–"),  # noqa: RUF001
        ("text", "text"),
    ],
)
def test_numbers_have_three_digits_that_count(value: object, text: str) -> None:
    assert show_number(value) == text


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (2.023, None, "2.0"),
        (147.2, None, "150"),
        (5258.0, None, "5,300"),
        (0.0, None, "0"),
        (6635, None, "6,635"),
        (100.4, 100.0, "100.4"),
        (99.6, 100.0, "99.6"),
        (101.0, 200.0, "100"),
    ],
)
def test_a_sentence_says_two_digits_and_more_only_beside_a_limit(value: float, beside: float | None, text: str) -> None:
    assert say_number(value, beside=beside) == text


def test_an_interval_says_on_which_side_of_a_value_its_ends_are() -> None:
    assert say_range(0.996, 2.4, beside=1) == "0.996 to 2.4"
    assert say_range(1.004, 2.4, beside=1) == "1.004 to 2.4"


def test_a_sentence_says_all_only_of_all() -> None:
    assert [say_share(share) for share in (0.0, 0.0035, 0.5, 0.9999, 1.0)] == [
        "0 %",
        "0.35 %",
        "50 %",
        "99.99 %",
        "100 %",
    ]
    assert [say_count(count, "answer") for count in (0, 1, 1234)] == ["0 answers", "1 answer", "1,234 answers"]


def test_moments_are_minutes_and_seconds() -> None:
    assert [show_clock(seconds) for seconds in (0, 9.7, 60, 3599, 3600, 36061)] == [
        "0:00",
        "0:09",
        "1:00",
        "59:59",
        "1:00:00",
        "10:01:01",
    ]


def unfold(text: str) -> list[str]:
    """What the pointer reads in each stretch, as the page's script does it."""
    words = (word.partition("*") for word in text.split(" "))
    return [value for value, _, times in words for _ in range(int(times or 1))]


def test_the_pointer_reads_the_lowest_and_the_highest_of_all_data_and_nothing_that_was_drawn() -> None:
    source = random.Random(4)
    lines = [make_line(*(source.lognormvariate(3, 1) for _ in range(1805)), name=f"books {pid}") for pid in (1, 2)]
    found = unfold(write_readings(lines, 1805, 7))
    assert len(found) == 258
    for place, words in enumerate(found):
        values = [value for line in lines for _, value in line.points[7 * place : 7 * place + 7]]
        assert words.split("~") == [show_number(min(values)), show_number(max(values))]
    assert max(line.points[1234][1] for line in lines) == pytest.approx(
        float(unfold(write_readings(lines, 1805, 1))[1234].split("~")[1].replace(",", "")), rel=0.005
    )


@pytest.mark.parametrize(
    ("points", "seconds", "step", "words"),
    [
        ([(0.0, 3.0), (1.0, 3.0), (2.0, 3.0), (3.0, 4.5)], 4, 1, "3*3 4.5"),
        ([(0.0, 49.0), (1.0, 50.0), (2.0, 50.0), (3.0, 50.0)], 4, 2, "49~50 50"),
        ([(0.0, 1.0), (3.9, 12345.0)], 4, 2, "1 12,345"),
        ([(0.9, 1.0), (2.1, 2.0), (3.1, 5.0)], 4, 1, "1*2 2 5"),  # samples a little more than a second apart
        ([(0.0, 1.0), (8.0, 2.0)], 9, 1, "1*3 –*5 2"),  # noqa: RUF001  nothing was measured for longer
        ([(0.0, 7.0)], 4, 1, "7 –*3"),  # noqa: RUF001  a process that ended
        ([(4.0, 2.0)], 4, 2, "– 2"),  # noqa: RUF001  the very end
    ],
)
def test_readings_are_short_and_say_where_nothing_was_measured(
    points: list[tuple[float, float]], seconds: float, step: int, words: str
) -> None:
    line = TimeLine("cpu", "books 1", "", "x_server.jsonl", tuple(points))
    assert write_readings([line], seconds, step) == words


def test_lines_that_share_a_name_are_read_together(tmp_path: Path) -> None:
    scenario, picture = draw(tmp_path, Stage(20, 60, 10), noise=1e6)
    (panel,) = [panel for side in picture.sides for panel in side.panels if panel.title == "memory"]
    (label,) = [label for label in panel.labels if label.text == "books"]
    memory = [line for line in scenario.time_lines if line.group == "memory" and line.name.startswith("books")]
    values = [value for line in memory for at, value in line.points if int(at) == 33]
    assert len(label.lines) == len(values) == 4
    assert unfold(label.values)[33] == f"{show_number(min(values))}~{show_number(max(values))}"


@pytest.mark.parametrize(("name", "apart"), [("spike", True), ("soak", True), ("baseline", False), ("stages", False)])
def test_log_ins_are_drawn_apart_where_the_verdict_leaves_them_out(tmp_path: Path, name: str, apart: bool) -> None:
    plan = make_plan(Stage(20, 30, 20), Stage(40, 10, 20), Stage(20, 30, 20), name=name)
    write_good_run(
        tmp_path,
        plan,
        mix={LIST: 90, LOGIN: 10},
        latency=lambda _, endpoint, source: (300 if endpoint == LOGIN else 10) * source.uniform(0.9, 1.1),
    )
    (scenario,) = build_report(tmp_path).scenarios
    lines = {(line.group, line.name): line for line in scenario.time_lines if line.group.startswith("latency")}
    groups = {group for group, _ in lines}
    assert groups == ({"latency without log-ins", "latency of log-ins"} if apart else {"latency"})
    if apart:
        assert max(value for _, value in lines["latency without log-ins", "p99"].points) < 12
        assert min(value for _, value in lines["latency of log-ins", "p50"].points) > 250
    else:
        assert max(value for _, value in lines["latency", "p99"].points) > 250


def test_the_curve_of_each_group_has_the_percentiles_that_sorting_gives_and_ends_at_its_longest(tmp_path: Path) -> None:
    made = write_good_run(tmp_path, make_plan(name="baseline"), mix={LIST: 70, ADD: 20, LOGIN: 10})
    (scenario,) = build_report(tmp_path).scenarios
    (chart,) = [chart for chart in scenario.charts if chart.kind == PERCENTILES]
    assert [curve.name for curve in chart.curves] == ["reads", "writes", "log-ins"]
    assert chart.names[:4] == ("p0", "p21", "p37", "p50") and {"p90", "p95", "p99"} <= set(chart.names)
    for curve, endpoint in zip(chart.curves, (LIST, ADD, LOGIN), strict=True):
        times = sorted(ms for _, name, ms in made if name == endpoint)
        for share, ms in curve.points:
            rank = max(1, math.ceil(share * len(times) - 1e-9))
            assert ms == pytest.approx(times[rank - 1], rel=0.002)
        assert curve.points[-1][1] == pytest.approx(times[-1], rel=0.002)
        assert curve.points[-2][0] <= 1 - 1 / len(times)


def test_latency_is_drawn_against_throughput_for_each_plateau_and_for_the_blocks_of_the_baseline(
    tmp_path: Path,
) -> None:
    shape = (Stage(20, 20, 20), Stage(60, 20, 40), Stage(20, 20, 40))
    for name in ("stages", "spike", "baseline", "read_heavy"):
        (folder := tmp_path / name).mkdir()
        write_good_run(folder, make_plan(*(shape if name in ("stages", "spike") else ()), name=name))
        (scenario,) = build_report(folder).scenarios
        charts = [chart for chart in scenario.charts if chart.kind == THROUGHPUT]
        if name == "read_heavy":
            assert charts == []
            continue
        (chart,) = charts
        assert chart.joined == (name != "baseline")
        if chart.joined:
            (table,) = [table for table in scenario.tables if table.title == "Plateaus"]
            assert [curve.points for curve in chart.curves] == [
                tuple((row[3], row[place]) for row in table.rows) for place in (4, 5)
            ]
            assert chart.names == ("plateau 1, 20 users", "plateau 2, 60 users", "plateau 3, 20 users")
        else:
            assert len(chart.names) > 10 and chart.names[0] == "1 s from 0:08 on"
            assert all(8 <= rate <= 12 for curve in chart.curves for rate, _ in curve.points)


def test_a_block_of_the_baseline_in_which_no_answer_came_has_no_point(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="baseline"), freezes=((12, 4),))
    (scenario,) = build_report(tmp_path).scenarios
    (chart,) = [chart for chart in scenario.charts if chart.kind == THROUGHPUT]
    assert not {f"1 s from 0:{second} on" for second in range(12, 16)} & set(chart.names)
    assert {"1 s from 0:11 on", "1 s from 0:16 on"} <= set(chart.names)


def test_a_chart_stands_between_round_marks_and_a_short_curve_has_no_value_at_the_end() -> None:
    curves = ChartCurve("reads", ((0.0, 1.0), (0.9, 4.0), (0.99, 90.0))), ChartCurve("writes", ((0.0, 3.0), (0.9, 8.0)))
    drawn = draw_chart(Chart(PERCENTILES, "x", "a.hlog", ("p0", "p90", "p99"), curves))
    assert drawn.places == (0.0, 50.0, 100.0)
    assert drawn.marks == ((15.051, "p50"), (50.0, "p90"), (100.0, "p99"))
    assert [curve.values for curve in drawn.curves] == ["1 4 90", "3 8 –"]  # noqa: RUF001
    assert [text for _, text in drawn.ticks] == ["1", "10", "100"]
    assert choose_shares(0.0) == [(30.103, "p50"), (100.0, "p90")]
