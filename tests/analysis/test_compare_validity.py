"""Each rule that makes a comparison INVALID, and the sentence that says why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.compare.comparison import build_comparison
from analysis.compare.judging import INVALID, SAME
from analysis.records.comparison import Died
from analysis.records.results_folder import BOOK_SOURCES, NOT_SENT, name_endpoint
from tests.support.made_comparisons import Compared, plan_blocks, write_comparison
from tests.support.recordings import START, write_lines


def rewrite(path: Path, change: Callable[[int, list[str]], list[str]]) -> None:
    """Change the fields of each row of a CSV file by its number."""
    head, *rows = path.read_text().splitlines()
    changed = [",".join(change(number, row.split(","))) for number, row in enumerate(rows)]
    path.write_text("\n".join([head, *changed]) + "\n")


def occupy(folder: Path) -> None:
    """The process of B's load needs nearly a whole core."""
    rewrite(folder / "b_generator.csv", lambda _, row: [*row[:2], "0.9700", *row[3:]])


def stall(folder: Path) -> None:
    """The event loop of A's load stands still for 0.9 s in its first block."""
    rewrite(folder / "a_generator.csv", lambda number, row: [*row[:5], "900.0" if number == 5 else ""])


def lose(folder: Path) -> None:
    """The process of B's load was lost in mid-run."""
    path = folder / "b_generator.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:30]) + "\n")


def lag(folder: Path) -> None:
    """The event loop of A's load lags 45 ms each second."""
    rewrite(folder / "a_generator.csv", lambda _, row: [*row[:5], "45.0"])


def uncount(folder: Path) -> None:
    """Nobody counted A's books."""
    (folder / "a_data.jsonl").unlink()


def silence(folder: Path) -> None:
    """B's services could not be sampled."""
    (folder / "b_server.jsonl").write_text("")


def damage(folder: Path) -> None:
    """Each tenth row of A's seconds is cut off."""
    rewrite(folder / "a_seconds.csv", lambda number, row: row[: 3 if number % 10 == 0 else 7])


def forget(folder: Path) -> None:
    """B acknowledged a book, and does not have it."""
    isbn, path = "9780000000002", folder / "b_ledger.jsonl"
    others = [json.loads(line) for line in path.read_text().splitlines()]
    number = len(others) // 2 + 1
    write = {"at": START, "n": number, "isbn": isbn, "method": "POST", "key": "k", "if_match": None, "digest": "d"}
    answer = {"at": START + 1, "n": number, "outcome": "acknowledged", "status": 201, "version": 1}
    write_lines(path, [*others, {**write, "fields": {"isbn": isbn, "title": "One"}}, answer])
    nowhere = {source: {"status": 404, "book": None} for source in BOOK_SOURCES}
    found = {"at": START + 99, "lag_s": 0.0, "complete": True, "isbns": {isbn: nowhere}}
    (folder / "b_read_back.json").write_text(json.dumps(found))


def cut_ledger(folder: Path) -> None:
    """Each tenth line of B's ledger is cut off."""
    path = folder / "b_ledger.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line[: 20 if number % 10 == 0 else None] for number, line in enumerate(lines)) + "\n")


def lose_answers(folder: Path) -> None:
    """B's ledger lacks the answers to each tenth write."""
    path = folder / "b_ledger.jsonl"
    lines = path.read_text().splitlines()
    kept = [line for number, line in enumerate(lines) if number >= len(lines) / 2 or number % 10]
    path.write_text("\n".join(kept) + "\n")


def lose_ledger(folder: Path) -> None:
    """B's ledger is gone."""
    (folder / "b_ledger.jsonl").unlink()


def do_not_look(folder: Path) -> None:
    """B acknowledged a book, and nobody has read it back."""
    forget(folder)
    (folder / "b_read_back.json").unlink()


def replace_workers(folder: Path) -> None:
    """A worker of B is replaced in every fourth block."""
    lines = [json.loads(line) for line in (folder / "b_server.jsonl").read_text().splitlines()]
    for line in lines:
        pid = 4001 + sum(line["at"] > block.start + 1 for block in plan_blocks(12, 4) if block.pair % 4 == 0)
        line["workers"] = {str(pid): line["workers"]["4001"]}
    write_lines(folder / "b_server.jsonl", lines)


def break_endpoint(folder: Path) -> None:
    """Each of the few log-outs of B fails, and none of A's."""
    for side, counts in (("a", "1,0"), ("b", "0,1")):
        path = folder / f"{side}_seconds.csv"
        rows = [
            f"{int(block.start)},{name_endpoint('POST', '/logout')},{counts},0,0,0.040000"
            for block in plan_blocks(12, 10)
        ]
        own = [row for row, block in zip(rows, plan_blocks(12, 10), strict=True) if block.side == side]
        path.write_text(path.read_text() + "\n".join(own) + "\n")


def fail_to_send(folder: Path) -> None:
    """The process of B's load had no descriptor left in its second block."""
    path = folder / "b_seconds.csv"
    path.write_text(f"{path.read_text()}{int(plan_blocks(12, 4)[2].start)},{NOT_SENT},0,0,0,0,3.000000\n")


def ask_once_more(folder: Path) -> None:
    """B refused each of its questions for books whose outcome was not known; A had no reason to ask."""
    path = folder / "b_seconds.csv"
    asked = name_endpoint("GET", "no-cache /api/books/{isbn}")
    path.write_text(f"{path.read_text()}{int(plan_blocks(12, 10)[2].start)},{asked},2,0,0,7,0.040000\n")


def break_both(folder: Path) -> None:
    """Each fourth answer to a list is wrong on both sides."""
    for side in ("a", "b"):
        rewrite(folder / f"{side}_seconds.csv", lambda _, row: [*row[:3], "1" if row[2] == "4" else "0", *row[4:]])


def died(**of: Any) -> dict[str, Any]:
    """A plan in which a side died."""
    return {"died": Died(side="b", at=START + 30.0, why="/health gave no answer for 5 s"), "complete": False, **of}


AT_THE_LIMIT = Compared(odd={"saturate": True})
CASES: list[tuple[Compared, Callable[[Path], None] | None, str]] = [
    (Compared(odd=died()), None, "Side B died 30 s after the begin: /health gave no answer for 5 s."),
    (Compared(pairs=5), None, "Too few pairs are whole: 5 of 5. At least 6 are needed."),
    (Compared(books=(5000, 4000)), None, "The data differ in size: 5,000 books on A, 4,000 on B."),
    (Compared(wrong=1), None, "A failed or refused 0 % of its requests. B failed or refused 8.3 % of"),
    (Compared(), break_both, "a side that answers fewer has less to do."),
    (Compared(seconds=10), break_endpoint, "Of POST /logout, A failed or refused 0 %. B failed or refused 100 %."),
    (Compared(wrong=1, shed=200, odd={"saturate": True}), None, "B failed 8.3 % of its requests. Over 1 % is too many"),
    (Compared(), replace_workers, "Too few pairs are whole: 9 of 12. At least 11 are needed."),
    (Compared(), fail_to_send, "The load of side B had no descriptor or port left for 3 requests."),
    (Compared(), do_not_look, "On side B: 1 ISBN with acknowledged writes was not read back"),
    (Compared(shed=1), None, "B failed or refused 8.3 % of its requests. Over 1 % is too many"),
    (Compared(), occupy, "On side B: The process of the load was too busy"),
    (Compared(), stall, "On side A: The event loop of the process of the load stalled for 900 ms"),
    (Compared(), lag, "On side A: The event loop of the process of the load lagged 45 ms at p99 (limit 20 ms)."),
    (AT_THE_LIMIT, stall, "On side A: The event loop of the process of the load stalled for 900 ms"),
    (AT_THE_LIMIT, occupy, "On side B: The process of the load was too busy"),
    (Compared(), lose, "On side B: The process of the load (pid 4700) was lost"),
    (Compared(), uncount, "Nobody counted the books of side A before the load."),
    (Compared(), damage, "Lines are cut off or hold values that cannot be (15 damaged lines of 144: a_seconds.csv)."),
    (Compared(), silence, "What the books service of B cost is not known in 12 of its 12 blocks."),
    (
        Compared(),
        forget,
        "On side B: Acknowledged writes to 1 ISBN are lost (of 2): 9780000000002: the book is not there",
    ),
    (Compared(), cut_ledger, "Lines are cut off or hold values that cannot be (29 damaged lines of 288: b_ledger"),
    (Compared(), lose_answers, "On side B: b_ledger.jsonl has the answers to 129 writes (144 were answered)."),
    (Compared(), lose_ledger, "On side B: b_ledger.jsonl has 0 writes (144 were sent)."),
]


@pytest.mark.parametrize(("made", "change", "reason"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_comparison_is_invalid(
    tmp_path: Path, made: Compared, change: Callable[[Path], None] | None, reason: str
) -> None:
    write_comparison(tmp_path, made)
    if change:
        change(tmp_path)
    found = build_comparison(tmp_path)
    assert found.verdict == INVALID
    assert [words for verdict, words in found.reasons if verdict == INVALID and reason in words], found.reasons
    assert not [finding for finding in found.findings if finding.verdict]
    assert "This is no answer" in found.answer


def test_a_comparison_without_a_fault_is_judged(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    found = build_comparison(tmp_path)
    assert (found.verdict, found.reasons) == (SAME, ())
    assert {check.verdict for check in found.checks} == {"PASS"}


def test_a_comparison_that_was_cut_off_is_judged_by_its_whole_pairs(tmp_path: Path) -> None:
    write_comparison(tmp_path, Compared(odd={"complete": False, "blocks": plan_blocks(12, 4)[:21]}))
    do_not_look(tmp_path)
    found = build_comparison(tmp_path)
    assert (found.verdict, found.complete) == (SAME, False)
    assert {len(course.starts) for course in found.courses} == {10}


def test_a_comparison_that_was_cut_off_before_its_first_block_is_invalid(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    data = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps(data | {"blocks": [], "complete": False}))
    assert build_comparison(tmp_path).verdict == INVALID


def test_an_endpoint_that_one_side_alone_was_asked_is_not_compared(tmp_path: Path) -> None:
    write_comparison(tmp_path, Compared(seconds=10))
    ask_once_more(tmp_path)
    assert build_comparison(tmp_path).verdict == SAME


def test_a_few_failures_are_said_and_do_not_make_it_invalid(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    rewrite(tmp_path / "b_seconds.csv", lambda number, row: [*row[:3], "1" if number == 5 else "0", *row[4:]])
    sample = {"at": START, "method": "GET", "name": "/api/books", "text": "3 items instead of 20", "ms": 9.0}
    write_lines(tmp_path / "b_failure_samples.jsonl", [{**sample, "status": 200, "request_id": None}])
    found = build_comparison(tmp_path)
    assert found.verdict == SAME
    told = "On side B, 1 request failed and 0 requests got 503 or 429, of 529."
    assert f"{told} The first: GET /api/books: 3 items instead of 20." in found.notes


def test_refusals_at_the_limit_are_no_fault(tmp_path: Path) -> None:
    write_comparison(tmp_path, Compared(shed=1, odd={"saturate": True}))
    assert build_comparison(tmp_path).verdict == SAME


def test_an_event_loop_that_lags_at_the_limit_is_no_fault(tmp_path: Path) -> None:
    write_comparison(tmp_path, AT_THE_LIMIT)
    lag(tmp_path)
    assert build_comparison(tmp_path).verdict == SAME


def test_settings_that_differ_and_an_idle_side_that_is_not_idle_are_said(tmp_path: Path) -> None:
    plan = write_comparison(tmp_path, Compared(odd={"idle_cost": {"a": 0.3, "b": 0.001}}))
    data = json.loads((tmp_path / "plan.json").read_text())
    for side, workers in (("a", "4"), ("b", "2")):
        data["sides"][side]["settings"] = {"books": {"workers": workers, "pool_size": "10"}}
    (tmp_path / "plan.json").write_text(json.dumps(data))
    notes = build_comparison(tmp_path).notes
    assert "The books services differ in workers: 4 on A, 2 on B." in notes
    assert "Side A uses 30 % of a core while it is left idle." in notes
    assert not [note for note in notes if "pool_size" in note or "Side B" in note]
    assert plan.idle_cost["b"] == 0.001


def test_pairs_too_few_for_a_single_endpoint_are_said(tmp_path: Path) -> None:
    write_comparison(tmp_path, Compared(pairs=9))
    assert [note for note in build_comparison(tmp_path).notes if "too few to find any difference" in note]
