"""Makes the pictures of docs/ anew from a run: `python -m tests.documents.pictures_of_docs FOLDER [--break-point]`.

FOLDER holds a finished full run. Nothing in it is changed: the present analysis reads it, and its terminal output and
its report are made again. With --break-point a local stack is started, and a run of 200 users in Locust's web page; its
picture is made after about five minutes.

docs/data/pictures.json says which run each picture shows, and its size and SHA-256: a picture that comes from elsewhere
is found. docs/architecture.svg is a drawing, and no run is in it.
"""

import argparse
import hashlib
import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from analysis.findings import RunReport
from analysis.report.page import write_html
from analysis.report.report import build_report
from analysis.report.terminal import print_report
from tests.documents.small_pictures import make_small
from tests.support.browsing import Tab, browse
from tests.support.scripts import prepare_accounts
from tests.support.stacks import Stack, choose_settings, run_local_stack, start_stack
from tests.support.web_pages import ask_stats, serve_page, wait_until

DOCS = Path(__file__).parents[2] / "docs"
FILE = DOCS / "data" / "pictures.json"
DRAWN = {"architecture.svg"}
LARGEST = 300_000  # bytes of a picture
COLUMNS = 88  # of the terminal
WIDTH, HEIGHT = 1000, 760  # pixels of a page; GitHub shows a picture about 840 wide
MARGIN = 12
CHARTS = 700  # the height of the first two charts of Locust's page, with what is above them
RUN_S = 120  # of the manual run: then a step is known to be steady
# The end of the answers; then each scenario from its name to the end of its time lines.
PARTS = {
    "report.png": (".top", "#answers > :last-child"),
    "full_run_spike.png": ("#spike > h2", "#spike .lines"),
    "full_run_soak.png": ("#soak > h2", "#soak .lines"),
}
OPEN = "document.querySelectorAll('.lines details').forEach(one => one.open = true)"
EDGES = "[{}, {}].map(name => document.querySelector(name).getBoundingClientRect()).flatMap(r => [r.top, r.bottom])"
Pictures = dict[str, bytes]


def draw_terminal(name: str, report: RunReport) -> bytes:
    """What the runner prints at the end of a run whose results are in the folder `name`, as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    print_report(Path(name), report, console)
    console.print()  # the picture cuts its last line off
    # Without the font that a reader's browser would get from elsewhere.
    form = re.sub(r" *@font-face \{\{.*?\}\}\n| *<!--.*?-->\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", '"DejaVu Sans Mono", Menlo, monospace')
    text = console.export_svg(title="./run_all_tests.sh", code_format=form, unique_id="terminal")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines()).encode()


def show_report(report: RunReport, parts: Mapping[str, tuple[str, str]] = PARTS) -> Pictures:
    """The parts of the page of a report that the documents show."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, browse(Path(folder)) as tab:
        (page := Path(folder) / "report.html").write_text(write_html(report), encoding="utf-8")
        tab.open(page.as_uri())
        tab.resize(WIDTH, HEIGHT)
        wait_until(lambda: tab.ask("document.querySelector('footer') !== null"))
        tab.ask(OPEN)
        return {name: show_part(tab, *part) for name, part in parts.items()}


def show_part(tab: Tab, first: str, last: str) -> bytes:
    """The page from one element to the end of another, at its full width."""
    edges = tab.ask(EDGES.format(json.dumps(first), json.dumps(last)))
    top = max(0, edges[0] - MARGIN)
    return make_small(tab.photograph(0, top, WIDTH, edges[3] + MARGIN - top))


def show_manual_run() -> bytes:
    """The charts of Locust's web page after two minutes of a run with the users that the page begins with."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as name, run_stack(folder := Path(name)) as stack:
        prepare_accounts(folder, stack, count=300)
        with serve_page(stack, folder) as page, browse(folder) as tab:
            tab.open(page)
            tab.resize(WIDTH, HEIGHT)
            wait_until(lambda: "prepared: a test starts at once" in (folder / "log").read_text(), 120)
            wait_until(lambda: tab.press("Start"))
            wait_until(lambda: ask_stats(page)["user_count"] > 0)
            time.sleep(RUN_S)
            wait_until(lambda: tab.press("Charts"))
            time.sleep(6)  # the page draws every 5 s
            assert ask_stats(page)["errors"] == []
            return make_small(tab.photograph(0, 0, WIDTH, CHARTS))


@contextmanager
def run_stack(folder: Path) -> Iterator[Stack]:
    """A stack of the usual settings in a folder, on ports of its own."""
    settings = choose_settings(folder / "stack", BCRYPT_ROUNDS="12")
    stack = start_stack(settings)
    try:
        yield stack
    finally:
        run_local_stack("down", settings)


def write_pictures(pictures: Pictures, run: str) -> None:
    """Write pictures into docs/, and their run into docs/data/pictures.json; AssertionError for a large picture."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    for name, content in pictures.items():
        assert len(content) <= LARGEST, f"{name} has {len(content)} bytes"
        (DOCS / name).write_bytes(content)
        known[name] = {"run": run, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        print(f"docs/{name}: {len(content)} bytes")
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Make the pictures of a run, and that of a manual run if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--break-point", action="store_true")
    options = parser.parse_args()
    report = build_report(options.folder)
    terminal = {"finished_run.svg": draw_terminal(report.name, report)}
    write_pictures({**terminal, **show_report(report)}, report.facts["started"])
    if options.break_point:
        write_pictures({"break_point.png": show_manual_run()}, datetime.now(UTC).isoformat(timespec="seconds"))


if __name__ == "__main__":
    main()
