"""Answers whether reads keep their objective, and whether it was the read model that answered them."""

from analysis.checks.evidence import Evidence
from analysis.checks.series import add_rises, covers, draw_values
from analysis.findings import FAIL, INCONCLUSIVE, PASS, PERFORMANCE, Answer, Check, Figure
from analysis.number_formats import say_number, say_share
from analysis.records.endpoints import group_of
from analysis.records.results_folder import is_catalogue


def answer_read_heavy(evidence: Evidence) -> Answer:
    """Judge the share of the read model; the objectives of reads are judged for every scenario alike."""
    source = evidence.file(".hlog")
    reads = evidence.latencies_of("reads")
    figures = tuple(
        Figure(f"{name} of all reads", reads.percentile(share), "ms", source)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    words = " ".join(f"The {f.name} is {say_number(float(f.value), 'ms')}." for f in figures if f.value is not None)
    words = words or "No read was answered right."
    share = measure_share(evidence)
    if share.value is not None:
        words += f" The read model answered {say_share(float(share.value))} of the catalogue reads."
    answers = f"{evidence.plan.limit('endpoint-answers'):g}"
    notes = []
    if uses_sql(evidence):
        notes.append("The share of the read model is not judged, because the books service has READ_MODEL=sql.")
    note = f"Rare endpoints are judged together, not each alone (fewer than {answers} answers each)."
    return Answer(words, (judge_share(evidence, share),), (*figures, share), notes=(*notes, note))


def uses_sql(evidence: Evidence) -> bool:
    """Whether the books service said that it has no read model: READ_MODEL=sql."""
    return bool(evidence.run.settings("books").get("read_model") == "sql")


def judge_share(evidence: Evidence, share: Figure) -> Check:
    """FAIL when fewer reads than the objective came from the read model; not judged with READ_MODEL=sql."""
    name = "reads came from the read model"
    given = evidence.plan.objectives.get("read-model-share")
    wanted = 0.0 if given is None and uses_sql(evidence) else evidence.plan.objective("read-model-share") or 0.0
    figures = share, Figure("objective", wanted, "", "run.json")
    if share.value is None:
        reason = "Nothing says how many reads came from the read model."
        return Check(name, PERFORMANCE, PASS if not wanted else INCONCLUSIVE, "" if not wanted else reason, figures)
    if float(share.value) >= wanted:
        return Check(name, PERFORMANCE, PASS, "", figures)
    answered = f"{say_share(float(share.value), beside=wanted)} of the catalogue reads"
    reason = f"The read model answered {answered} (objective {say_share(wanted)})."
    return Check(name, PERFORMANCE, FAIL, reason, figures)


def measure_share(evidence: Evidence) -> Figure:
    """The share of catalogue reads that the read model answered, because the service did not count them as misses."""
    source = f"{evidence.plan.name}_server.jsonl, {evidence.file('_seconds.csv')}"
    name = "catalogue reads answered from the read model"
    reads = sum(
        counts.right
        for endpoint, counts in evidence.endpoints.items()
        if is_catalogue(endpoint) and group_of(endpoint) == "reads"
    )
    misses = [each for each in draw_values(evidence.samples) if each.quantity == "read_model_misses_total"]
    if uses_sql(evidence):
        return Figure(name, 0.0, "", "run.json")
    if not reads or not misses:
        return Figure(name, None, "", source)
    if not all(covers(series, evidence.span, evidence.plan.limit("missing-seconds") + 1) for series in misses):
        return Figure(name, None, "", source)
    missed = sum(add_rises(series, evidence.span) for series in misses)
    return Figure(name, round(max(0.0, 1 - missed / reads), 6), "", source)
