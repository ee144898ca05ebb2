"""What the load writes down of a second and of a write, without a load."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.records.counts import add_times, count_closed, count_requests
from analysis.records.failures import UNANSWERED
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_failure_samples, read_ledger, read_seconds
from analysis.records.results_folder import (
    CLOSED,
    FAILURE_SAMPLES,
    MOST_SAMPLES,
    WAITING,
    WAITING_BOOKS,
    FailureSample,
    SecondRow,
    name_endpoint,
)
from analysis.report.report import build_report
from load.recording.failure_samples import FailureSamples
from load.recording.ledger import Ledger
from load.recording.seconds import RIGHT, SecondsFile
from tests.support.recordings import START, make_plan, write_good_run

GET = "GET|/api/books"
BOOKS = "GET", "/api/books"


def leave_rows(folder: Path, *requests: tuple[float, float], closed: int = 0) -> list[SecondRow]:
    """Record requests from and until a time, and return the rows as the analysis reads them."""
    file = SecondsFile(folder / "x_seconds.csv")
    for start, end in requests:
        file.count(GET, RIGHT, start, end)
        file.write(end)  # as each second does: later requests add rows to seconds that are written
    for _ in range(closed):
        file.count_closed()
    file.write(float("inf"))  # whatever the time is now
    file.close()
    return read_seconds(folder, "x", Gaps())[""]


def add_waiting(rows: list[SecondRow], waiting: str = WAITING) -> dict[int, float]:
    """Return how many requests waited through each second; the first row says only that they are counted."""
    first, *others = [row for row in rows if row.endpoint == waiting]
    assert first.busy_s == 0
    return {each.second: sum(row.busy_s for row in others if row.second == each.second) for each in others}


@pytest.mark.parametrize(
    ("requests", "waiting"),
    [
        ([(100.2, 100.9)], {}),
        ([(100.2, 101.9)], {}),
        ([(100.0, 101.0)], {100: 1}),
        ([(100.2, 102.0)], {101: 1}),
        ([(100.999, 104.001)], {101: 1, 102: 1, 103: 1}),
        ([(100.5, 102.5), (100.6, 103.2), (101.0, 102.0)], {101: 3, 102: 1}),
    ],
)
def test_who_waits_all_through_a_second_is_counted_in_it(
    tmp_path: Path, requests: list[tuple[float, float]], waiting: dict[int, float]
) -> None:
    rows = leave_rows(tmp_path, *requests)
    assert add_waiting(rows) == waiting
    assert count_requests(rows).requests == len(requests)
    assert add_times(rows)["requests"] == pytest.approx(sum(end - start for start, end in requests))


def test_who_waits_for_the_catalogue_is_counted_by_itself(tmp_path: Path) -> None:
    file = SecondsFile(tmp_path / "x_seconds.csv")
    file.count(name_endpoint("POST", "/login"), RIGHT, 100.2, 103.0)
    file.count(GET, RIGHT, 100.2, 102.0)
    file.close()
    rows = read_seconds(tmp_path, "x", Gaps())[""]
    assert add_waiting(rows) == {101: 2, 102: 1}
    assert add_waiting(rows, WAITING_BOOKS) == {101: 1}


def test_closed_idle_connections_are_neither_requests_nor_time(tmp_path: Path) -> None:
    rows = leave_rows(tmp_path, (100.2, 100.7), closed=3)
    assert count_closed(rows) == 3
    assert count_requests(rows).requests == 1
    assert add_times(rows)["requests"] == pytest.approx(0.5)


COURSES: dict[str, tuple[list[tuple[str, int | None]], list[str]]] = {
    "no answer, then 404": ([("DELETE", None), ("DELETE", 404)], ["unknown", "unknown"]),
    "503, then 404": ([("DELETE", 503), ("DELETE", 404)], ["unknown", "unknown"]),
    "no answer to another write, then 404": ([("PATCH", None), ("DELETE", 404)], ["unknown", "unknown"]),
    "404 without a doubt": ([("PATCH", 200), ("DELETE", 404)], ["acknowledged", "refused"]),
    "404 after a doubt that is over": (
        [("DELETE", None), ("POST", 201), ("DELETE", 404)],
        ["unknown", "acknowledged", "refused"],
    ),
    "404 to a refused write after a doubt": (
        [("DELETE", None), ("PATCH", 412), ("PATCH", 404), ("POST", 409), ("DELETE", 404)],
        ["unknown", "refused", "refused", "refused", "unknown"],
    ),
}


@pytest.mark.parametrize("course", COURSES)
def test_a_deletion_that_finds_nothing_is_unknown_while_there_is_a_doubt(tmp_path: Path, course: str) -> None:
    writes, expected = COURSES[course]
    ledger = Ledger(tmp_path / "x_ledger.jsonl")
    for isbn in ("9791000000001", "979-1-00000-002-8"):
        for method, status in writes:
            parts = {"json": {"isbn": isbn}} if method == "POST" else {}
            number = ledger.note_sent(method, f"/api/books/{isbn}", parts)
            assert number
            ledger.note_outcome(number, SimpleNamespace(status_code=status, content=b"") if status else None)
        assert ledger.note_sent("DELETE", "/api/books/9791000000999", {}) is not None  # without a doubt, or an outcome
    ledger.close()
    outcomes = [outcome.outcome for _, outcome in read_ledger(tmp_path, "x", Gaps()) if outcome]
    assert outcomes == expected * 2


def test_a_cut_answer_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    file = Ledger(tmp_path / "x_ledger.jsonl")
    number = file.note_sent("DELETE", "/api/books/9791000000001", {})
    assert number and UNANSWERED != RIGHT
    file.note_outcome(number, SimpleNamespace(status_code=0))
    file.close()
    ((_, outcome),) = read_ledger(tmp_path, "x", Gaps())
    assert outcome and (outcome.outcome, outcome.status) == ("unknown", None)


@pytest.mark.parametrize("closed", [0, 7])
def test_rows_that_are_no_requests_change_no_figure_and_closed_connections_are_told(
    tmp_path: Path, closed: int
) -> None:
    write_good_run(tmp_path, make_plan())
    (before,) = build_report(tmp_path).scenarios
    with open(tmp_path / "baseline_seconds.csv", "a", encoding="utf-8") as file:
        file.write(f"{START + 10},{WAITING},0,0,0,0,5.000000\n")
        if closed:
            file.write(f"{START + 10},{CLOSED},0,0,0,0,{closed:.6f}\n")
    (after,) = build_report(tmp_path).scenarios
    assert (after.verdict, after.reasons, after.figures) == (before.verdict, before.reasons, before.figures)
    told = [note for note in after.notes if note not in before.notes]
    words = "The services closed 7 idle connections, and the load opened them again. No request was lost by that."
    assert told == ([words] if closed else [])


def make_answer(status: int, **headers: str) -> SimpleNamespace:
    return SimpleNamespace(status_code=status, headers={name.replace("_", "-"): text for name, text in headers.items()})


def sample_failures(folder: Path, *failures: tuple[str, SimpleNamespace]) -> list[FailureSample]:
    """Record failures (their words, the answer), and return the samples as the analysis reads them."""
    file = FailureSamples(folder / f"x{FAILURE_SAMPLES}")
    for number, (words, answer) in enumerate(failures):
        file.note(BOOKS, words, answer, 12.5, START + number)
        file.write(0)
    file.close()
    return read_failure_samples(folder, "x", Gaps())


def test_the_first_request_of_each_kind_of_failure_is_kept_with_the_id_that_the_service_gave_it(tmp_path: Path) -> None:
    full, lost = make_answer(503, X_Request_ID="a7"), make_answer(0)
    failures = ("shed", full), ("lost", lost), ("shed", make_answer(503, X_Request_ID="b8")), ("lost", lost)
    assert sample_failures(tmp_path, *failures) == [
        FailureSample(START, *BOOKS, "shed", 12.5, 503, "a7"),
        FailureSample(START + 1, *BOOKS, "lost", 12.5, None, None),
    ]


def test_no_load_writes_more_samples_than_a_few_and_no_service_a_long_id(tmp_path: Path) -> None:
    answer = make_answer(500, X_Request_ID="x" * 5000)
    samples = sample_failures(tmp_path, *((str(number), answer) for number in range(MOST_SAMPLES + 50)))
    assert (len(samples), {sample.request_id for sample in samples}) == (MOST_SAMPLES, {None})
    assert (tmp_path / f"x{FAILURE_SAMPLES}").stat().st_size < 50_000


def test_a_damaged_sample_is_named_and_does_not_make_the_run_invalid(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    good = '{"at": 1800000009, "method": "GET", "name": "/x", "text": "a", "ms": 1, "status": 500, "request_id": "a"}'
    bad = [
        good.replace(one, other) for one, other in (("1800000009", "NaN"), ('"a"}', "7}"), ("500", '"5"'), ("}", ""))
    ]
    (tmp_path / f"smoke{FAILURE_SAMPLES}").write_text("\n".join([good, *bad, "[]", '{"at": 1}']) + "\n")
    assert len(read_failure_samples(tmp_path, "smoke", Gaps())) == 1
    (scenario,) = build_report(tmp_path).scenarios
    assert scenario.verdict == "PASS"
    assert f"smoke{FAILURE_SAMPLES} is cut off or damaged in line 2 (and 5 more places)." in scenario.notes
