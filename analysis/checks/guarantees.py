"""Compares the ledger with what was read back: is every acknowledged write there, once, as it was sent?"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.findings import CONTRACT, FAIL, INVALID, PASS, VALIDITY, Check, Figure, Table
from analysis.number_formats import say_count
from analysis.records.book_histories import (
    BookHistory,
    State,
    Violation,
    Write,
    find_differences,
    follow_books,
    plain_isbn,
)
from analysis.records.results_folder import ACKNOWLEDGED, BOOK_SOURCES, REFUSED, UNKNOWN, ReadBack, Shown

NAMED = 5  # violations that a reason names; the table has all of them
WORDS = {"read_model": "the read model", "database": "MariaDB", "answers": "the answers"}
KINDS = {
    "lost": "no acknowledged write is lost",
    "differing": "every acknowledged write is as sent",
    "doubled": "no acknowledged write is doubled",
}
PREDICATES = {"lost": "are lost", "differing": "differ from what was sent", "doubled": "were done twice"}


@dataclass(frozen=True)
class WriteAudit:
    """What became of the writes of a scenario. `unread` are ISBNs that were written to but not read back."""

    sent: int
    acknowledged: int
    refused: int
    unknown: int
    isbns: int
    violations: list[Violation]
    unread: list[str]
    doubtful: list[str]
    lag_s: float | None


def audit_writes(writes: list[Write], read_back: ReadBack | None) -> WriteAudit:
    """Work out what is lost, differs or is doubled; with nothing read back, only what the answers show."""
    histories = follow_books(writes)
    shown = {plain_isbn(isbn): answers for isbn, answers in read_back.isbns.items()} if read_back else {}
    violations = [violation for history in histories.values() for violation in history.violations]
    for isbn, history in histories.items():
        for where in BOOK_SOURCES:
            if where in shown.get(isbn, {}):
                violations += compare_shown(history, where, shown[isbn][where])
    if read_back and read_back.lag_s is None:
        violations += find_apart(shown, {violation.isbn for violation in violations})
    outcomes = [outcome.outcome if outcome else UNKNOWN for _, outcome in writes]
    return WriteAudit(
        sent=len(writes),
        acknowledged=outcomes.count(ACKNOWLEDGED),
        refused=outcomes.count(REFUSED),
        unknown=outcomes.count(UNKNOWN),
        isbns=len(histories),
        violations=violations,
        unread=[isbn for isbn, history in histories.items() if _matters(history) and not _is_whole(shown, isbn)],
        doubtful=[isbn for isbn, history in histories.items() if len(history.states) > 1],
        lag_s=read_back.lag_s if read_back else None,
    )


def find_apart(shown: Mapping[str, Mapping[str, Shown]], told: set[str]) -> list[Violation]:
    """The books of which the read model still showed another state than MariaDB when nobody waited any longer."""
    return [
        Violation("differing", isbn, "read_model", "it never came to show what MariaDB does")
        for isbn, answers in shown.items()
        if isbn not in told and _is_whole(shown, isbn) and answers["read_model"] != answers["database"]
    ]


def _matters(history: BookHistory) -> bool:
    return history.acknowledged > 0


def _is_whole(shown: Mapping[str, Mapping[str, Shown]], isbn: str) -> bool:
    return all(where in shown.get(isbn, {}) for where in BOOK_SOURCES)


def compare_shown(history: BookHistory, where: str, shown: Shown) -> list[Violation]:
    """What a source of books shows that no state of the history allows; nothing without an acknowledged write."""
    if not _matters(history):
        return []
    there = shown.book if shown.status == 200 else None
    fitting = [state for state in history.states if (state.fields is None) == (there is None)]
    if not fitting:
        words = "the book is not there" if there is None else "the book is there, but its deletion was acknowledged"
        return [Violation("lost", history.isbn, where, words)]
    if there is None:
        return []
    differences = [_compare_book(state, there) for state in fitting]
    return [Violation(kind, history.isbn, where, words) for kind, words in min(differences, key=len)]


def _compare_book(state: State, there: dict[str, object]) -> list[tuple[str, str]]:
    found = []
    version = there.get("version")
    if state.version is not None and isinstance(version, int) and version != state.version:
        words = f"its version is {version} (the acknowledged writes make it {state.version})"
        found.append(("doubled" if version > state.version else "lost", words))
    if names := find_differences(state.fields or {}, there):
        older = found and found[0][0] == "lost"  # has the fields of an earlier version: one violation, not two
        if not older:
            sent = state.fields or {}
            values = ", ".join(f"{name} is {there.get(name)!r} (sent: {sent[name]!r})" for name in names)
            found.append(("differing", values))
    return found


def judge_guarantees(audit: WriteAudit, sources: str, unsent: int) -> list[Check]:
    """FAIL for each guarantee that was broken, naming the ISBN.

    Where the ledger does not say what `unsent` writes did, what they did looks like a fault, each at one ISBN. So the
    verdict is INVALID as long as there are no more ISBNs with a fault than such writes.
    """
    faulty = len({violation.isbn for violation in audit.violations})
    broken = INVALID if faulty <= unsent else FAIL
    but = f" But the ledger does not say what {say_count(unsent, 'write')} did" if unsent else ""
    most = f", which explains at most {say_count(unsent, 'ISBN')} of {faulty:,}" if broken == FAIL else ""
    lacking = f"{but}{most}." if but else ""
    checks = []
    for kind, name in KINDS.items():
        mine = [violation for violation in audit.violations if violation.kind == kind]
        isbns = sorted({violation.isbn for violation in mine})
        named = "; ".join(f"{each.isbn}: {each.words} ({WORDS[each.where]})" for each in mine[:NAMED])
        more = f"; and {len(mine) - NAMED:,} more" if len(mine) > NAMED else ""
        reason = f"{say_violations(kind, len(isbns))} (of {audit.isbns:,}): {named}{more}.{lacking}" if mine else ""
        figure = Figure(f"ISBNs with {kind} writes", len(isbns), "", sources)
        checks.append(Check(name, CONTRACT, broken if mine else PASS, reason, (figure,)))
    return checks


def say_violations(kind: str, isbns: int) -> str:
    """`Acknowledged writes to 2 ISBNs are lost`."""
    return f"Acknowledged writes to {say_count(isbns, 'ISBN')} {PREDICATES[kind]}"


def judge_reading(audit: WriteAudit, source: str, *, needed: bool) -> Check:
    """INVALID when acknowledged writes were not read back from both sources; not judged unless `needed`."""
    name, unread = "every acknowledged write was read back", audit.unread
    figure = Figure("ISBNs not read back", len(unread), "", source)
    if not unread:
        return Check(name, VALIDITY, PASS, "", (figure,))
    some = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
    isbns = f"{say_count(len(unread), 'ISBN')} with acknowledged writes {'was' if len(unread) == 1 else 'were'}"
    reason = f"{isbns} not read back (of {audit.isbns:,}: {some})."
    return Check(name, VALIDITY, INVALID if needed else None, reason, (figure,))


def list_violations(audit: WriteAudit, sources: str) -> Table:
    """All violations, for the report."""
    rows = tuple((each.isbn, each.kind, WORDS[each.where], each.words) for each in audit.violations)
    return Table("Ledger: what is lost, differs or is doubled", ("ISBN", "finding", "seen in", "what"), rows, sources)
