"""Says whether a scenario began with the data that the run began with, and left the books that were there before it.

The run's first scenario says what these data are, and not init.sql: a catalogue of the user's own is as good.
"""

from collections.abc import Mapping

from analysis.findings import VALIDITY, Check, Figure, hold
from analysis.records.formats import DataState


def judge_data(name: str, states: Mapping[str, DataState], usual: int | None, urls: Mapping[str, str]) -> Check:
    """INVALID when books of an earlier load were there, the catalogue differs from `usual`, or nobody looked.

    INVALID too when the load's own books set apart, the catalogue held another number after the load than before it:
    then it was asked over other data than it began with. A load adds, changes and removes none but its own books.

    `usual` is the number of books before the first scenario of the run; `states` are those of scenario `name`; `urls`
    are the addresses of the services by name, as far as they are known.
    """
    before, after = states.get("before"), states.get("after")
    reason = ""
    if before is None:
        reason = "nothing says what data it began with"
    elif before.own:
        reason = say_leftovers(before.own, urls)
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
    return hold("the data was as when the run began", VALIDITY, reason, *figures)


def say_leftovers(count: int, urls: Mapping[str, str]) -> str:
    """That books of an earlier load were there, and the command that removes them from the services at `urls`."""
    books = "1 book of an earlier load was" if count == 1 else f"{count} books of an earlier load were"
    options = "".join(f" --{service}-url {urls[service]}" for service in sorted(urls))
    return f"{books} still in the catalogue; remove with: python remove_leftovers.py{options}"
