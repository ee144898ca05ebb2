"""What the ledger and the read-back show: nothing where all is well, and each broken guarantee by its ISBN."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.guarantees import say_violations
from analysis.findings import ScenarioReport
from analysis.records.book_histories import follow_books
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_ledger
from analysis.records.results_folder import Outcome, Sent
from analysis.report.report import build_report
from tests.support.read_models import LONG
from tests.support.recordings import make_plan, write_generator, write_good_run, write_lines
from tests.support.written_books import ISBNS, Shelf

PLAN = make_plan(name="write_heavy", share=0.5)
ONE = ISBNS[7]


def judge_folder(folder: Path) -> ScenarioReport:
    """The only scenario of a run."""
    (scenario,) = build_report(folder).scenarios
    return scenario


def judge_shelf(folder: Path, shelf: Shelf, name: str = "write_heavy") -> ScenarioReport:
    """Judge a run that is all right but for what a shelf shows."""
    write_good_run(folder, make_plan(name=name, share=0.5))
    shelf.leave(folder, name)
    return judge_folder(folder)


def fill_shelf(seed: int = 1, doubts: float = 0.0) -> Shelf:
    """A shelf after a load; one book is there for certain, and one was certainly deleted."""
    shelf = Shelf(random.Random(seed))
    for isbn in ISBNS:
        shelf.live(isbn, 8, doubts)
    shelf.write(ISBNS[8], "DELETE") if ISBNS[8] in shelf.books else None
    shelf.write(ONE, "PATCH", price="3.50", stock=5) if ONE in shelf.books else shelf.write(ONE, "POST")
    shelf.write(ONE, "PATCH", price="4.50", stock=6)
    shelf.show()
    return shelf


def test_a_service_that_kept_every_write_passes(tmp_path: Path) -> None:
    shelf = fill_shelf()
    scenario = judge_shelf(tmp_path, shelf)
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())
    writes = sum("method" in line for line in shelf.ledger)
    assert scenario.answer.startswith(
        f"The load has {writes} acknowledged writes (to 40 ISBNs). None was found lost, changed or done twice. The "
    )


def test_whatever_became_of_unanswered_writes_is_no_loss(tmp_path: Path) -> None:
    write_good_run(tmp_path, PLAN)
    for seed in range(30 if LONG else 10):
        shelf = fill_shelf(seed, doubts=0.4)
        shelf.leave(tmp_path, "write_heavy")
        scenario = judge_folder(tmp_path)
        assert scenario.verdict == "PASS", (seed, scenario.reasons)
    figures = {figure.name: figure.value for figure in scenario.figures}
    assert figures["of unknown outcome"] == sum(line.get("outcome") == "unknown" for line in shelf.ledger) > 50
    assert figures["acknowledged"] == sum(line.get("outcome") == "acknowledged" for line in shelf.ledger)


Sabotage = Callable[[dict[str, dict[str, object]]], object]
SABOTAGES: dict[str, tuple[Sabotage, str, str]] = {
    "removed": (lambda books: books.pop(ONE), "lost", "the book is not there"),
    "altered": (lambda books: books[ONE].update(price="9.99"), "differing", "price is '9.99' (sent: '4.50')"),
    "title": (lambda books: books[ONE].update(title="Else"), "differing", "title is 'Else' (sent: 'Another one')"),
    "doubled": (
        lambda books: books[ONE].update(version=int(str(books[ONE]["version"])) + 1),
        "doubled",
        "(the acknowledged writes make it ",
    ),
    "older": (
        lambda books: books[ONE].update(version=int(str(books[ONE]["version"])) - 1, price="3.50", stock=5),
        "lost",
        "(the acknowledged writes make it ",
    ),
    "undeleted": (
        lambda books: books.update({ISBNS[8]: {**books[ONE], "isbn": ISBNS[8]}}),
        "lost",
        "the book is there, but its deletion was acknowledged",
    ),
}


@pytest.mark.parametrize("road", ["read_model", "database"])
@pytest.mark.parametrize("what", SABOTAGES)
def test_each_sabotage_on_each_road_fails_and_names_the_isbn(tmp_path: Path, road: str, what: str) -> None:
    sabotage, kind, words = SABOTAGES[what]
    shelf = fill_shelf()
    sabotage(shelf.shown[road])
    scenario = judge_shelf(tmp_path, shelf)
    isbn = ISBNS[8] if what == "undeleted" else ONE
    assert (scenario.verdict, len(scenario.reasons)) == ("FAIL", 1)
    assert scenario.reasons[0].startswith(f"{say_violations(kind, 1)} (of 40): {isbn}: ")
    assert words in scenario.reasons[0]
    seen = {"read_model": "the read model", "database": "MariaDB"}[road]
    assert scenario.reasons[0].endswith(f"({seen}).")
    (table,) = [table for table in scenario.tables if table.title.startswith("Ledger")]
    assert [(row[0], row[1], row[2]) for row in table.rows] == [(isbn, kind, seen)]


@pytest.mark.parametrize("what", SABOTAGES)
def test_a_lost_write_fails_in_any_scenario_even_while_the_generator_lags(tmp_path: Path, what: str) -> None:
    shelf = fill_shelf()
    SABOTAGES[what][0](shelf.shown["database"])
    write_good_run(tmp_path, plan := make_plan(name="read_heavy", share=0.5))
    shelf.leave(tmp_path, "read_heavy")
    write_generator(tmp_path, plan, lags={12: [3000.0]})
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert scenario.reasons[0].startswith(say_violations(SABOTAGES[what][1], 1))
    assert "stalled for 3,000 ms" in scenario.reasons[1]


def test_a_write_done_twice_is_told_by_the_version_of_the_next_answer(tmp_path: Path) -> None:
    shelf = fill_shelf()
    shelf.versions[ONE] += 1  # done twice, behind everybody's back
    shelf.write(ONE, "PATCH", price="5.50", stock=7)
    shelf.ledger[-2]["if_match"] = None
    shelf.show()
    (reason,) = judge_shelf(tmp_path, shelf).reasons
    assert reason.startswith(
        f"Acknowledged writes to 1 ISBN were done twice (of 40): {ONE}: PATCH was answered with version "
    )
    assert reason.endswith("(the answers).")


def test_an_acknowledged_write_that_was_forgotten_is_told_by_the_version_of_the_next_answer(tmp_path: Path) -> None:
    shelf = fill_shelf()
    shelf.versions[ONE] -= 1
    shelf.write(ONE, "PATCH", price="5.50", stock=7)
    shelf.ledger[-2]["if_match"] = None
    shelf.show()
    (reason,) = judge_shelf(tmp_path, shelf).reasons
    assert reason.startswith(f"{say_violations('lost', 1)} (of 40): {ONE}: PATCH was answered with version ")


def test_a_post_that_is_repeated_with_its_key_is_done_once(tmp_path: Path) -> None:
    shelf = fill_shelf()
    isbn = "9791000009999"
    for outcome, done in (("unknown", True), ("acknowledged", False), ("acknowledged", False)):
        shelf.write(isbn, "POST", outcome, done, title="Twice", authors=[], price="1.00", stock=1)
        shelf.ledger[-2]["key"] = "k"
        if outcome == "acknowledged":
            shelf.ledger[-1]["version"] = 1
    shelf.write(isbn, "PATCH", price="2.00", stock=2)
    shelf.show()
    scenario = judge_shelf(tmp_path, shelf)
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())


def test_a_change_that_changes_nothing_keeps_the_version(tmp_path: Path) -> None:
    shelf = fill_shelf()
    shelf.write(ONE, "PATCH", price=4.5, stock=6)
    shelf.versions[ONE] -= 1
    shelf.books[ONE]["version"] -= 1
    shelf.ledger[-1]["version"] -= 1
    shelf.show()
    scenario = judge_shelf(tmp_path, shelf)
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())


def test_refused_writes_change_nothing(tmp_path: Path) -> None:
    shelf = fill_shelf()
    shelf.write(ONE, "PATCH", "refused", price="9.00", stock=9)
    shelf.write(ISBNS[8], "DELETE", "refused")
    shelf.show()
    assert judge_shelf(tmp_path, shelf).verdict == "PASS"


Step = tuple[str, str, bool]  # method, outcome, whether it was done although nobody was told
LATE: dict[str, tuple[list[Step], str]] = {
    "a deletion without an answer that was done": ([("DELETE", "unknown", True), ("DELETE", "unknown", False)], "PASS"),
    "and was not": ([("DELETE", "unknown", False), ("DELETE", "unknown", False)], "PASS"),
    "a deletion that took effect late": ([("PATCH", "unknown", False), ("DELETE", "unknown", True)], "PASS"),
    "a late change, seen by 412": ([("PATCH", "unknown", True), ("PATCH", "refused", False)], "PASS"),
    "a late book, seen by 409": (
        [("DELETE", "acknowledged", True), ("POST", "unknown", True), ("POST", "refused", False)],
        "PASS",
    ),
    "a deletion without doubt that was refused": ([("DELETE", "refused", False)], "PASS"),
    "and was done": ([("DELETE", "refused", True)], "FAIL"),
}


@pytest.mark.parametrize("acknowledged_after", [False, True])
@pytest.mark.parametrize("course", LATE)
def test_the_late_effect_of_an_unanswered_write_is_no_loss(
    tmp_path: Path, course: str, acknowledged_after: bool
) -> None:
    steps, verdict = LATE[course]
    shelf = fill_shelf()
    for method, outcome, done in steps:
        fields = {"price": f"{len(shelf.ledger)}.00", "stock": 1} if method == "PATCH" else {}
        shelf.write(ONE, method, outcome, done, **fields)
        if outcome == "refused" and done:
            shelf.apply(ONE, method, None)
    if acknowledged_after and ONE in shelf.books:
        shelf.write(ONE, "PATCH", price="8.00", stock=8)
    shelf.show()
    assert judge_shelf(tmp_path, shelf).verdict == verdict


@pytest.mark.parametrize(("name", "verdict"), [("write_heavy", "INVALID"), ("read_heavy", "PASS")])
def test_writes_that_were_not_read_back_are_no_answer_to_the_question(tmp_path: Path, name: str, verdict: str) -> None:
    shelf = fill_shelf()
    shelf.unread = {ONE}
    scenario = judge_shelf(tmp_path, shelf, name)
    assert scenario.verdict == verdict
    if name == "write_heavy":
        assert " None was found lost, changed or done twice. 1 ISBN could not be read back. " in scenario.answer
    told = [*scenario.reasons, *scenario.notes]
    assert any(f"1 ISBN with acknowledged writes was not read back (of 40: {ONE})." in words for words in told)
    (tmp_path / f"{name}_read_back.json").unlink()
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == verdict
    assert f"{name}_read_back.json is missing." in scenario.notes


def test_a_read_model_that_never_shows_what_mariadb_does_fails(tmp_path: Path) -> None:
    shelf = fill_shelf()
    before = dict(shelf.books[ONE])
    shelf.write(ONE, "PATCH", "unknown", price="9.00", stock=9)
    shelf.show()
    assert judge_shelf(tmp_path, shelf).verdict == "PASS", "either state may be, as long as both sources show it"
    path = tmp_path / "write_heavy_read_back.json"
    found = json.loads(path.read_text())
    found["isbns"][ONE]["read_model"]["book"] = before
    path.write_text(json.dumps({**found, "lag_s": None}))
    scenario = judge_folder(tmp_path)
    assert scenario.verdict == "FAIL"
    assert any("it never came to show what MariaDB does (the read model)" in words for words in scenario.reasons)


def test_a_load_without_an_acknowledged_write_is_inconclusive(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.write(ONE, "POST", "unknown", done=False)
    for _ in range(200):
        shelf.write(ONE, "POST", "refused")
    shelf.show()
    scenario = judge_shelf(tmp_path, shelf)
    assert scenario.verdict == "INCONCLUSIVE"
    assert "No write was acknowledged, so nothing could be looked for." in scenario.reasons


def test_a_write_whose_outcome_a_kill_cut_off_is_unknown(tmp_path: Path) -> None:
    shelf = fill_shelf()
    shelf.write(ONE, "PATCH", "unknown", done=False, price="9.00", stock=9)
    shelf.show()
    shelf.ledger.pop()
    shelf.leave(tmp_path, "write_heavy")
    path = tmp_path / "write_heavy_ledger.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":1800000999,"n":')
    sent, outcome = read_ledger(tmp_path, "write_heavy", Gaps())[-1]
    assert (sent.isbn, sent.method, outcome) == (ONE, "PATCH", None)
    assert judge_shelf(tmp_path, shelf).verdict == "PASS"


IMPOSSIBLE: dict[str, tuple[str, int | None, str, str]] = {  # an acknowledged write, and where its If-Match is from
    "added though there": ("POST", None, "lost", "POST was acknowledged, though the book was there"),
    "changed though deleted": ("PATCH", None, "lost", "PATCH was acknowledged, though the book was not there"),
    "deleted though deleted": ("DELETE", None, "lost", "DELETE was acknowledged, though the book was not there"),
    "changed at a later version": ("PATCH", 2, "doubled", "PATCH was acknowledged for version "),
    "changed at an earlier version": ("PATCH", -2, "lost", "PATCH was acknowledged for version "),
    "deleted at a later version": ("DELETE", 2, "doubled", "DELETE was acknowledged for version "),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_an_answer_that_no_state_of_the_book_allows_is_a_lost_or_doubled_write(tmp_path: Path, what: str) -> None:
    method, off, kind, words = IMPOSSIBLE[what]
    shelf = fill_shelf()
    isbn = ISBNS[8] if what.endswith("deleted") else ONE
    before = shelf.versions[isbn]
    if off:
        shelf.versions[isbn] = before + off
    fields: dict[str, Any] = {"price": "5.50", "stock": 7} if method == "PATCH" else {}
    shelf.write(isbn, method, **fields)
    sent = next(line for line in reversed(shelf.ledger) if "method" in line)
    sent["if_match"] = before + off if off else None
    shelf.show()
    scenario = judge_shelf(tmp_path, shelf)
    assert (scenario.verdict, len(scenario.reasons)) == ("FAIL", 1)
    assert scenario.reasons[0].startswith(f"{say_violations(kind, 1)} (of 40): {isbn}: {words}")
    assert scenario.reasons[0].endswith("(the answers).")


def test_an_acknowledged_change_of_a_book_without_an_acknowledged_write_before_loses_none(tmp_path: Path) -> None:
    shelf = fill_shelf()
    isbn = "9791000009999"
    shelf.versions[isbn] = 1
    shelf.write(isbn, "POST", "refused")  # it was there already, as the answers to the load have shown
    shelf.write(isbn, "PATCH", price="5.50", stock=7)
    shelf.show()
    assert judge_shelf(tmp_path, shelf).verdict == "PASS"


LACKS = {"the write": ("acknowledged", "method"), "a write without an answer": ("unknown", "method")}
LACKS |= {"the write and its outcome": ("acknowledged", ""), "both of a write without an answer": ("unknown", "")}


@pytest.mark.parametrize("what", LACKS)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_ledger_that_lacks_what_a_write_was_accuses_no_service(tmp_path: Path, what: str, is_damaged: bool) -> None:
    outcome, key = LACKS[what]
    shelf = fill_shelf()
    shelf.write(ONE, "PATCH", outcome, price="9.00", stock=9)
    number = shelf.ledger[-1]["n"]
    shelf.write(ISBNS[8], "POST")
    shelf.show()
    lost = [line for line in shelf.ledger if line["n"] == number and key in ("", *line)]
    for line in lost:
        shelf.ledger[shelf.ledger.index(line)] = {"n": "x"}
    shelf.ledger = [line for line in shelf.ledger if line != {"n": "x"} or is_damaged]
    scenario = judge_shelf(tmp_path, shelf)
    reasons = [words for words in scenario.reasons if words.startswith("Acknowledged writes to 1 ISBN ")]
    assert scenario.verdict == "INVALID" and reasons
    for reason in reasons:
        assert f"(of 40): {ONE}: " in reason and reason.endswith(" But the ledger does not say what 1 write did.")


@pytest.mark.parametrize("digits", ["0", "1234567890123"], ids=["of another write", "far beyond"])
def test_a_number_with_a_digit_gained_accuses_no_service(tmp_path: Path, digits: str) -> None:
    shelf = fill_shelf()
    line = next(line for line in shelf.ledger if line["n"] == 12 and "method" in line)
    line["n"] = int(f"12{digits}")
    assert judge_shelf(tmp_path, shelf).verdict != "FAIL"


def test_a_line_that_the_ledger_lacks_explains_the_fault_of_one_book_and_no_more(tmp_path: Path) -> None:
    shelf = fill_shelf()
    patch = next(line for line in shelf.ledger if line.get("isbn") == ONE and line.get("method") == "PATCH")
    shelf.ledger.remove(patch)
    others = [isbn for isbn in shelf.books if isbn != ONE][:2]
    for isbn in others:
        shelf.shown["database"].pop(isbn)
    scenario = judge_shelf(tmp_path, shelf)
    assert scenario.verdict == "FAIL"
    said = "But the ledger does not say what 1 write did, which explains at most 1 ISBN of 3."
    assert any(others[0] in words and words.endswith(said) for words in scenario.reasons), scenario.reasons


def test_a_clock_that_is_set_back_in_mid_run_loses_no_write(tmp_path: Path) -> None:
    shelf = fill_shelf()
    middle = len(shelf.ledger) // 2
    for line in shelf.ledger[middle:]:
        line["at"] -= 1000
    scenario = judge_shelf(tmp_path, shelf)
    assert (scenario.verdict, scenario.reasons) == ("PASS", ())


def test_ledgers_of_several_processes_are_one_account(tmp_path: Path) -> None:
    shelf = fill_shelf()
    mine = {line["n"] for line in shelf.ledger if line.get("isbn") in ISBNS[:20]}
    for part, keep in (("0", True), ("1", False)):
        write_lines(tmp_path / f"x_{part}_ledger.jsonl", [one for one in shelf.ledger if (one["n"] in mine) == keep])
    write_lines(tmp_path / "y_ledger.jsonl", shelf.ledger)
    parted, whole = (follow_books(read_ledger(tmp_path, name, Gaps())) for name in "xy")
    assert list(parted) == list(whole) == ISBNS
    assert [account.states for account in parted.values()] == [account.states for account in whole.values()]


def test_many_unanswered_writes_in_a_row_stay_countable() -> None:
    def write(number: int, method: str) -> tuple[Sent, Outcome | None]:
        fields = {"isbn": ONE, "price": f"{number}.00"} if method == "POST" else {"price": f"{number}.00"}
        return Sent(number, number, ONE, method, None, None, fields, None), None

    first, _ = write(1, "POST")
    known = Outcome(1.5, 1, "acknowledged", 201, 1)
    (account,) = follow_books([(first, known), *(write(number, "PATCH") for number in range(2, 32))]).values()
    assert account.unknown == 30
    assert 30 < len(account.states) < 1000
