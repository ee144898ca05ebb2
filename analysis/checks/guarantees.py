"""Compares the ledger with what was read back: is every acknowledged write there, once, as it was sent?"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.findings import CONTRACT, INVALID, PASS, VALIDITY, Check, Figure, Table
from analysis.number_formats import say_count
from analysis.records.formats import ACKNOWLEDGED, REFUSED, ROADS, UNKNOWN, ReadBack, Shown
from analysis.records.ledger import Account, Loss, State, Write, find_differences, keep_accounts, plain_isbn

NAMED = 5  # findings that a reason names; the table has all of them
WORDS = {"read_model": "the read model", "database": "MariaDB", "answers": "the answers"}
KINDS = {
    "lost": "no acknowledged write is lost",
    "differing": "every acknowledged write is as sent",
    "doubled": "no acknowledged write is doubled",
}
PREDICATES = {"lost": "are lost", "differing": "differ from what was sent", "doubled": "were done twice"}


@dataclass(frozen=True)
class Promises:
    """What became of the writes of a scenario. `unread` are ISBNs that were written to but not read back."""

    sent: int
    acknowledged: int
    refused: int
    unknown: int
    isbns: int
    losses: list[Loss]
    unread: list[str]
    doubtful: list[str]
    lag_s: float | None


def compare(writes: list[Write], read_back: ReadBack | None) -> Promises:
    """Work out what is lost, differs or is doubled; with nothing read back, only what the answers show."""
    accounts = keep_accounts(writes)
    shown = {plain_isbn(isbn): roads for isbn, roads in read_back.isbns.items()} if read_back else {}
    losses = [loss for account in accounts.values() for loss in account.losses]
    for isbn, account in accounts.items():
        for road in ROADS:
            if road in shown.get(isbn, {}):
                losses += compare_road(account, road, shown[isbn][road])
    outcomes = [outcome.outcome if outcome else UNKNOWN for _, outcome in writes]
    return Promises(
        sent=len(writes),
        acknowledged=outcomes.count(ACKNOWLEDGED),
        refused=outcomes.count(REFUSED),
        unknown=outcomes.count(UNKNOWN),
        isbns=len(accounts),
        losses=losses,
        unread=[isbn for isbn, account in accounts.items() if _matters(account) and not _is_whole(shown, isbn)],
        doubtful=[isbn for isbn, account in accounts.items() if len(account.states) > 1],
        lag_s=read_back.lag_s if read_back else None,
    )


def _matters(account: Account) -> bool:
    return account.acknowledged > 0


def _is_whole(shown: Mapping[str, Mapping[str, Shown]], isbn: str) -> bool:
    return all(road in shown.get(isbn, {}) for road in ROADS)


def compare_road(account: Account, road: str, shown: Shown) -> list[Loss]:
    """What one road shows that no state of the account allows; nothing for an ISBN without an acknowledged write."""
    if not _matters(account):
        return []
    there = shown.book if shown.status == 200 else None
    fitting = [state for state in account.states if (state.fields is None) == (there is None)]
    if not fitting:
        words = "the book is not there" if there is None else "the book is there, but its deletion was acknowledged"
        return [Loss("lost", account.isbn, road, words)]
    if there is None:
        return []
    findings = [_compare_book(state, there) for state in fitting]
    return [Loss(kind, account.isbn, road, words) for kind, words in min(findings, key=len)]


def _compare_book(state: State, there: dict[str, object]) -> list[tuple[str, str]]:
    found = []
    version = there.get("version")
    if state.version is not None and isinstance(version, int) and version != state.version:
        words = f"its version is {version} (the acknowledged writes make it {state.version})"
        found.append(("doubled" if version > state.version else "lost", words))
    if names := find_differences(state.fields or {}, there):
        older = found and found[0][0] == "lost"  # it has the fields of an earlier version: that is one loss, not two
        if not older:
            sent = state.fields or {}
            values = ", ".join(f"{name} is {there.get(name)!r} (sent: {sent[name]!r})" for name in names)
            found.append(("differing", values))
    return found


def judge_promises(promises: Promises, sources: str) -> list[Check]:
    """FAIL for each kind of broken promise, naming the ISBN."""
    checks = []
    for kind, name in KINDS.items():
        mine = [loss for loss in promises.losses if loss.kind == kind]
        isbns = sorted({loss.isbn for loss in mine})
        named = "; ".join(f"{loss.isbn}: {loss.words} ({WORDS[loss.where]})" for loss in mine[:NAMED])
        more = f"; the ledger table has the others ({len(mine) - NAMED})" if len(mine) > NAMED else ""
        reason = f"{say_violations(kind, len(isbns))} (of {promises.isbns:,}): {named}{more}." if mine else ""
        figure = Figure(f"ISBNs with {kind} writes", len(isbns), "", sources)
        checks.append(Check(name, CONTRACT, "FAIL" if mine else PASS, reason, (figure,)))
    return checks


def say_violations(kind: str, isbns: int) -> str:
    """`Acknowledged writes to 2 ISBNs are lost`."""
    return f"Acknowledged writes to {say_count(isbns, 'ISBN')} {PREDICATES[kind]}"


def judge_reading(promises: Promises, source: str, *, needed: bool) -> Check:
    """INVALID when acknowledged writes were not read back on both roads; where it is not the question, not judged."""
    name, unread = "every acknowledged write was read back", promises.unread
    figure = Figure("ISBNs not read back", len(unread), "", source)
    if not unread:
        return Check(name, VALIDITY, PASS, "", (figure,))
    some = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
    isbns = f"{say_count(len(unread), 'ISBN')} with acknowledged writes {'was' if len(unread) == 1 else 'were'}"
    reason = f"{isbns} not read back (of {promises.isbns:,}: {some})."
    return Check(name, VALIDITY, INVALID if needed else None, reason, (figure,))


def list_losses(promises: Promises, sources: str) -> Table:
    """All findings of the ledger."""
    rows = tuple((loss.isbn, loss.kind, WORDS[loss.where], loss.words) for loss in promises.losses)
    return Table("Ledger: what is lost, differs or is doubled", ("ISBN", "finding", "seen in", "what"), rows, sources)
