"""Says whether the load was the planned load, ran to its end, and began with the data that the run began with.

The run's first scenario says what these data are, and not init.sql: a catalogue of the user's own is as good.
"""

from collections.abc import Mapping

from analysis.checks.binomial import find_middle
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_count, say_share
from analysis.plan.plan import Plan, Plateau
from analysis.records.counts import Counts
from analysis.records.curve import Curve
from analysis.records.endpoints import count_mix
from analysis.records.results_folder import DataState
from analysis.records.run import End


def judge_end(plan: Plan, end: End | None) -> Check:
    """INVALID unless Locust ended by itself with code 0."""
    reason = ""
    if end is None:
        reason = "Nothing says how Locust ended, because the load was cut off."
    elif end.interrupted:
        reason = "The load was interrupted."
    elif end.exit_code:
        killed = f", killed by signal {end.exit_code - 128}" if end.exit_code > 128 else ""
        reason = f"Locust crashed (exit code {end.exit_code}{killed}). See {plan.name}.log."
    code = end.exit_code if end else None
    return make_check("the load ran to its end", VALIDITY, reason, Figure("exit code", code, "", "scenarios.csv"))


def judge_seconds(plan: Plan, curve: Curve) -> Check:
    """INVALID when the load lasted longer or shorter than planned, by more than 5 % (or 2 s)."""
    allowed = max(plan.limit("off-plan-ratio") * plan.seconds, plan.limit("off-plan-seconds"))
    reason = ""
    if abs(curve.seconds - plan.seconds) > allowed:
        reason = f"The load lasted {curve.seconds:,} s ({plan.seconds:,g} s were planned)."
    source = f"{plan.name}_stats_history.csv"
    figures = Figure("planned", plan.seconds, "s", "run.json"), Figure("ran", curve.seconds, "s", source)
    return make_check("it lasted as long as planned", VALIDITY, reason, *figures)


def judge_users(plan: Plan, curve: Curve) -> Check:
    """INVALID when on a plateau the users left the plan by more than 5 %, for more than 5 % of it (or 2 s)."""
    found = []
    for number, plateau in enumerate(plan.plateaus(), start=1):
        where = f" on plateau {number}" if len(plan.stages) > 1 else ""
        if words := _users_off_plan(plan, plateau, curve.within(plateau), where):
            found.append(words)
    most = Figure("most users", max(curve.users, default=0), "", f"{plan.name}_stats_history.csv")
    planned = Figure("planned", plan.users, "", "run.json")
    return make_check("the users were those planned", VALIDITY, " ".join(found), planned, most)


def _users_off_plan(plan: Plan, plateau: Plateau, users: list[int], where: str) -> str:
    off = [count for count in users if abs(count - plateau.users) > plan.limit("off-plan-ratio") * plateau.users]
    length = plateau.end - plateau.start
    allowed = max(plan.limit("off-plan-ratio") * length, plan.limit("off-plan-seconds"))
    if not off or (len(off) <= allowed and len(off) < len(users)):
        return ""
    seen = f"{off[0]:,}" if min(off) == max(off) else f"{min(off):,} to {max(off):,}"
    planned = f"{plateau.users:,} were planned; for {len(off):,} of {len(users):,} s"
    return f"The load{where} had {seen} {'user' if seen == '1' else 'users'} ({planned})."


def judge_mix(plan: Plan, endpoints: Mapping[str, Counts], source: str) -> list[Check]:
    """INVALID when the planned share of writes lies outside the 99.9 % binomial interval of what was sent."""
    sent, writes = count_mix(endpoints)
    if plan.write_share is None or not sent:
        return []
    low, high = find_middle(plan.limit("mix-confidence"), sent, plan.write_share)
    reason = ""
    if not low <= writes <= high:
        planned = f"{say_share(plan.write_share)} were planned; {writes:,} writes, not {low:,.0f} to {high:,.0f}"
        reason = f"Writes were {say_share(writes / sent, beside=plan.write_share)} of the requests ({planned})."
    figures = Figure(
        "share of writes", round(writes / sent, 4), "", source, round(low / sent, 4), round(high / sent, 4)
    )
    return [make_check("the mix was the planned one", VALIDITY, reason, figures)]


def judge_exceptions(plan: Plan, exceptions: int) -> Check:
    """INVALID when the load side itself raised: what it would have sent is not known."""
    source = f"{plan.name}_exceptions.csv"
    reason = f"The load side raised {say_count(exceptions, 'exception')} (see {source})." if exceptions else ""
    return make_check("the load side worked", VALIDITY, reason, Figure("exceptions", exceptions, "", source))


def judge_data(name: str, states: Mapping[str, DataState], usual: int | None, urls: Mapping[str, str]) -> Check:
    """INVALID when books of an earlier load were there, the catalogue differs from `usual`, or a state is missing.

    INVALID too when the number of books that are not the load's own changed during the load, because the question was
    then asked over other data than it began with. A load adds, changes and removes none but its own books.

    `usual` is the number of books before the first scenario of the run; `states` are those of scenario `name`; `urls`
    are the addresses of the services by name, as far as they are known.
    """
    before, after = states.get("before"), states.get("after")
    reason = ""
    if before is None:
        reason = "Nothing says what data the load began with."
    elif before.own:
        reason = say_leftovers(before.own, urls)
    elif usual is not None and before.books != usual:
        reason = f"The catalogue began with {say_count(before.books, 'book')} (the run began with {usual:,})."
    elif after is None:
        reason = "Nothing says what data the load ended with."
    elif after.books - after.own != before.books:
        left = say_count(after.books - after.own, "book")
        reason = f"The catalogue ended with {left}, without the books of the load (it began with {before.books:,})."
    source = f"{name}_data.jsonl"
    figures = [
        Figure(f"books {moment} it", state.books if state else None, "", source)
        for moment, state in (("before", before), ("after", after))
    ]
    return make_check("the data was as when the run began", VALIDITY, reason, *figures)


def say_leftovers(count: int, urls: Mapping[str, str]) -> str:
    """That books of an earlier load were there, and the command that removes them from the services at `urls`."""
    books = f"{say_count(count, 'book')} of an earlier load {'was' if count == 1 else 'were'}"
    options = "".join(f" --{service}-url {urls[service]}" for service in sorted(urls))
    return f"{books} still in the catalogue. Remove them with: python remove_leftovers.py{options}"
