"""compare.html in a real browser: legible on a phone and in the dark, and its picture shows each pair."""

from pathlib import Path

import pytest

from analysis.compare.comparison import Comparison, build_comparison
from analysis.compare.page import write_html
from analysis.compare.picture import draw_picture
from tests.analysis.test_report_browser import look_with_axe
from tests.support.axe import NoAxeError, read_axe
from tests.support.browser import ask_page, find_browser, measure_widths
from tests.support.made_comparisons import Compared, write_comparison
from tests.support.page_scripts import CONTRASTS, MOUSE, POINT
from tests.support.recordings import ADD, LIST, ONE

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(autouse=True)
def browser() -> str:
    """The browser; without one there is nothing to look with."""
    return find_browser() or pytest.skip("no Chromium: apt-get install --no-install-recommends chromium")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A comparison whose B is slower, with words in it that would run if they could."""
    folder = tmp_path_factory.mktemp("slower")
    odd = {"notes": (HOSTILE,), "complete": False, "scenario": HOSTILE}
    write_comparison(folder, Compared(cost=1.2, slow={LIST: 1.3, ONE: 1.3, ADD: 0.6}, odd=odd))
    return build_comparison(folder)


@pytest.fixture(scope="module")
def page(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    (path := tmp_path_factory.mktemp("page") / "compare.html").write_text(write_html(comparison))
    return path


def point(place: float) -> str:
    """The script that points at a place of the picture, as a share of its width."""
    return (POINT + MOUSE).replace("BOX", ".compared").replace("PLACE", f"{place:.4f}").replace("PART", "0.5")


def test_the_page_is_never_wider_than_the_window(page: Path, tmp_path: Path) -> None:
    assert all(wide <= room for wide, room in measure_widths(page, tmp_path, 390, 1280))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_and_line_stands_out_from_what_is_behind_it(page: Path, tmp_path: Path, dark: bool) -> None:
    seen = ask_page(page, CONTRASTS, tmp_path, dark=dark)
    assert seen["texts"] > 100 and seen["lines"] == 3
    assert (seen["paper"] < 0.02) == dark
    assert seen["pale"] == []


def test_hostile_words_do_not_run(page: Path, tmp_path: Path) -> None:
    scripts, text = ask_page(page, "return [doc.scripts.length, doc.body.textContent];", tmp_path)
    assert scripts == 1
    assert text.count(HOSTILE) == 2


def test_the_picture_has_a_dot_for_each_pair_and_the_pointer_reads_it(
    comparison: Comparison, page: Path, tmp_path: Path
) -> None:
    drawn = draw_picture(comparison.courses, comparison.findings, comparison.within)
    assert drawn and len(drawn.panels) == 3
    script = 'return [...doc.querySelectorAll(".dots")].map(each => each.getAttribute("d").match(/M/g).length);'
    assert ask_page(page, script, tmp_path) == [12, 12, 12]
    found, after = ask_page(page, point(drawn.places[4] / 100 + 0.001), tmp_path)
    assert found["clock"] == drawn.names[4] == "pair 5 at 0:56"
    assert set(after.values()) == {"", False}


def test_the_picture_says_in_words_what_it_shows(page: Path, tmp_path: Path) -> None:
    words = ask_page(page, 'return [...doc.querySelectorAll("desc")].map(each => each.textContent);', tmp_path)
    assert [each for each in words if "processor time per answer +20 %" in each and "12 pairs" in each]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(
    page: Path, tmp_path: Path, dark: bool, request: pytest.FixtureRequest
) -> None:
    try:
        axe = read_axe(request.config.cache.mkdir("axe-core"))
    except NoAxeError as problem:
        pytest.skip(str(problem))
    assert look_with_axe(page, axe, tmp_path, dark=dark) == []
