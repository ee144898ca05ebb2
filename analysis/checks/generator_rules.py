"""Says whether the process that made the load was itself the limit: too busy, stalled, or lost."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_number, say_share
from analysis.plan.plan import Plan
from analysis.records.results_folder import LAG_NOTED_MS, MASTER, GeneratorRow

LAG_SHARE = 0.01  # of the time in which the event loop may lag more: a 99th percentile
LATE_S = 0.5  # a row of the last second may come so late
Rows = list[GeneratorRow]
Span = tuple[float, float]


def judge_generator(
    plan: Plan, parts: Mapping[str, Rows], expected: Sequence[str], span: Span, judged: Sequence[Span] = ()
) -> list[Check]:
    """INVALID when a process of the load was lost, over 80 % busy, or its event loop stalled or lagged.

    `parts` are the rows of each process, `expected` the processes that the load had, `span` is the load, in seconds
    since the epoch. `judged` are the steps of a search that were judged: in others the load may have given way.
    """
    within = {part: [row for row in parts.get(part, []) if span[0] < row.at <= span[1] + LATE_S] for part in expected}
    recorded = {part: pieces for part, rows in within.items() if (pieces := cut_rows(rows, judged))}
    source = f"{plan.name}{'_*' if len(expected) > 1 else ''}_generator.csv"
    return [
        judge_presence(plan, within, span, source),
        judge_cpu(plan, recorded, source),
        judge_lag(plan, recorded, source),
    ]


def cut_rows(rows: Rows, spans: Sequence[Span]) -> list[Rows]:
    """The rows of each span that has any; all rows in one piece without spans."""
    pieces = [[row for row in rows if begin < row.at <= end] for begin, end in spans] if spans else [rows]
    return [piece for piece in pieces if piece]


def judge_presence(plan: Plan, parts: Mapping[str, Rows], span: tuple[float, float], source: str) -> Check:
    """INVALID when a process has no rows, or they end more than 2 s before the load did, however long that was.

    INVALID too when they begin as late: a row comes a second, so the first is due 1 s after the start. A row that is
    older than the one before it tells that the clock was set back.
    """
    allowed = plan.limit("off-plan-seconds")
    found = []
    for part, rows in parts.items():
        if not rows:
            found.append(f"{_name(part).capitalize()} left no record of itself.")
            continue
        if (late := rows[0].at - span[0]) > allowed + 1:
            found.append(f"{_name(part).capitalize()} (pid {rows[0].pid}) left no record of its first {late:.0f} s.")
        back = max((before.at - after.at for before, after in pairwise(rows)), default=0.0)
        if back > 0:
            found.append(f"The clock of {_name(part)} was set back by {1 + back:.1f} s.")
        if rows[-1].at < span[1] - allowed:
            name, lived = f"{_name(part).capitalize()} (pid {rows[-1].pid})", rows[-1].at - span[0]
            found.append(f"{name} was lost {lived:,.0f} s after the start.")
    there = Figure("processes", sum(1 for rows in parts.values() if rows), "", source)
    return make_check("no process of the load was lost", VALIDITY, " ".join(found), there)


def judge_cpu(plan: Plan, parts: Mapping[str, list[Rows]], source: str) -> Check:
    """INVALID when a process used over 80 % of a core in more than 5 % of the seconds (or 2 s)."""
    limit, found = plan.limit("generator-cpu"), []
    counted = {part: list(chain.from_iterable(pieces)) for part, pieces in parts.items()}
    for part, rows in counted.items():
        busy = [row.cpu for row in rows if row.cpu > limit]
        if len(busy) > max(plan.limit("off-plan-ratio") * len(rows), plan.limit("off-plan-seconds")):
            allowed = f"over {say_share(limit)} of a core; of {len(rows):,} s"
            found.append(f"{_name(part).capitalize()} was too busy for {len(busy):,} s ({allowed}).")
    most = max((sum(row.cpu for row in rows) / len(rows) for rows in counted.values()), default=None)
    figure = Figure("busiest process, mean share of a core", None if most is None else round(most, 4), "", source)
    return make_check("the generator had processor time to spare", VALIDITY, " ".join(found), figure)


def judge_lag(plan: Plan, parts: Mapping[str, list[Rows]], source: str) -> Check:
    """INVALID when an event loop stalled once for over 500 ms, or lagged more than 20 ms in over 1 % of the time."""
    found = []
    stall_limit, lag_limit = plan.limit("generator-stall-ms"), plan.limit("generator-lag-p99-ms")
    stalls = {part: max(map(longest_stall, pieces)) for part, pieces in parts.items()}
    lags = {part: lag_p99(*pieces) for part, pieces in parts.items()}
    for part in parts:
        name = _name(part)
        if stalls[part] > stall_limit:
            stalled = say_number(stalls[part], "ms", beside=stall_limit)
            found.append(f"The event loop of {name} stalled for {stalled} (limit {stall_limit:g} ms).")
        if lags[part] > lag_limit:
            lagged = say_number(lags[part], "ms", beside=lag_limit)
            found.append(f"The event loop of {name} lagged {lagged} at p99 (limit {lag_limit:g} ms).")
    longest = Figure("longest stall", round(max(stalls.values(), default=0.0), 1), "ms", source)
    p99 = Figure("lag at p99", round(max(lags.values(), default=0.0), 1), "ms", source)
    return make_check("the generator's event loop kept pace", VALIDITY, " ".join(found), longest, p99)


def longest_stall(rows: Rows) -> float:
    """The longest stop of an event loop in ms: a lag that was noted, or that of a line, which is due once a second."""
    late = [(after.at - before.at - 1) * 1000 for before, after in pairwise(rows)]
    return max([0.0, *late, *(lag for row in rows for lag in row.lags_ms)])


def lag_p99(*pieces: Rows) -> float:
    """The lag in ms that the loop did not exceed in 99 % of the time; 0 when that is below what is noted.

    The time is that of some pieces of a record.

    A lag of L ms stands for L ms of time, however few probes fell into it (Tene, "How not to measure latency").
    """
    left = LAG_SHARE * sum(1000 * (after.at - before.at) for rows in pieces for before, after in pairwise(rows))
    lags = (lag for row in chain.from_iterable(pieces) for lag in row.lags_ms if lag > LAG_NOTED_MS)
    for lag in sorted(lags, reverse=True):
        left -= lag
        if left < 0:
            return lag
    return 0.0


def _name(part: str) -> str:
    if part == MASTER:
        return "the master process of the load"
    return f"process {part} of the load" if part else "the process of the load"
