"""Says whether what was written down is whole: requests, writes with their outcomes, and each line of a file."""

from collections.abc import Iterable, Mapping

from analysis.checks.evidence import Evidence
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_count
from analysis.plan.plan import Plan
from analysis.records.book_histories import Write
from analysis.records.counts import Counts
from analysis.records.endpoints import WALK, count_ledger_writes, is_ledger_write
from analysis.records.gaps import Gaps
from analysis.records.locust_files import Results

OF_LOCUST = ("_stats.csv", "_failures.csv", "_exceptions.csv", "_requests.json")


def judge_recording(plan: Plan, results: Results, recorded: Counts, latencies: int, sources: tuple[str, str]) -> Check:
    """INVALID when two counts of the same requests differ by more than 1 %: then some were not written down.

    Compared are the endpoints of Locust's statistics with their total, that total with `recorded` requests, and the
    right answers among them with the number of `latencies`; `sources` are the files of the two.
    """
    total = results.total.requests if results.total else None
    sent = None if total is None else total - sum(each.requests for each in results.endpoints if each.method == WALK)
    listed = sum(endpoint.requests for endpoint in results.endpoints)
    pairs = [
        (recorded.right, sources[0], latencies, sources[1], "right answer"),
        (recorded.requests, sources[0], sent, f"{plan.name}_stats.csv", "request"),
        (listed, f"the rows of {plan.name}_stats.csv", total, "its total", "request"),
    ]
    found = [
        f"There are {say_count(one, what)} in {one_source} (in {other_source}: {other:,})."
        for one, one_source, other, other_source, what in pairs
        if other is not None and abs(one - other) > plan.limit("unrecorded-ratio") * max(one, other)
    ]
    figures = Figure("requests", recorded.requests, "", sources[0]), Figure("latencies", latencies, "", sources[1])
    return make_check("all requests were written down", VALIDITY, " ".join(found), *figures)


def judge_ledger(plan: Plan, endpoints: Mapping[str, Counts], entered: int, source: str) -> Check:
    """INVALID when over 1 % of the writes are not in the ledger: their outcome cannot be looked up."""
    writes = count_ledger_writes(endpoints)
    missing = writes - entered
    reason = ""
    if missing > plan.limit("unrecorded-ratio") * writes:
        reason = f"{source} has {say_count(entered, 'write')} ({writes:,} were sent)."
    return make_check("every write is in the ledger", VALIDITY, reason, Figure("writes in it", entered, "", source))


def judge_outcomes(plan: Plan, endpoints: Mapping[str, Counts], writes: Iterable[Write], source: str) -> Check:
    """INVALID when over 1 % of the writes that were answered have no answer in the ledger: no loss would show.

    Writes that are not in it at all are another matter.
    """
    told = sum(counts.right + counts.wrong + counts.shed for name, counts in endpoints.items() if is_ledger_write(name))
    outcomes = [outcome for _, outcome in writes]
    answered = sum(1 for outcome in outcomes if outcome and outcome.status)
    reason = ""
    if min(told, len(outcomes)) - answered > plan.limit("unrecorded-ratio") * told:
        reason = f"{source} has the answers to {say_count(answered, 'write')} ({told:,} were answered)."
    return make_check("the ledger has the answers", VALIDITY, reason, Figure("answers in it", answered, "", source))


def judge_damage(evidence: Evidence) -> Check:
    """INVALID when over 1 % of the lines of a file are damaged; of the samples of the services 5 %, as of missing ones.
    INVALID too when a file of Locust is missing; for the other files rules of their own look at what is in them.

    A damaged line is left out and named; whether that much is left to judge by, the other rules say too.
    """
    gaps = evidence.gaps
    said = [words] if (words := say_damage(evidence.plan, gaps)) else []
    missing = [file for file in gaps.missing if file.endswith(OF_LOCUST)]
    said += [f"Files are missing: {', '.join(missing)}."] if missing else []
    files = ", ".join(sorted(gaps.damaged)) or evidence.file("_seconds.csv")
    figure = Figure("damaged lines", sum(gaps.damaged.values()), "", files)
    return make_check("what was written down is whole", VALIDITY, " ".join(said), figure)


def say_damage(plan: Plan, gaps: Gaps) -> str:
    """Which files have more damaged lines than the limits of a plan allow, in a sentence; "" for none."""
    found = []
    for file, damaged in sorted(gaps.damaged.items()):
        lines = max(gaps.lines[file], damaged)
        limit = "missing-ratio" if file.endswith("_server.jsonl") else "unrecorded-ratio"
        if damaged > plan.limit(limit) * lines:
            found.append(f"{say_count(damaged, 'damaged line')} of {lines:,}: {file}")
    return f"Lines are cut off or hold values that cannot be ({'; '.join(found)})." if found else ""
