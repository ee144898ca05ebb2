"""Judges one scenario: whether its question was asked properly, and if so whether the answer is good."""

from collections.abc import Callable
from dataclasses import replace

from analysis.checks.answer_rules import judge_amount, judge_errors, judge_shed
from analysis.checks.arrival_rules import judge_arrivals
from analysis.checks.balance_rules import judge_balance
from analysis.checks.evidence import Evidence
from analysis.checks.generator_rules import judge_generator
from analysis.checks.guarantees import judge_guarantees, judge_reading
from analysis.checks.load_rules import judge_data, judge_end, judge_exceptions, judge_mix, judge_seconds, judge_users
from analysis.checks.machine_rules import judge_machines
from analysis.checks.objectives import judge_longest, judge_objectives, judge_question
from analysis.checks.record_rules import judge_damage, judge_ledger, judge_outcomes, judge_recording
from analysis.checks.server_rules import judge_clocks, judge_samples
from analysis.checks.standstill_rules import find_silence, judge_standstills
from analysis.checks.worker_rules import judge_workers
from analysis.findings import CONTRACT, INCONCLUSIVE, INVALID, PASS, PERFORMANCE, VALIDITY, Answer, Check
from analysis.number_formats import say_share
from analysis.records.counts import count_requests
from analysis.scenarios.arrivals import answer_arrivals
from analysis.scenarios.baseline import answer_baseline
from analysis.scenarios.break_point import answer_break_point
from analysis.scenarios.read_heavy import answer_read_heavy
from analysis.scenarios.smoke import answer_smoke
from analysis.scenarios.soak import answer_soak
from analysis.scenarios.spike import answer_spike
from analysis.scenarios.stages import answer_stages
from analysis.scenarios.write_heavy import answer_write_heavy

ANSWERS: dict[str, Callable[[Evidence], Answer]] = {
    "smoke": answer_smoke,
    "baseline": answer_baseline,
    "read_heavy": answer_read_heavy,
    "write_heavy": answer_write_heavy,
    "stages": answer_stages,
    "soak": answer_soak,
    "spike": answer_spike,
    "break_point": answer_break_point,
    "arrivals": answer_arrivals,
}
RARE = 3  # so many events must be expected to see at least one with 95 % confidence
NOT_ASKED = "The question was not asked properly."
DID_NOT_RUN = "The scenario did not run."


def judge(evidence: Evidence, books_at_start: int | None) -> Answer:
    """The answer of a scenario with all its checks: the checks of every scenario, and the checks of its own question.

    `books_at_start` is the number of books before the first scenario of the run. What is about performance is not
    judged when the question was not asked properly.
    """
    if not evidence.ran:
        return Answer(DID_NOT_RUN, (Check("it ran", VALIDITY, INCONCLUSIVE, DID_NOT_RUN),))
    answer = ANSWERS[evidence.plan.name](evidence) if evidence.plan.name in ANSWERS else Answer("")
    validity = judge_validity(evidence, books_at_start)
    checks = [*validity, *judge_contract(evidence), *judge_performance(evidence), *answer.checks]
    if any(check.kind == VALIDITY and check.verdict == INVALID for check in checks):
        checks = [leave_unjudged(check) for check in checks]
    counts = count_requests(evidence.rows)
    has_fault = any(check.kind == CONTRACT and check.verdict not in (None, PASS) for check in checks)
    notes = () if has_fault or counts.errors or counts.shed else say_undetectable(counts.requests)
    return replace(answer, checks=tuple(checks), notes=(*answer.notes, *notes))


def say_undetectable(requests: int) -> list[str]:
    """How rare a fault must be to stay unseen among so many requests without a fault.

    The rule of three: Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?" (1983).
    """
    if requests < RARE:
        return []
    rarest = f"{say_share(RARE / requests)} of the requests"
    return [f"A fault that hits less than {rarest} may not have shown (none hit any of {requests:,} requests)."]


def judge_validity(evidence: Evidence, books_at_start: int | None) -> list[Check]:
    """Whether the question was asked properly."""
    plan, seconds, latencies = evidence.plan, evidence.file("_seconds.csv"), evidence.file(".hlog")
    counts, ledger = count_requests(evidence.rows), evidence.file("_ledger.jsonl")
    return [
        judge_end(plan, evidence.end),
        judge_seconds(plan, evidence.curve),
        *judge_load(evidence),
        *judge_mix(plan, evidence.endpoints, seconds),
        judge_ledger(plan, evidence.endpoints, len(evidence.writes), ledger),
        judge_outcomes(plan, evidence.endpoints, evidence.writes, ledger),
        judge_exceptions(plan, evidence.results.exceptions),
        judge_recording(plan, evidence.results, counts, evidence.latencies.answers, (seconds, latencies)),
        judge_damage(evidence),
        *judge_generator(
            plan, evidence.generator, evidence.run.parts, evidence.span, [step.span for step in evidence.search.judged]
        ),
        *judge_machines(evidence),
        *judge_samples(plan, evidence.samples, evidence.span, find_silence(evidence), evidence.run.sources),
        *judge_clocks(plan, evidence.samples, evidence.run.sources),
        judge_data(plan.name, evidence.data, books_at_start, evidence.run.urls),
    ]


def judge_load(evidence: Evidence) -> list[Check]:
    """Whether the load was there: users whose time adds up, or in an open load the arrivals."""
    if evidence.plan.is_open:
        return judge_arrivals(evidence)
    return [judge_users(evidence.plan, evidence.curve), *judge_balance(evidence)]


def judge_contract(evidence: Evidence) -> list[Check]:
    """What fails any scenario: wrong answers, broken guarantees of writes, worker processes that start or end."""
    plan, source = evidence.plan, evidence.file("_seconds.csv")
    counts = count_requests(evidence.rows)
    checks = [*judge_errors(plan, counts, evidence.results, source), judge_amount(plan, counts, source)]
    checks += judge_workers(plan, evidence.samples, evidence.span, evidence.run.sources)
    if evidence.writes:
        read_back = f"{plan.name}_read_back.json"
        sources = f"{evidence.file('_ledger.jsonl')}, {read_back}"
        checks += judge_guarantees(evidence.audit, sources, evidence.gaps.unsent)
        checks.append(judge_reading(evidence.audit, read_back, needed=plan.name == "write_heavy"))
    return checks


def judge_performance(evidence: Evidence) -> list[Check]:
    """The objectives of the whole load; the spike judges latency and refusals part by part, in its own file."""
    plan, source = evidence.plan, evidence.file(".hlog")
    if plan.search:  # its steps are judged one by one, and some of them are to break
        return []
    checks = [*judge_question(plan), judge_longest(plan, evidence.latencies, source), judge_standstills(evidence)]
    if plan.name == "spike":
        return checks
    counts = count_requests(evidence.rows)
    return [
        *judge_shed(plan, counts, evidence.file("_seconds.csv")),
        *judge_objectives(plan, evidence.latencies, source),
        *checks,
    ]


def leave_unjudged(check: Check) -> Check:
    """A check about performance without its verdict; any other as it is."""
    if check.kind != PERFORMANCE:
        return check
    return replace(check, verdict=None, reason=NOT_ASKED)
