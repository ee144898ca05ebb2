"""Answers whether each acknowledged write exists, once, as sent, and what a write costs."""

from analysis.checks.evidence import Evidence
from analysis.checks.guarantees import KINDS, WriteAudit, say_violations
from analysis.checks.series import cut, draw_values
from analysis.findings import CONTRACT, INCONCLUSIVE, Answer, Check, Figure, Table
from analysis.number_formats import say_count, say_number
from analysis.records.endpoints import group_of, title_of
from analysis.records.results_folder import is_catalogue

SHARES = (0.5, 0.95, 0.99)
LAG = "read_model_lag_seconds"


def answer_write_heavy(evidence: Evidence) -> Answer:
    """Count the writes and what they took; lost ones are judged for every scenario alike."""
    audit = evidence.audit
    cost = measure_cost(evidence)
    checks = []
    if not audit.acknowledged:
        reason = "No write was acknowledged, so nothing could be looked for."
        checks.append(Check("there were acknowledged writes", CONTRACT, INCONCLUSIVE, reason))
    writes = evidence.latencies_of("writes")
    p50, p95 = writes.percentile(0.5), writes.percentile(0.95)
    words = say_writes(audit)
    if p50 is not None and p95 is not None:
        words += f" The p50 of all writes is {say_number(p50, 'ms')}. The p95 of all writes is {say_number(p95, 'ms')}."
    source = evidence.file(".hlog")
    figures = Figure("p50 of all writes", p50, "ms", source), Figure("p95 of all writes", p95, "ms", source)
    note = "Nothing was killed and nothing cut off in this run. A write that is lost only then would not show."
    return Answer(words, tuple(checks), (*figures, *count_writes(evidence, audit)), (cost,), (note,))


def say_writes(audit: WriteAudit) -> str:
    """How many writes were acknowledged, and what became of them."""
    writes = say_count(audit.acknowledged, "acknowledged write")
    said = [f"The load has {writes} (to {say_count(audit.isbns, 'ISBN')})."]
    for kind in KINDS:
        if isbns := {violation.isbn for violation in audit.violations if violation.kind == kind}:
            said.append(f"{say_violations(kind, len(isbns))}.")
    if len(said) == 1:
        said.append("None was found lost, changed or done twice.")
    if audit.unread:
        said.append(f"{say_count(len(audit.unread), 'ISBN')} could not be read back.")
    if audit.unknown:
        said.append(f"The outcome of {say_count(audit.unknown, 'write')} is unknown.")
    return " ".join(said)


def count_writes(evidence: Evidence, audit: WriteAudit) -> tuple[Figure, ...]:
    """The writes by outcome, and how long the read model lagged behind MariaDB."""
    ledger, name = evidence.file("_ledger.jsonl"), evidence.plan.name
    return (
        Figure("writes", audit.sent, "", ledger),
        Figure("acknowledged", audit.acknowledged, "", ledger),
        Figure("refused", audit.refused, "", ledger),
        Figure("of unknown outcome", audit.unknown, "", ledger),
        Figure("ISBNs written to", audit.isbns, "", ledger),
        Figure("ISBNs in one of several states", len(audit.doubtful), "", ledger),
        find_lag(evidence),
        Figure("read model differed from MariaDB in the reading back for", audit.lag_s, "s", f"{name}_read_back.json"),
    )


def find_lag(evidence: Evidence) -> Figure:
    """The longest time that a change had waited for the read model, in any sample of the load."""
    lags = [cut(each, evidence.span) for each in draw_values(evidence.samples) if each.quantity == LAG]
    longest = max((value for lag in lags for _, value in lag.points), default=None)
    return Figure("longest lag of the read model in the load", longest, "s", f"{evidence.plan.name}_server.jsonl")


def measure_cost(evidence: Evidence) -> Table:
    """What the writes of each endpoint took, and for comparison all reads of the catalogue."""
    names = [name for name in evidence.latencies.names if is_catalogue(name)]
    groups = {title_of(name): [name] for name in names if group_of(name) == "writes"}
    groups["reads of the catalogue"] = [name for name in names if group_of(name) == "reads"]
    rows = []
    for title, members in groups.items():
        mine = evidence.latencies.of(members)
        rows.append((title, mine.answers, *(mine.percentile(share) for share in SHARES)))
    return Table(
        "What a write costs", ("request", "answers", "p50 ms", "p95 ms", "p99 ms"), tuple(rows), evidence.file(".hlog")
    )
