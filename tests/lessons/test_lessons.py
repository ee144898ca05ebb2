"""lessons.sh: what it takes, what it leaves behind when it is interrupted, and the page that it writes."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from lessons.lesson import NAMES
from lessons.load import Answer, count_by_second
from lessons.page import PROGRAMS, UNSHOWN, write_page
from lessons.place import PROJECT
from tests.documents.lessons import FILE
from tests.support.browser import ask_page, find_browser, measure_widths
from tests.support.page_scripts import CONTRASTS

SCRIPT = str(PROJECT / "lessons.sh")
START_S, END_S = 60, 60
needs_browser = pytest.mark.skipif(not find_browser(), reason="no Chromium")


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the script did with these arguments."""
    return subprocess.run([SCRIPT, *arguments], check=False, capture_output=True, text=True, timeout=START_S)


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    ran = call("zombies", "zombie")
    assert (ran.returncode, ran.stdout) == (64, "")
    assert ran.stderr == f"lessons.sh: there is no lesson 'zombie': choose from {', '.join(NAMES)}\n"


def test_the_help_names_every_lesson_in_its_order() -> None:
    ran = call("--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert tuple(name for name in re.findall(r"\b[a-z_]+\b", ran.stdout) if name in NAMES) == NAMES


def test_an_unknown_option_is_refused_by_name() -> None:
    ran = call("--fast")
    assert (ran.returncode, ran.stdout) == (64, "")
    assert ran.stderr == "lessons.sh: unknown option '--fast'; it takes names of lessons, or --help\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_two_programs_of_at_most_60_lines(name: str) -> None:
    lengths = {file: len((PROJECT / "lessons" / name / file).read_text().splitlines()) for file in PROGRAMS}
    assert all(15 <= length <= 60 for length in lengths.values()), lengths


def name_processes_of(folder: Path) -> list[str]:
    """The processes whose command, folder or environment names a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in each for each in told):
            found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize("when", ["starting a private", "bare_pool ..."])
def test_ctrl_c_ends_all_that_was_started_and_leaves_no_folder(when: str, tmp_path: Path) -> None:
    script = subprocess.Popen(
        [SCRIPT, "bare_pool"], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert script.stdout and script.stderr
    while when not in (line := script.stdout.readline()):
        assert line, script.stderr.read()
    time.sleep(1.0)  # the stores or the servers are about to start
    assert len(name_processes_of(tmp_path)) > 1
    os.killpg(script.pid, signal.SIGINT)
    _, said = script.communicate(timeout=END_S)
    assert (script.returncode, said) == (130, "lessons.sh: interrupted; what it started has ended\n")
    assert name_processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the lessons as docs/data has them."""
    path = tmp_path_factory.mktemp("page") / "lessons.html"
    write_page(FILE, path)
    return path


def test_the_page_holds_every_lesson_with_its_picture_and_takes_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r'<section class="scenario" id="([a-z_]+)"', text) == list(NAMES)
    assert text.count("<figure") == len(NAMES)
    folders = [PROJECT / "lessons" / name for name in NAMES]
    programs = {file for folder in folders for file in folder.glob("*.py") if file.name not in UNSHOWN}
    assert text.count("<pre ") == len(programs)
    page_alone = re.sub("<pre .*?</pre>", "", text, flags=re.S)  # the programs send requests, the page does not
    assert not re.search(r"<(script|link|img|iframe|object)|url\(|@import|src=", page_alone)


@needs_browser
def test_the_page_does_not_scroll_sideways(page: Path, tmp_path: Path) -> None:
    assert all(wide <= room for wide, room in measure_widths(page, tmp_path, 390, 1280))


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_every_text_and_line_of_the_page_can_be_told_from_what_is_behind_it(
    page: Path, tmp_path: Path, dark: bool
) -> None:
    seen = ask_page(page, CONTRASTS, tmp_path, dark=dark)
    assert seen["texts"] > 200 and seen["lines"] > 3
    assert (seen["paper"] < 0.02) == dark
    assert seen["pale"] == []


def test_answers_are_counted_in_whole_stretches_only() -> None:
    answers = [Answer(at, 0.1, 200, "", "") for at in (0.1, 0.2, 1.3, 1.4, 1.9, 2.05)]
    assert count_by_second(answers, 0.5) == [(0.25, 4), (0.75, 0), (1.25, 4), (1.75, 2)]
    assert count_by_second([]) == []
