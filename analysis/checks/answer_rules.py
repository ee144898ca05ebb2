"""Holds what the services answered against their contract: no wrong answer, no 500, few refusals; and enough of it."""

import re

from analysis.findings import CONTRACT, INCONCLUSIVE, PERFORMANCE, Check, Figure, make_check
from analysis.number_formats import say_count, say_share
from analysis.plan.plan import Plan
from analysis.records.counts import Counts
from analysis.records.failures import SHED, WRONG
from analysis.records.locust_files import Failure, Results

KINDS_NAMED = 3  # kinds of failures that a reason names


def judge_errors(plan: Plan, counts: Counts, results: Results, source: str) -> list[Check]:
    """FAIL for any 500 or other wrong answer; and, as a matter of performance, for more requests without an answer than
    the objective allows (none usually): a generator that stands still loses requests by itself.
    """
    errors = [failure for failure in results.failures if failure.kind != SHED]
    internal = sum(failure.count for failure in errors if re.match(r"500\b", failure.text))
    failed, requests = count_errors(counts, results), max(counts.requests, results.requests)
    answered = counts.wrong or any(failure.kind == WRONG for failure in errors)
    share = f"{say_share(failed / max(requests, 1))} of {requests:,}"
    said = f"{say_count(failed, 'request')} failed ({share}): {_name_kinds(errors)}."
    reason = said if answered else ""
    too_many = failed > (plan.objective("error-ratio") or 0.0) * requests and not answered
    no_500 = f"{say_count(internal, 'answer')} had status 500." if internal else ""
    failures = f"{plan.name}_failures.csv"
    count = Figure("errors", failed, "", source)
    return [
        make_check("every answer kept the contract", CONTRACT, reason, count),
        make_check("requests were answered", PERFORMANCE, said if too_many else "", count),
        make_check("no answer was a 500", CONTRACT, no_500, Figure("answers with 500", internal, "", failures)),
    ]


def count_errors(counts: Counts, results: Results) -> int:
    """Errors in the seconds or as Locust counted them: the larger number, because a file may be cut off.

    What the load itself finds out, as that no walk of the smoke got to its end, is known to Locust alone.
    """
    return max(counts.errors, results.errors)


def _name_kinds(failures: list[Failure]) -> str:
    most = sorted(failures, key=lambda failure: (-failure.count, failure.method, failure.name, failure.text))
    named = [f"{f.method} {f.name}: {_make_printable(f.text)[:120]} ({f.count:,} x)" for f in most[:KINDS_NAMED]]
    if len(most) > KINDS_NAMED:
        named.append(f"other kinds ({len(most) - KINDS_NAMED})")
    return "; ".join(named) or "the failures file does not say which"


def _make_printable(text: str) -> str:
    # Services may answer anything: control characters would break junit.xml and the terminal.
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))


def judge_amount(plan: Plan, counts: Counts, source: str) -> Check:
    """INCONCLUSIVE below 20 answers."""
    few = plan.limit("few-answers")
    reason = ""
    if counts.requests < few:
        reason = f"There are too few answers to judge by ({counts.requests}; {few:g} are needed)."
    answers = Figure("answers", counts.requests, "", source)
    return make_check("there were answers to judge by", CONTRACT, reason, answers, verdict=INCONCLUSIVE)


def judge_shed(plan: Plan, counts: Counts, source: str, where: str = "", what: str = "request") -> list[Check]:
    """FAIL when a larger share of the requests, or of `what`, was refused with 503 or 429 than the objective allows."""
    limit = plan.objective("shed-ratio")
    if limit is None:
        return []
    share = counts.shed / max(counts.requests, 1)
    reason = ""
    if share > limit:
        shed = f"{say_share(share, beside=limit)} of {counts.requests:,}, objective {say_share(limit)}"
        reason = f"The services refused {say_count(counts.shed, what)}{where} with 503 or 429 ({shed})."
    return [make_check("few requests were refused", PERFORMANCE, reason, Figure("shed", round(share, 6), "", source))]
