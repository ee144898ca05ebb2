"""Judges one scenario: whether its question was asked properly, and if so whether the answer is good."""

import re
from dataclasses import dataclass

from analysis.curve import Curve
from analysis.findings import ENOUGH_ANSWERS, TOLERANCE_S, WORST_FIRST, Finding
from analysis.latency import Objective
from analysis.plan import Plan
from analysis.recovery import Recovery
from analysis.results import Failure, Results
from analysis.run import Outcome
from analysis.validity import judge_books, judge_exceptions, judge_load, judge_mix, judge_outcome

KINDS_NAMED = 3  # kinds of failures that a reason names


@dataclass(frozen=True)
class Evidence:
    """All that a scenario is judged by: what was planned, how it ended, and what was measured."""

    plan: Plan
    outcome: Outcome | None
    results: Results
    curve: Curve
    objectives: list[Objective]
    recovery: Recovery | None


def judge(evidence: Evidence) -> list[Finding]:
    """All findings of one scenario, worst first; objectives count only when the question was asked properly."""
    plan, results = evidence.plan, evidence.results
    if evidence.outcome is None and not results.history:
        return [Finding("INCONCLUSIVE", "did not run")]
    findings = [
        *judge_outcome(evidence.outcome, plan),
        *judge_load(plan, evidence.curve),
        *judge_mix(plan, results),
        *judge_errors(plan, results),
        *judge_exceptions(plan, results),
        *judge_amount(results),
        *judge_books(results),
    ]
    if not any(finding.verdict == "INVALID" for finding in findings):
        findings += judge_shed(plan, results)
        findings += judge_latency(evidence.objectives)
        findings += judge_recovery(plan, evidence.recovery)
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.verdict))


def judge_errors(plan: Plan, results: Results) -> list[Finding]:
    """FAIL for any 500 or other wrong answer, and for more errors than the objective allows (none by default)."""
    errors = [failure for failure in results.failures if not failure.is_shed]
    requests = results.total.requests if results.total else 0
    allowed = plan.objectives.get("error-ratio", 0.0)
    findings = []
    if results.errors > allowed * requests or any(failure.was_answered for failure in errors):
        share = f"{results.errors} of {requests} requests failed ({results.errors / max(requests, 1):.2%})"
        findings.append(Finding("FAIL", f"{share}: {_name_kinds(errors)}"))
    internal = sum(failure.count for failure in errors if re.match(r"500\b", failure.text))
    if internal:
        findings.append(Finding("FAIL", f"{internal} answers were 500"))
    return findings


def _name_kinds(failures: list[Failure]) -> str:
    most = sorted(failures, key=lambda failure: (-failure.count, failure.method, failure.name, failure.text))
    named = [f"{f.count} x {f.method} {f.name}: {' '.join(f.text.split())[:120]}" for f in most[:KINDS_NAMED]]
    if len(most) > KINDS_NAMED:
        named.append(f"and {len(most) - KINDS_NAMED} other kinds")
    return "; ".join(named) or "which, the failures file does not say"


def judge_amount(results: Results) -> list[Finding]:
    """INCONCLUSIVE below 20 answers."""
    answers = results.total.requests if results.total else 0
    if answers >= ENOUGH_ANSWERS:
        return []
    return [Finding("INCONCLUSIVE", f"{answers} answers are too few to tell; {ENOUGH_ANSWERS} are needed")]


def judge_shed(plan: Plan, results: Results) -> list[Finding]:
    """FAIL when a larger share was refused with 503 or 429 than the objective allows."""
    limit = plan.objectives.get("shed-ratio")
    if limit is None or results.total is None or results.shed <= limit * results.total.requests:
        return []
    share = f"{results.shed} of {results.total.requests} requests were refused (503 or 429)"
    return [Finding("FAIL", f"{share}: {results.shed / results.total.requests:.2%}, objective {limit:.2%}")]


def judge_latency(objectives: list[Objective]) -> list[Finding]:
    """FAIL for each p95 above its objective; INCONCLUSIVE when not one of them could be judged."""
    if objectives and all(objective.held is None for objective in objectives):
        return [Finding("INCONCLUSIVE", "too few answers to judge any latency by")]
    return [
        Finding("FAIL", f"{o.title}: p95 {o.p95_ms:g} ms, objective {o.limit_ms:g} ms ({o.answers} answers)")
        for o in objectives
        if o.held is False
    ]


def judge_recovery(plan: Plan, recovery: Recovery | None) -> list[Finding]:
    """FAIL when p95 was not normal within the objective, INCONCLUSIVE when the run ended too early to tell."""
    limit = plan.objectives.get("recovery-seconds")
    if limit is None:
        return []
    if recovery is None:
        return [Finding("INCONCLUSIVE", "the history has no p95 before or after the spike")]
    if recovery.seconds is not None and recovery.seconds <= limit:
        return []
    seen = f"{recovery.seconds} s" if recovery.seconds is not None else f"not in {recovery.watched} s"
    reason = f"p95 at most {recovery.normal_ms:g} ms again after the spike: {seen}, objective {limit:g} s"
    too_early = recovery.began or recovery.watched < limit - TOLERANCE_S
    if recovery.seconds is None and too_early:
        return [Finding("INCONCLUSIVE", f"{reason}; the run ended too early to tell")]
    return [Finding("FAIL", reason)]
