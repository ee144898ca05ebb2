"""Says whether the services bear a step of a search: the load judges a step by it when it ends, the report again.

The measured seconds are cut into equal parts, so that one hiccup breaks nothing: a step is broken when enough of its
parts are bad. Log-ins are too rare for that, and are judged over all of it.
"""

from collections.abc import Iterator, Sequence

from analysis.checks.binomial import find_chance
from analysis.number_formats import say_number, say_share
from analysis.plan.plan import Plan
from analysis.records.counts import Counts, add_times, count_requests
from analysis.records.endpoints import ALL_BUT_LOGIN, group_of
from analysis.records.latencies import Latencies
from analysis.records.results_folder import ARRIVED, DROPPED, SecondRow

Span = tuple[float, float]
NAMES = {"reads": "reads", "writes": "writes", "login": "log-ins"}


def judge_step(plan: Plan, load: int, rows: Sequence[SecondRow], latencies: Latencies, span: Span) -> tuple[str, ...]:
    """What broke a step of such a load, in the unit of its search, in words; empty when it holds.

    `rows` and `latencies` are those of its measured seconds, `span`.
    """
    bad = [
        words
        for part in cut_span(span, int(plan.limit("step-parts")))
        if (words := _judge_part(plan, load, rows, latencies, part))
    ]
    found = bad[-1] if len(bad) >= plan.limit("step-bad-parts") else []
    return (*found, *_judge_logins(plan, rows, latencies))


def cut_span(span: Span, parts: int) -> list[Span]:
    """A span of whole seconds in equal parts, the last of which has what is left."""
    start, length = int(span[0]), max(1, int(span[1] - span[0]) // parts)
    begins = [start + number * length for number in range(parts)]
    return list(zip(begins, [*begins[1:], int(span[1])], strict=True))


def _judge_part(plan: Plan, load: int, rows: Sequence[SecondRow], latencies: Latencies, part: Span) -> list[str]:
    mine = [row for row in rows if part[0] <= row.second < part[1]]
    answers = latencies.between(*part)
    found = [words for group in ALL_BUT_LOGIN for words in _judge_group(plan, group, mine, answers)]
    needed = plan.limit("step-asked-ratio")
    if (share := measure_asked(plan, mine, load, part[1] - part[0])) < needed:
        asked, of = say_share(share, beside=needed), f"({say_share(needed)} needed)"
        found.append(
            f"{asked} of the arrivals found a user {of}"
            if plan.search == "arrivals"
            else f"the users asked for {asked} of what they would at their think time {of}"
        )
    return found


def measure_asked(plan: Plan, rows: Sequence[SecondRow], load: int, seconds: float) -> float:
    """Of what a load should ask for, the share that it did ask for."""
    if plan.search != "arrivals":
        return measure_thinking(rows, load, seconds)
    arrived, dropped = (sum(row.busy_s for row in rows if row.endpoint == what) for what in (ARRIVED, DROPPED))
    return (arrived - dropped) / (load * seconds)


def measure_thinking(rows: Sequence[SecondRow], users: int, seconds: float) -> float:
    """Of what so many users would ask for at their think time, if answers took none, the share that they asked for.

    It is the share of their time in which they think: N users who think Z s and wait W s for each answer ask
    N / (Z + W) times a second (interactive response time law: Denning and Buzen, "The Operational Analysis of Queueing
    Network Models", 1978). Time aside, as in a queue of the load itself, is left out.
    """
    times = add_times(rows)
    there = users * seconds - times["aside"]
    return times["think"] / there if there > 0 else 1.0


def _judge_group(plan: Plan, group: str, rows: Sequence[SecondRow], latencies: Latencies) -> Iterator[str]:
    counts = count_group(rows, group)
    allowed = plan.limit("step-failed-ratio")
    failed = counts.errors + counts.shed
    if failed > allowed * counts.requests and find_chance(failed, counts.requests, allowed) < plan.limit("step-chance"):
        of_them = f"{say_share(failed / counts.requests, beside=allowed)} of the {NAMES[group]}"
        yield f"{of_them} failed or were refused (at most {say_share(allowed)} may)"
    yield from _judge_p95(plan, group, latencies)


def _judge_p95(plan: Plan, group: str, latencies: Latencies) -> Iterator[str]:
    objective = plan.objective(f"{group}-p95-ms")
    answers = latencies.of_groups(group)
    p95 = answers.percentile(0.95)
    if objective is not None and p95 is not None and p95 > objective and answers.answers >= plan.limit("few-answers"):
        yield f"the p95 of {NAMES[group]} was {say_number(p95, 'ms', beside=objective)} (objective {objective:g} ms)"


def _judge_logins(plan: Plan, rows: Sequence[SecondRow], latencies: Latencies) -> Iterator[str]:
    enough, objective = plan.limit("step-login-answers"), plan.objective("login-p95-ms")
    counts = count_group(rows, "login")
    waited = sum(row.busy_s for row in rows if group_of(row.endpoint) == "login")
    # Those that still wait have no answer whose time could be too long, but they have waited.
    if objective is not None and waited * 1000 > objective * max(counts.requests, enough):
        mean = say_number(waited * 1000 / max(counts.requests, 1), "ms", beside=objective)
        yield f"log-ins queued: their mean was {mean} (objective of p95 {objective:g} ms)"
    if counts.requests >= enough:
        yield from _judge_group(plan, "login", rows, latencies)


def count_group(rows: Sequence[SecondRow], group: str) -> Counts:
    """The requests of a group."""
    return count_requests(row for row in rows if group_of(row.endpoint) == group)
