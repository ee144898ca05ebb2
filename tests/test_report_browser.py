"""report.html in a real browser: legible on a phone and in the dark, and the lines can be read under the pointer."""

import math
from pathlib import Path
from typing import Any

import pytest
from browser import ask_page, find_browser
from recordings import Load, make_plan, make_requests, write_good_run
from test_report_page import HOSTILE, spoil
from whole_runs import write_whole_run

from analysis.plan import Stage
from analysis.report import build_report
from analysis.report_page import write_html

SIDEWAYS = "return [doc.documentElement.scrollWidth, doc.documentElement.clientWidth];"
# The contrast of every text that is seen with what is behind it, and of every line; below 4.5 (lines 3) it is told.
CONTRASTS = """
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const light = colour => {
  const [r, g, b] = parts(colour).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const colour = win.getComputedStyle(each).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
const measure = (element, colour) => {
  const [one, other] = [light(colour), light(behind(element))];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
};
for (const each of doc.querySelectorAll("details")) each.open = true;
const texts = [...doc.body.querySelectorAll("*")].filter(each =>
  each.getClientRects().length && !each.closest("svg, script") &&
  [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
const lines = [...doc.querySelectorAll("svg .line")];
const pale = [];
for (const each of texts) {
  const contrast = measure(each, win.getComputedStyle(each).color);
  if (contrast < 4.5) pale.push([each.className || each.tagName, each.textContent.slice(0, 30), contrast]);
}
for (const each of lines) {
  const contrast = measure(each.closest(".plot"), win.getComputedStyle(each).stroke);
  if (contrast < 3) pale.push([each.getAttribute("class"), contrast]);
}
return {texts: texts.length, lines: lines.length, pale, paper: light(behind(doc.body))};
"""
POINT = """
const plot = doc.querySelectorAll("#stages svg")[2].getBoundingClientRect();
const at = {bubbles: true, clientX: plot.left + plot.width * 33 / 80, clientY: plot.top + 3};
doc.querySelectorAll("#stages svg")[2].dispatchEvent(new win.PointerEvent("pointermove", at));
const found = {};
for (const label of doc.querySelectorAll("#stages .labels span"))
  found[label.firstChild.textContent] = label.lastChild.textContent;
found.clock = doc.querySelector("#stages .clock").textContent;
doc.querySelector("#stages .lines").dispatchEvent(new win.PointerEvent("pointerleave"));
found.after = [...doc.querySelectorAll("#stages .labels b")].map(each => each.textContent).join("");
return found;
"""


@pytest.fixture(autouse=True)
def browser() -> str:
    """The browser; without one there is nothing to look with."""
    return find_browser() or pytest.skip("no Chromium: apt-get install --no-install-recommends chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of all seven scenarios."""
    folder = tmp_path_factory.mktemp("whole")
    write_whole_run(folder)
    (path := folder / "report.html").write_text(write_html(build_report(folder)))
    return path


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_the_page_does_not_scroll_sideways(page: Path, tmp_path: Path, width: int) -> None:
    wide, room = ask_page(page, SIDEWAYS, tmp_path, width=width)
    assert wide <= room <= width


def test_what_is_too_wide_would_be_seen(page: Path, tmp_path: Path) -> None:
    (other := tmp_path / "wide.html").write_text(
        page.read_text().replace("<main>", '<main><pre style="width:600px">x</pre>')
    )
    wide, room = ask_page(other, SIDEWAYS, tmp_path, width=390)
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


def test_the_pointer_reads_every_line_at_its_second(page: Path, tmp_path: Path) -> None:
    found: dict[str, Any] = ask_page(page, POINT, tmp_path)
    assert found["clock"] == "0:33"
    assert (found["users"], found["right answers"]) == ("100", "50")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert float(found[name]) == pytest.approx(rank_second(33, share), rel=0.02), name
    assert found["after"] == ""
