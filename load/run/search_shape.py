"""The load shape that looks for the break-point: step by step, by what the recording says of each.

The processes of the load write down what each second brings; the shape reads that, judges a step when all of them have
told its last second, and asks Tries for the next. analysis/records/steps.py defines what it writes down itself.
"""

import logging
import math
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TextIO

from locust import LoadTestShape
from locust.runners import MasterRunner

from analysis.checks.generator_rules import judge_generator
from analysis.checks.normal_seconds import fails, find_normal, is_slow
from analysis.checks.step_rules import cut_span, judge_step
from analysis.findings import INVALID
from analysis.plan.plan import Plan
from analysis.plan.scenario_files import PlanError, plan_pool, plan_search
from analysis.plan.thresholds import LIMITS, OBJECTIVES
from analysis.records.counts import count_not_sent, count_requests
from analysis.records.results_folder import MASTER
from analysis.records.steps import FOUND, GENERATOR, ILL, LEAST, MOST, STEPS, TIME, Step, write_end, write_step
from analysis.records.tail import Tail
from load.run import search
from load.run.arrivals import RATE

log = logging.getLogger(__name__)
LATE_S = 10.0  # a process that has not told a second by then has been lost
LEAVE_S = 2.0  # in which users leave after a step that broke
Users = tuple[int, float]  # users, and how many come or go in a second


class SearchShape(LoadTestShape):
    """Steps of users that grow until one breaks, then come nearer and nearer to the break-point."""

    abstract = True
    runner: Any  # set by Locust
    _course: Iterator[Users] | None = None

    def reset_time(self) -> None:
        """Begin anew: Locust calls this when a load starts."""
        super().reset_time()  # type: ignore[no-untyped-call]  # Locust's
        self._course = None

    def tick(self) -> Users | None:
        """Return the users and the spawn rate of this moment, None at the end; Locust asks about once a second."""
        self._course = self._course or self._begin()
        return next(self._course, None)

    def _begin(self) -> Iterator[Users]:
        options = self.runner.environment.parsed_options
        if not options.record:
            log.error("a search reads what the load records: give --record PREFIX")
            return
        prefix, parts = Path(options.record), [""]
        try:
            plan = plan_of(prefix.name, options)
        except PlanError as problem:
            log.error("%s", problem)
            return
        if isinstance(self.runner, MasterRunner):
            parts = [MASTER, *(str(number) for number in range(self.runner.worker_count))]
        with open(f"{prefix}{STEPS}", "x", encoding="utf-8", buffering=1) as file:
            yield from Search(plan, Tail(prefix.parent, prefix.name, parts), file).run()


class Search:
    """One search; the methods that give loads go on for as long as those are wanted."""

    def __init__(self, plan: Plan, tail: Tail, file: TextIO) -> None:
        """Take its plan, where to read what the load records, and where to write down its steps."""
        self.plan, self.tail, self.file = plan, tail, file
        first, most = (int(plan.limit(f"search-{name}")) for name in ("first", "most"))
        self.tries = search.Tries(first, most, plan.limit("search-growth"), plan.limit("search-width"))
        self.users, self.stalled = 0, 0
        self.normal_ms = plan.objective("reads-p95-ms") or math.inf
        self.latest = time.time() + plan.limit("search-seconds")

    def run(self) -> Iterator[Users]:
        """Go from step to step, and write down why the search ended."""
        because = yield from self._go()
        self.file.write(write_end(time.time(), because))
        log.info("the search is over: %s; holds %s, breaks %s", because, self.tries.holds, self.tries.breaks)

    def _go(self) -> Generator[Users, None, str]:
        while (load := self.tries.choose()) is not None:
            if time.time() + self._find_ramp(load) + self._measured_s() > self.latest:
                return TIME
            step = yield from self._take_step(load)
            if step.broken is not None:
                self.tries.note(load, broke=step.broken)
                self._learn_normal(step)
            if step.broken is not False and self.tries.choose() is not None and not (yield from self._calm_down()):
                return GENERATOR if self.tries.ceiling and self.tries.breaks is None else ILL
        if self.tries.breaks is None:
            return GENERATOR if self.tries.ceiling else MOST
        return LEAST if self.tries.holds is None else FOUND

    def _count_users(self, load: int) -> int:
        return plan_pool(load, self.plan.limits)[0] if self.plan.search == "arrivals" else load

    def _find_rate(self, users: int) -> float:
        return max(1.0, self.plan.limit("step-ramp-ratio") * users)

    def _find_ramp(self, load: int) -> float:
        users = self._count_users(load)
        return abs(users - self.users) / self._find_rate(users)

    def _measured_s(self) -> float:
        return self.plan.limit("step-settle-seconds") + self.plan.limit("step-measure-seconds")

    def _take_step(self, load: int) -> Generator[Users, None, Step]:
        log.info("step of %d %s", load, self.plan.search)
        users = self._count_users(load)
        begin, rate = time.time(), self._find_rate(users)
        self.tail.forget(begin)
        yield from self._change(users, rate)
        RATE.set(load)
        measured = math.ceil(time.time() + self.plan.limit("step-settle-seconds"))
        span = float(measured), measured + self.plan.limit("step-measure-seconds")
        yield from self._hold(users, rate, span[1])
        why = judge_step(self.plan, load, self.tail.rows(span), self.tail.latencies(span), span)
        broken: bool | None = bool(why)
        limits = self._find_limits(span)
        if invalid := limits or find_invalid(self.plan, self.tail, span):
            broken, why = None, invalid
            if limits or load == self.stalled:
                self.tries.stop_below(load)
            self.stalled = load  # once: the step is taken again
        says = {True: "breaks: ", False: "holds", None: "says nothing of the services: "}[broken]
        log.info("step of %d %s %s%s", load, self.plan.search, says, "; ".join(why))
        return self._note(Step(begin, measured, span[1], load, users, rate, broken, why))

    def _calm_down(self) -> Generator[Users, None, bool]:
        """Go down to a load that they bear until the services are normal again, as after a spike; say whether they
        became so.
        """
        load = self.tries.choose_calm()
        users = self._count_users(load)
        begin, rate = time.time(), max(1.0, abs(self.users - users) / LEAVE_S)
        RATE.set(load)
        yield from self._change(users, rate)
        second = measured = math.ceil(time.time())
        steady, good = int(self.plan.limit("normal-seconds")), 0
        latest = measured + (self.plan.objective("recovery-seconds") or 0.0) + steady
        while good < steady and second < latest:
            second += 1
            yield from self._hold(users, rate, second)
            good = good + 1 if self._is_normal(second - 1) else 0
        self._note(Step(begin, measured, float(second), load, users, rate, None))
        return good >= steady

    def _change(self, users: int, rate: float) -> Iterator[Users]:
        """Have so many users, and wait until all have come or left: a load of one process does not wait for them."""
        there = time.time() + abs(users - self.users) / rate
        yield users, rate
        self.users = users
        while time.time() < there:
            yield users, rate

    def _hold(self, users: int, rate: float, until: float) -> Iterator[Users]:
        """Keep so many users until every process has told all seconds before that moment."""
        while (now := time.time()) < until or (self.tail.whole_until < until and now < until + LATE_S):
            yield users, rate
            self.tail.look()

    def _note(self, step: Step) -> Step:
        self.file.write(write_step(step))
        return step

    def _find_limits(self, span: tuple[float, float]) -> tuple[str, ...]:
        """Say in which way the load itself gave way in a step, in as many of its equal parts as break a step."""
        parts = cut_span(span, int(self.plan.limit("step-parts")))
        found = [find_invalid(self.plan, self.tail, part) for part in parts]
        bad = [reasons for reasons in found if reasons]
        return bad[-1] if len(bad) >= self.plan.limit("step-bad-parts") else ()

    def _learn_normal(self, step: Step) -> None:
        """Take from the first step what is normal, if it holds."""
        p95 = self._read_p95(step.span)
        if step.load == self.tries.first and not step.broken and p95 is not None:
            self.normal_ms = find_normal(self.plan, p95)

    def _read_p95(self, span: tuple[float, float]) -> float | None:
        return self.tail.latencies(span).of_groups("reads", "writes").percentile(0.95)

    def _is_normal(self, second: int) -> bool:
        span = float(second), second + 1.0
        counts = count_requests(self.tail.rows(span))
        slow = is_slow(self.tail.latencies(span).of_groups("reads", "writes"), self.normal_ms)
        return counts.right > 0 and not slow and not fails(self.plan, counts)


def find_invalid(plan: Plan, tail: Tail, span: tuple[float, float]) -> tuple[str, ...]:
    """Say why the seconds of a span tell nothing of the services: the load itself gave way in them."""
    generator = tail.generator()
    checks = judge_generator(plan, generator, list(generator), span)
    reasons = tuple(check.reason for check in checks if check.verdict == INVALID)
    if lacking := count_not_sent(tail.rows(span)):
        reasons += (f"the load had no descriptor or port left for {lacking} requests",)
    return reasons


def plan_of(name: str, options: Any) -> Plan:
    """Return the plan that a scenario file has given to Locust as options."""

    def read(prefix: str, known: dict[str, Any]) -> dict[str, float]:
        given = {each: getattr(options, f"{prefix}-{each}".replace("-", "_")) for each in known}
        return {each: value for each, value in given.items() if value is not None}

    limits = read("limit", LIMITS)
    unit = options.search or "users"
    return Plan(
        name=name, question="", locustfile="", stages=plan_search(unit, limits), stop_timeout=0.0, write_share=None,
        objectives=read("objective", OBJECTIVES), limits=limits, search=unit,
    )  # fmt: skip
