"""Says whether a scenario began with the data in its starting state, and left the books that were there before it."""

from collections.abc import Mapping

from analysis.findings import VALIDITY, Check, Figure, hold
from analysis.records import DataState


def judge_data(name: str, states: Mapping[str, DataState], usual: int | None) -> Check:
    """INVALID when books of an earlier load were there, the catalogue differs from `usual`, or nobody looked.

    INVALID too when the load's own books set apart, the catalogue held another number after the load than before it:
    then it was asked over other data than it began with. A load adds, changes and removes none but its own books.

    `usual` is the number of books before the first scenario of the run; `states` are those of scenario `name`.
    """
    before, after = states.get("before"), states.get("after")
    reason = ""
    if before is None:
        reason = "nothing says what data it began with"
    elif before.own:
        reason = f"{before.own} books of an earlier load were still in the catalogue"
    elif usual is not None and before.books != usual:
        reason = f"the catalogue began with {before.books} books; the run began with {usual}"
    elif after is not None and after.books - after.own != before.books:
        reason = f"the catalogue began with {before.books} books and ended with {after.books - after.own}"
        reason += " beside those of the load"
    source = f"{name}_data.jsonl"
    figures = [
        Figure(f"books {moment} it", state.books if state else None, "", source)
        for moment, state in (("before", before), ("after", after))
    ]
    return hold("the data was in its starting state", VALIDITY, reason, *figures)
