"""The benchmark measures what it says, marks what it cannot trust, and leaves nothing behind."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.http.schemas import parse_isbn
from benchmarks import scenarios
from benchmarks.asked import check_answers
from benchmarks.cases import Comparison, choose_cases, list_cases, list_comparisons
from benchmarks.driver import make_isbn
from benchmarks.large import fill
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.recording import ACCOUNTS, prepare_accounts
from benchmarks.rounds import write_rate, write_ratio
from benchmarks.service import BARE, serve
from benchmarks.stand import Stack, open_stack
from benchmarks.table import Table, merge_tables, read_tables
from benchmarks.wrk import Load, Result, ensure_wrk, run_wrk
from tests.support.read_models import LONG
from tests.support.scripts import choose_environment

pytestmark = pytest.mark.alone

needs_wrk = pytest.mark.skipif(
    not shutil.which("wrk") and os.geteuid() != 0, reason="wrk is missing and only root can install it"
)

long_form = pytest.mark.skipif(not LONG, reason="long form only")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of 100,000 books."""
    with open_stack(tmp_path_factory.mktemp("large") / "stack", BOOKS_WORKERS="1", AUTH_WORKERS="1") as stack:
        fill(stack)
        yield stack


def test_every_comparison_is_of_cases_that_are_measured() -> None:
    keys = {case.key for case in list_cases()}
    assert {key for each in list_comparisons() for key in (each.case, each.base)} <= keys


def test_chosen_cases_bring_the_bases_of_their_bars() -> None:
    assert [case.key for case in choose_cases(["me"])] == ["bare", "me"]
    assert {"login", "bcrypt"} == {case.key for case in choose_cases(["login"])}


@pytest.mark.parametrize("number", [100_000_000, 123_456_789, 999_999_999])
def test_new_isbns_have_the_check_digit_that_the_service_asks_for(number: int) -> None:
    assert parse_isbn(make_isbn(number)) == make_isbn(number)


def test_a_ratio_is_the_median_over_the_rounds_and_says_whether_it_reaches_its_bar() -> None:
    rounds = [{"a": Result(rate), "b": Result(100.0)} for rate in (50.0, 70.0, 40.0)]
    row = write_ratio(Comparison("t", "a", "b", 0.50), rounds)
    assert row == ["t", "0.50 (0.40–0.70)", "≥ 0.50", "met", "", "", ""]  # noqa: RUF001
    assert write_ratio(Comparison("t", "a", "b", 0.60), rounds)[3] == "**missed by 0.100**"


def test_a_ratio_by_processor_time_is_above_one_for_the_case_that_takes_less() -> None:
    rounds = [{"a": Result(9.0, cost_us=cost), "b": Result(9.0, cost_us=400.0)} for cost in (250.0, 200.0, 100.0)]
    row = write_ratio(Comparison("t", "a", "b", cost_bar=2.5), rounds)
    assert row[1:] == ["1.00 (1.00–1.00)", "", "", "2.00 (1.60–4.00)", "≥ 2.50", "**missed by 0.500**"]  # noqa: RUF001


@pytest.mark.parametrize(
    ("bad", "word"), [(Result(9.0, "503"), "invalid"), (Result(9.0, disturbed=True), "not judged")]
)
def test_one_measurement_that_cannot_be_trusted_takes_the_verdict_away(bad: Result, word: str) -> None:
    rounds = [{"a": each, "b": Result(9.0)} for each in (Result(9.0), bad, Result(9.0))]
    verdict = write_ratio(Comparison("t", "a", "b", 0.50), rounds)[3]
    assert word in verdict and "met" not in verdict


@pytest.mark.parametrize(
    ("ratio", "others", "words"),
    [(0.7, 0.0, "it pays"), (1.3, 0.0, "it costs"), (1.03, 0.0, "no difference"), (0.7, 0.5, "not judged")],
)
def test_the_experiment_says_only_what_one_quiet_run_can_show(ratio: float, others: float, words: str) -> None:
    assert words in scenarios.judge(ratio, others)


def test_a_program_beside_the_benchmark_is_noticed_and_its_own_are_not_taken_for_one() -> None:
    before = read_times([])
    loop = "import time\nwhile time.process_time() < 0.8: pass\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as beside:
        assert beside.stdout is not None
        beside.stdout.readline()
        during = read_times([])
        beside.kill()
    after = read_times([])
    assert mark_disturbed(Result(9.0), before, during, 1).disturbed, "not ended yet: it counts as another's"
    assert after[2] - during[2] >= 0.8, "ended: it counts as the benchmark's own"


@needs_wrk
def test_an_answer_that_is_no_success_makes_a_measurement_invalid(tmp_path: Path) -> None:
    ensure_wrk()
    core = sorted(os.sched_getaffinity(0))[0]
    settings = {**os.environ, "BENCHMARK_BOOK": "{}", "DB_USER": "nobody", "JWT_SECRET": secrets.token_urlsafe(48)}
    with serve(BARE, settings, tmp_path, core) as (url, _):
        assert check_answers(url, Load(["/book"])) == ""
        assert "answered 404 where 200" in check_answers(url, Load(["/nothing"]))
        good, bad = (run_wrk(url, Load([path]), 1, tmp_path) for path in ("/book", "/nothing"))
    assert good.per_second > 0 and not good.fault
    assert "of 400 or above" in bad.fault


@long_form
def test_the_large_catalogue_has_100_000_books_like_the_first_ones(large: Stack) -> None:
    isbns = [isbn for (isbn,) in large.ask("SELECT isbn FROM books")]
    assert len(isbns) == 100_000
    assert [isbn for isbn in isbns if parse_isbn(isbn) != isbn] == []
    per_author = """
      SELECT COUNT(*) / COUNT(DISTINCT author_id), COUNT(DISTINCT isbn) FROM book_authors
      WHERE (isbn LIKE '978998%') = {}
    """
    (first, first_books), (more, more_books) = (large.ask(per_author.format(which))[0] for which in (0, 1))
    assert (first_books, more_books) == (5_000, 95_000)
    assert first == more


@long_form
def test_the_read_model_of_the_large_catalogue_is_whole(large: Stack, project: Path) -> None:
    verify = [sys.executable, "-m", "backend.read_model", "verify"]
    ran = subprocess.run(verify, cwd=project, env=large.settings(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr[-500:]


@needs_wrk
def test_one_command_prints_a_table_and_leaves_nothing_behind(project: Path, tmp_path: Path) -> None:
    out, scratch = tmp_path / "table.md", tmp_path / "scratch"
    scratch.mkdir()
    files = ["--out", str(out), "--json", str(tmp_path / "tables.json")]
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "1", "--only", "me", *files]
    ran = subprocess.run(
        command, cwd=project, env={**os.environ, "TMPDIR": str(scratch)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "| GET /me over bare Flask |" in out.read_text()
    tables = read_tables(tmp_path / "tables.json")
    assert [len(table.rows) for table in tables.values()] == [1, 2]
    assert tables["Ratios"].caption.startswith("`python -m benchmarks --rounds 1 --seconds 1 --only me`, 20")
    assert find_programs_of(scratch) == [] and not list(scratch.glob("libros-benchmark-*"))


def test_the_load_of_the_recording_gets_its_accounts_and_their_sessions(stack: dict[str, str], tmp_path: Path) -> None:
    prepare_accounts(choose_environment(stack), tmp_path)
    kept = json.loads((tmp_path / "sessions.json").read_text())[stack["AUTH_URL"]]
    assert len(kept) == ACCOUNTS - 2  # these two log in and out


SHORT = ("--rounds", "9", "--seconds", "1", "--only", "me")


@needs_wrk
@long_form
@pytest.mark.parametrize(
    ("options", "moment", "seconds"),
    [(SHORT, "bringing up", 2), (SHORT, "round 1/", 2), (("spike",), "the spike against this build", 30)],
)
def test_an_interrupted_run_leaves_nothing_behind(
    options: tuple[str, ...], moment: str, seconds: float, project: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-u", "-m", "benchmarks", *options]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith(moment) for line in process.stdout)
        time.sleep(seconds)
        assert find_programs_of(tmp_path), "nothing runs: this test looks in the wrong place"
        process.terminate()
        process.stdout.read()
        assert process.wait(timeout=120) == 130
    assert find_programs_of(tmp_path) == [] and not list(tmp_path.glob("libros-benchmark-*"))


def find_programs_of(folder: Path) -> list[str]:
    """Return the processes that have a folder in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environ.read_bytes():
                found.append(environ.parent.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_an_invalid_case_stays_in_the_table_with_its_fault() -> None:
    case = next(case for case in list_cases() if case.key == "me")
    row = write_rate(case, [Result(9.0), Result(0.0, "12 answers of 400 or above")])
    assert row == ["GET /me", "**INVALID** 4.50 (0.00–9.00)", "", "", "12 answers of 400 or above"]  # noqa: RUF001


def test_a_table_takes_the_place_of_its_namesake_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tables.json"
    older, other = Table("A", "Then.", ["case", "rate"], [["a", "1"]]), Table("B", "Now.", ["case"], [])
    newer = older._replace(rows=[["a", "2"], ["b", "3"]])
    merge_tables(file, [older, other])
    merge_tables(file, [newer])
    assert list(read_tables(file).values()) == [newer, other]


def test_a_table_is_markdown_with_its_name_and_what_a_reader_has_to_know() -> None:
    table = Table("A", f"First.\n\n{'word ' * 30}", ["case", "rate"], [["a", "1"]])
    head, first, second, figures = table.to_markdown().split("\n\n")
    assert (head, first, figures) == ("## A", "First.", "| case | rate |\n| :--- | ---: |\n| a | 1 |")
    assert max(map(len, second.splitlines())) <= 120
