"""Says what gave way first when a step broke: which part of the system was at its limit, and since when.

A rule holds a quantity against the limit at which that part can do no more. It counts when it is true in half of the
seconds of the step that broke; and, if any rule does so, only rules that were not true as often in the step that held.
Of those the one wins that became true first after the step began; several in the same second are named together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.checks.evidence import Evidence, Span
from analysis.checks.series import Series, draw_values, draw_workers, find_rises
from analysis.findings import Table
from analysis.number_formats import say_number, say_share
from analysis.records.results_folder import say_source
from analysis.records.steps import Step

COLUMNS = (
    "what may give way",
    "limit",
    "at the step that holds",
    "at the step that breaks",
    "from its second on",
    "file",
)
OFTEN, SOMETIMES = 0.5, 0.05  # of the seconds of a step
SMOOTHED_S = 3  # a rule is true in a second when it is so on average over that and the two before it
CPU, CORES = 0.9, 0.95  # shares of one core, and of all cores, at which nothing is left
QUEUED = 8  # connections that wait to be taken: a few wait whenever many come at once
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Rule:
    """A part that may be the limit: `read` gives its quantity over time, () where it was not watched."""

    what: str
    limit: float
    unit: str  # "" for a share
    ending: str  # of the file
    read: Callable[[Evidence], Points]
    often: float = OFTEN


@dataclass(frozen=True)
class Reading:
    """What a rule found: means in both steps, and the second of the breaking step from which it was true."""

    rule: Rule
    holds: float | None
    breaks: float | None
    since: int | None
    counts: bool
    differs: bool

    def say(self) -> str:
        """`the whole machine's processors, 98 % (limit 95 %, 86 % in the step that held)`."""
        limit = f"limit {_say(self.rule, self.rule.limit)}"
        held = "" if self.holds is None else f", {_say(self.rule, self.holds)} in the step that held"
        held += "" if self.differs else ", too much there already"
        return f"{self.rule.what}, {_say(self.rule, self.breaks)} ({limit}{held})"


def _say(rule: Rule, value: float | None) -> str:
    if value is None:
        return "not seen"
    return say_number(round(value, 2), rule.unit) if rule.unit else say_share(round(value, 4))


def find_readings(evidence: Evidence, holding: Step | None, breaking: Step) -> list[Reading]:
    """What each rule found."""
    return [_apply(rule, evidence, holding, breaking) for rule in list_rules(evidence)]


def find_first(readings: Sequence[Reading]) -> list[Reading]:
    """The readings that were first; none where no rule counts."""
    found = [each for each in readings if each.counts and each.differs] or [each for each in readings if each.counts]
    begin = min((each.since for each in found if each.since is not None), default=None)
    return [each for each in found if each.since == begin]


def tabulate(readings: Sequence[Reading], name: str) -> Table:
    """All rules with what they found; a dash where nothing was watched."""
    rows = [
        (
            each.rule.what,
            _say(each.rule, each.rule.limit),
            None if each.holds is None else _say(each.rule, each.holds),
            None if each.breaks is None else _say(each.rule, each.breaks),
            each.since if each.counts else None,
            f"{name}{each.rule.ending}",
        )
        for each in readings
    ]
    return Table("What was at its limit", COLUMNS, tuple(rows), f"{name}_server.jsonl, {name}_generator.csv")


def _apply(rule: Rule, evidence: Evidence, holding: Step | None, breaking: Step) -> Reading:
    points = _smooth(rule.read(evidence))
    whole = breaking.begin, breaking.end
    true = [at for at, value in _within(points, whole) if value >= rule.limit]
    often = _share(rule, points, breaking.span)
    before = _share(rule, points, holding.span) if holding else 0.0
    return Reading(
        rule=rule,
        holds=_mean(points, holding.span) if holding else None,
        breaks=_mean(points, breaking.span),
        since=int(true[0] - breaking.begin) if true else None,
        counts=often >= rule.often,
        differs=before < rule.often,
    )


def _smooth(points: Points) -> Points:
    values = [value for _, value in points]
    return tuple(
        (at, sum(values[max(0, place + 1 - SMOOTHED_S) : place + 1]) / min(place + 1, SMOOTHED_S))
        for place, (at, _) in enumerate(points)
    )


def _within(points: Points, span: Span) -> list[tuple[float, float]]:
    return [(at, value) for at, value in points if span[0] <= at < span[1]]


def _share(rule: Rule, points: Points, span: Span) -> float:
    mine = _within(points, span)
    return sum(value >= rule.limit for _, value in mine) / len(mine) if mine else 0.0


def _mean(points: Points, span: Span) -> float | None:
    mine = _within(points, span)
    return sum(value for _, value in mine) / len(mine) if mine else None


def list_rules(evidence: Evidence) -> list[Rule]:
    """The rules, with the limits that the services' settings give them."""
    server = "_server.jsonl"
    rules = []
    for source in evidence.run.sources:
        workers, threads, pool = (_read_setting(evidence, source, name) for name in ("workers", "threads", "pool_size"))
        called = say_source(source, "workers")
        rules += [
            Rule(f"the processor of {called}", CPU, "", server, _of_workers(source)),
            Rule(f"the threads of {called}, all busy while the processor was not", CPU, "", server,
                 _of_threads(source, workers * threads)),
            Rule(f"the connections of {called} to MariaDB, all lent", CPU, "", server,
                 _of_gauge(source, "db_pool_in_use", workers * pool)),
            Rule(f"the connections of {called} to MariaDB, waited for too long at times", 0.01, "refused/s", server,
                 _of_refusals(source), SOMETIMES),
        ]  # fmt: skip
    for source in _sources_of(evidence, "auth"):
        hashes = max(1.0, _read_setting(evidence, source, "workers"))
        called = f"log-ins before the hashing{source.removeprefix('auth')}"
        rules += [
            Rule(f"the queue of {called}", hashes, "waiting", server, _of_gauge(source, "hashing_waiting")),
            Rule(f"the room for {called}, full at times", 0.01, "refused/s", server,
                 _of_rises(source, "http_requests_shed_total"), SOMETIMES),
        ]  # fmt: skip
    misses = [
        Rule(f"the read model{source.removeprefix('books')}, which did not stand", 1.0, "queries/s", server,
             _of_rises(source, "read_model_misses_total"))
        for source in _sources_of(evidence, "books")
    ]  # fmt: skip
    return [
        *rules,
        Rule("the processor of MariaDB", CORES, "", server, _of_machine("mariadb_cpu", per_core=True)),
        Rule("the processor of Redis", CPU, "", server, _of_machine("redis_cpu")),
        Rule("the whole machine's processors", CORES, "", server, _of_machine("cpu")),
        Rule("the queue at the services' ports", QUEUED, "waiting", server, _of_machine("listen_queue")),
        *misses,
        Rule("the load generator", evidence.plan.limit("generator-cpu"), "", "_generator.csv", _of_generator),
    ]


def _sources_of(evidence: Evidence, service: str) -> list[str]:
    return [source for source in evidence.run.sources if source.partition(" ")[0] == service]


def _read_setting(evidence: Evidence, source: str, name: str) -> float:
    text = str(evidence.run.settings(source).get(name, ""))
    return float(text) if text.isdecimal() else 0.0


def _of_workers(source: str) -> Callable[[Evidence], Points]:
    """The mean share of a core over the workers of a source."""

    def read(evidence: Evidence) -> Points:
        mine = [each for each in draw_workers(evidence.samples) if each.quantity == "cpu_s"]
        rises = [find_rises(each) for each in mine if each.owner.rpartition(" ")[0] == source]
        return _average(rises)

    return read


def _average(series: Sequence[Series]) -> Points:
    by_second: dict[int, list[float]] = {}
    for each in series:
        for at, value in each.points:
            by_second.setdefault(int(at), []).append(value)
    return tuple((second + 0.5, sum(values) / len(values)) for second, values in sorted(by_second.items()))


def _of_gauge(source: str, name: str, most: float = 1.0) -> Callable[[Evidence], Points]:
    """A value of a source as a share of the most that it can be; () where that is not known."""

    def read(evidence: Evidence) -> Points:
        series = [each for each in draw_values(evidence.samples) if (each.owner, each.quantity) == (source, name)]
        return tuple((at, value / most) for each in series for at, value in each.points) if most else ()

    return read


def _of_threads(source: str, threads: float) -> Callable[[Evidence], Points]:
    """The share of the threads that were busy; 0 in a second in which the processors were."""

    def read(evidence: Evidence) -> Points:
        busy = _of_gauge(source, "http_requests_in_flight", threads)(evidence)
        machine = {int(at): value for at, value in _of_machine("cpu")(evidence)}
        workers = {int(at): value for at, value in _of_workers(source)(evidence)}
        return tuple(
            (at, 0.0 if max(machine.get(int(at), 0.0), workers.get(int(at), 0.0)) >= CPU else value)
            for at, value in busy
        )

    return read


def _of_machine(name: str, *, per_core: bool = False) -> Callable[[Evidence], Points]:
    """A value of this machine, where the services are on it; `per_core` as a share of all its cores."""

    def read(evidence: Evidence) -> Points:
        samples = [each for each in evidence.samples if each.service == "machine" and name in (each.values or {})]
        values = [(each.at, each.values or {}) for each in samples]
        return tuple((at, found[name] / (found.get("cpus", 1.0) if per_core else 1.0)) for at, found in values)

    return read


def _of_rises(source: str, name: str) -> Callable[[Evidence], Points]:
    """What a counter of a source rose by in a second."""

    def read(evidence: Evidence) -> Points:
        series = [each for each in draw_values(evidence.samples) if (each.owner, each.quantity) == (source, name)]
        return tuple(point for each in series for point in find_rises(each).points)

    return read


def _of_refusals(source: str) -> Callable[[Evidence], Points]:
    """What a source refused in a second while requests waited for a connection: one worker's may all be lent, when
    those of the others are not.
    """

    def read(evidence: Evidence) -> Points:
        waited = {int(at) for at, value in _of_gauge(source, "db_pool_waiting")(evidence) if value}
        refused = _of_rises(source, "http_requests_shed_total")(evidence)
        return tuple((at, value if {int(at), int(at) - 1} & waited else 0.0) for at, value in refused)

    return read


def _of_generator(evidence: Evidence) -> Points:
    """The busiest process of the load."""
    by_second: dict[int, float] = {}
    for rows in evidence.generator.values():
        for row in rows:
            by_second[int(row.at)] = max(by_second.get(int(row.at), 0.0), row.cpu)
    return tuple((float(second), value) for second, value in sorted(by_second.items()))
