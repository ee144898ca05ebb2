"""report.html in a real browser: legible on a phone and in the dark, and the lines can be read under the pointer."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.findings import PERCENTILES, THROUGHPUT, RunReport, ScenarioReport, TimeLine
from analysis.number_formats import show_number
from analysis.plan.plan import Stage
from analysis.report.page import write_html
from analysis.report.picture_charts import draw_chart
from analysis.report.report import build_report
from tests.analysis.test_report_page import HOSTILE, spoil
from tests.support.axe import NoAxeError, read_axe
from tests.support.browser import ask_page, find_browser, measure_widths
from tests.support.page_scripts import AXE, CONTRASTS, FINGER, MOUSE, ON_PAPER, POINT, SORT
from tests.support.read_models import LONG
from tests.support.recordings import (
    Load,
    Services,
    make_plan,
    make_requests,
    write_good_run,
    write_run,
    write_scenario,
    write_server,
)
from tests.support.whole_runs import SHAPE, write_whole_run

TALLEST = 12_500  # pixels, as it opens at 1,280


@pytest.fixture(autouse=True)
def browser() -> str:
    """The browser; without one there is nothing to look with."""
    return find_browser() or pytest.skip("no Chromium: apt-get install --no-install-recommends chromium")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """The report of a run of all seven scenarios."""
    folder = tmp_path_factory.mktemp("whole")
    write_whole_run(folder)
    return build_report(folder)


@pytest.fixture(scope="module")
def page(report: RunReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    (path := tmp_path_factory.mktemp("page") / "report.html").write_text(write_html(report))
    return path


def find_scenario(report: RunReport, name: str) -> ScenarioReport:
    """One scenario of a report."""
    (found,) = [scenario for scenario in report.scenarios if scenario.name == name]
    return found


def test_the_page_does_not_scroll_sideways(page: Path, tmp_path: Path) -> None:
    widths = 320, 390, 800, 1280
    for (wide, room), width in zip(measure_widths(page, tmp_path, *widths), widths, strict=True):
        assert wide <= room <= width


def test_what_is_too_wide_would_be_seen(page: Path, tmp_path: Path) -> None:
    (other := tmp_path / "wide.html").write_text(
        page.read_text().replace("<main>", '<main><pre style="width:600px">x</pre>')
    )
    ((wide, room),) = measure_widths(other, tmp_path, 390)
    assert wide >= 600 > room


def test_hostile_words_neither_run_nor_widen_the_page(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    (path := tmp_path / "report.html").write_text(write_html(spoil(build_report(tmp_path))))
    script = "return [doc.documentElement.scrollWidth, doc.scripts.length, doc.images.length, doc.title];"
    wide, scripts, images, title = ask_page(path, script, tmp_path, width=390)
    assert (wide <= 390, scripts, images) == (True, 1, 0)
    assert HOSTILE in title


def test_a_wide_table_scrolls_in_its_own_box(page: Path, tmp_path: Path) -> None:
    script = "return [...doc.querySelectorAll('.box')].map(box => [box.scrollWidth, box.clientWidth, box.tabIndex]);"
    boxes = ask_page(page, script, tmp_path, width=390)
    assert len(boxes) > 7 and any(inside > room for inside, room, _ in boxes)
    assert all(room <= 390 and tab == 0 for _, room, tab in boxes)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_and_line_stands_out_from_what_is_behind_it(page: Path, tmp_path: Path, dark: bool) -> None:
    seen = ask_page(page, CONTRASTS, tmp_path, dark=dark)
    assert seen["texts"] > 500 and seen["lines"] > 30
    assert (seen["paper"] < 0.02) == dark
    assert seen["pale"] == []


def rank_second(second: int, share: float) -> float:
    """A percentile (ms) of the answers of one second of the stages, by sorting them."""
    plan = make_plan(Stage(50, 20, 50), Stage(100, 20, 50), Stage(50, 40, 50), name="stages", share=0.08)
    times = sorted(ms for at, _, ms, _ in make_requests(Load(plan)) if at == second)
    return times[math.ceil(share * len(times)) - 1]


def point(script: str, box: str, place: float, part: float = 0.1) -> str:
    """The script that points at a picture and then does what `script` says."""
    return POINT.replace("BOX", box).replace("PLACE", str(place)).replace("PART", str(part)) + script


def test_the_pointer_reads_every_line_at_its_second(page: Path, tmp_path: Path) -> None:
    found, after = ask_page(page, point(MOUSE, "#stages .lines", 33 / 80), tmp_path)
    assert found["clock"] == "0:33"
    assert (found["users"], found["right answers"]) == ("100", "50")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert float(found[name]) == pytest.approx(rank_second(33, share), rel=0.006), name
    assert set(after.values()) == {"", False}


def test_what_a_finger_has_read_stays_until_something_else_is_touched(page: Path, tmp_path: Path) -> None:
    stays, after = ask_page(page, point(FINGER, "#stages .lines", 33 / 80), tmp_path, width=390)
    assert (stays["clock"], stays["users"], stays["right answers"]) == ("0:33", "100", "50")
    assert set(after.values()) == {"", False}


def test_of_a_thinned_picture_the_pointer_reads_the_data_of_the_stretch(tmp_path: Path) -> None:
    values = [100.0 + (second * 7919) % 401 for second in range(1800)]
    (path := tmp_path / "report.html").write_text(write_html(draw_alone("p99", values)))
    found, _ = ask_page(path, point(MOUSE, "#soak .lines", 1234 / 1800), tmp_path)
    assert found["clock"] == "20:30–20:35"  # noqa: RUF001
    assert found["p99"] == f"{min(values[1230:1236]):.0f} to {max(values[1230:1236]):.0f}"


def draw_alone(name: str, values: list[float]) -> RunReport:
    """The report of a soak with one line."""
    line = TimeLine("latency", name, "ms", "soak.hlog", tuple((float(at), value) for at, value in enumerate(values)))
    got = {"users": 9, "seconds": len(values), "requests": 9, "rps": 1.0, "errors": 0, "shed": 0}
    got |= {"p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": 1.0}
    planned = {"users": 9, "seconds": len(values)}
    soak = ScenarioReport("soak", "?", "PASS", (), "!", planned, got, (), (), (), (line,), (), (), 1_800_000_000)
    return RunReport("alone", "full", True, (), "PASS", (soak,))


def test_the_pointer_reads_the_nearest_point_of_a_chart(report: RunReport, page: Path, tmp_path: Path) -> None:
    stages = find_scenario(report, "stages")
    (chart,) = [chart for chart in stages.charts if chart.kind == THROUGHPUT]
    (curves,) = [each for each in stages.charts if each.kind == PERCENTILES]
    top = max(chart.curves[0].points)
    number = chart.curves[0].points.index(top)
    drawn = draw_chart(chart)
    box = "#stages .charts .chart:last-child"
    found, after = ask_page(page, point(MOUSE, box, drawn.places[number] / 100 - 0.01), tmp_path)
    assert found["clock"] == f"{chart.names[number]}: {show_number(top[0])}/s"
    assert {name: found[name] for name in ("p50", "p95")} == {
        curve.name: show_number(curve.points[number][1]) for curve in chart.curves
    }
    assert set(after.values()) == {"", False}
    place, box = curves.names.index("p90"), "#stages .charts .chart:first-child"
    found, _ = ask_page(page, point(MOUSE, box, draw_chart(curves).places[place] / 100 + 0.005), tmp_path)
    assert (found["clock"], found["reads"]) == ("p90", show_number(curves.curves[0].points[place][1]))


def test_a_table_is_sorted_by_click_and_keyboard_and_says_so(report: RunReport, page: Path, tmp_path: Path) -> None:
    found = ask_page(page, SORT, tmp_path)
    (table,) = [table for table in find_scenario(report, "baseline").tables if table.title == "Endpoints"]
    longest = table.columns.index("longest ms")
    falling = sorted((row[longest] for row in table.rows), reverse=True)
    assert found["before"] == [row[0] for row in table.rows] == sorted(found["before"]) and len(falling) > 2
    focused, order, values = found["down"]
    assert (focused, order[longest], values) == (True, "descending", [show_number(value) for value in falling])
    assert [each for each in order if each] == ["descending"]
    assert found["up"][1:] == [[*order[:longest], "ascending", *order[longest + 1 :]], values[::-1]]
    assert found["name"][1][0] == "ascending" and found["name"][2] == found["before"]


def test_without_scripts_a_table_is_whole_and_has_no_buttons(page: Path) -> None:
    text = page.read_text().partition("<script>")[0]
    assert "<button" not in text and text.count("<table") > 20


def test_the_page_of_seven_scenarios_is_short_as_it_opens(page: Path, tmp_path: Path) -> None:
    assert ask_page(page, "return doc.documentElement.scrollHeight;", tmp_path) <= TALLEST


def test_on_paper_no_label_is_cut_and_no_axis_stands_without_its_picture(report: RunReport, tmp_path: Path) -> None:
    waits = ((0.0, 0.0), (40.0, 3.0), (60.0, 1.0))
    lines = tuple(TimeLine("pool", name, "threads waiting", "x", waits) for name in ("auth", "books"))
    scenarios = tuple(replace(one, time_lines=(*one.time_lines, *lines)) for one in report.scenarios)
    (page := tmp_path / "report.html").write_text(write_html(replace(report, scenarios=scenarios)))
    seen = ask_page(page, ON_PAPER, tmp_path, width=703)
    assert seen["seen"] > 500 and (seen["cut"], seen["hidden"]) == ([], [])
    assert len(seen["axes"]) > 12 and all(seen["axes"])
    assert seen["closed"] == 0 < seen["again"]


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    """The text of axe-core."""
    try:
        return read_axe(request.config.cache.mkdir("axe-core"))
    except NoAxeError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with all that a page can have, in two scenarios so that axe-core is soon done."""
    folder = tmp_path_factory.mktemp("faulty")
    plans = [make_plan(*SHAPE, name="stages", share=0.08), make_plan(name="baseline", share=0.08)]
    write_run(folder, *plans, codes={"stages": 0})
    write_scenario(folder, plans[0], kinds=lambda number: "shed" if number % 90 == 0 else "right")
    write_server(folder, plans[0], Services(growth={"fds": 3.0}))
    write_scenario(folder, plans[1])
    (path := folder / "report.html").write_text(write_html(build_report(folder)))
    return path


def look_with_axe(page: Path, axe: str, folder: Path, *, dark: bool = False, is_open: bool = True) -> list[Any]:
    """The violations that axe-core finds in a page."""
    source = json.dumps(axe).replace("</", "<\\/")
    script = AXE.replace("OPEN", json.dumps(is_open)).replace("SOURCE", source)
    passed, violations = ask_page(page, script, folder, dark=dark)
    assert passed > 20
    return list(violations)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(
    page: Path, faulty: Path, axe: str, tmp_path: Path, dark: bool
) -> None:
    assert look_with_axe(faulty, axe, tmp_path, dark=dark) == []
    assert not LONG or look_with_axe(page, axe, tmp_path, dark=dark, is_open=False) == []


def test_axe_would_find_a_picture_without_words_and_pale_text(faulty: Path, axe: str, tmp_path: Path) -> None:
    spoiled = re.sub(r' aria-labelledby="baseline[^"]*"', "", faulty.read_text()).replace(
        "--muted: #55606c", "--muted: #ccc"
    )
    (path := tmp_path / "spoiled.html").write_text(
        spoiled.replace("<title id=", "<metadata id=").replace("</title><desc", "</metadata><desc")
    )
    assert {"color-contrast", "svg-img-alt"} <= {violation[0] for violation in look_with_axe(path, axe, tmp_path)}
