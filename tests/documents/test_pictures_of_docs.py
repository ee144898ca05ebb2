"""The pictures of docs/ are those that the script made, small, and of the run whose figures the documents give."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.documents.full_run import FILE as FULL_RUN
from tests.documents.pictures_of_docs import DOCS, DRAWN, FILE, LARGEST, PARTS
from tests.documents.searches import CURVE
from tests.documents.small_pictures import make_small
from tests.support.browser import find_browser
from tests.support.browsing import browse
from tests.support.web_pages import wait_until

PICTURES = json.loads(FILE.read_text(encoding="utf-8"))
OF_THE_FULL_RUN = ["finished_run.svg", *PARTS]
AGAIN = "run python -m tests.documents.pictures_of_docs FOLDER"
UNSEEN = 16  # of 255, by which a shade may differ
PAGE = """<body style="margin: 0"><p style="height: 90px; background: #1a7f37">Some words, <a href="#">a link</a>,
<svg width="200" height="60"><path d="M0 50 30 9 70 40 199 0" stroke="#7637b5" fill="none"/></svg></p></body>"""
COMPARE = """(async urls => {
  const read = url => new Promise(done => {
    const image = new Image();
    image.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
      const pen = canvas.getContext("2d");
      pen.drawImage(image, 0, 0);
      done(pen.getImageData(0, 0, image.width, image.height).data);
    };
    image.src = "data:image/png;base64," + url;
  });
  const [one, other] = [await read(urls[0]), await read(urls[1])];
  return [one.length, other.length, one.reduce((most, byte, at) => Math.max(most, Math.abs(byte - other[at])), 0)];
})"""


def test_every_picture_is_one_that_the_script_makes_or_a_drawing() -> None:
    found = {path.name for path in DOCS.iterdir() if path.suffix in (".png", ".svg")}
    assert found == {*PICTURES, *DRAWN} == {*OF_THE_FULL_RUN, "break_point.png", *CURVE, *DRAWN}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_is_as_the_script_made_it(name: str) -> None:
    content, known = (DOCS / name).read_bytes(), PICTURES[name]
    assert len(content) == known["bytes"] <= LARGEST
    assert hashlib.sha256(content).hexdigest() == known["sha256"], AGAIN


@pytest.mark.parametrize("name", OF_THE_FULL_RUN)
def test_a_picture_of_the_full_run_is_of_the_run_whose_figures_the_documents_give(name: str) -> None:
    assert PICTURES[name]["run"] == json.loads(FULL_RUN.read_text(encoding="utf-8"))["started"], AGAIN


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.svg")))
def test_a_picture_takes_nothing_from_elsewhere(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert not re.search(r"url\([\"']?http|href=|@import", text)


@pytest.mark.skipif(not find_browser(), reason="no Chromium: apt-get install --no-install-recommends chromium")
def test_a_picture_made_small_shows_the_same(tmp_path: Path) -> None:
    (page := tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    with browse(tmp_path) as tab:
        tab.open(page.as_uri())
        wait_until(lambda: tab.ask("document.querySelector('svg') !== null"))
        tab.resize(400, 200)
        whole = tab.photograph(0, 0, 400, 120)
        small = make_small(whole)
        urls = json.dumps([base64.b64encode(each).decode() for each in (whole, small)])
        found = tab.ask(f"{COMPARE}({urls})")
    assert found[:2] == [400 * 120 * 4] * 2
    assert found[2] <= UNSEEN
    assert len(small) < len(whole)
