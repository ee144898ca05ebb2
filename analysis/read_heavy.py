"""Answers whether reads keep their objective, and what share of them the read model answered."""

from analysis.endpoints import group_of, is_catalogue
from analysis.evidence import Evidence
from analysis.findings import Answer, Figure
from analysis.series import add_rises, draw_values


def answer_read_heavy(evidence: Evidence) -> Answer:
    """Measure the reads; their objectives are judged for every scenario alike."""
    source = evidence.file(".hlog")
    reads = evidence.latencies_of("reads")
    figures = tuple(
        Figure(f"{name} of all reads", reads.percentile(share), "ms", source)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    words = f"reads take {' / '.join(_say(figure.value) for figure in figures)} ms (p50 / p95 / p99)"
    share = measure_share(evidence)
    if share.value is not None:
        words += f"; {float(share.value):.1%} of the catalogue reads came from the read model"
    answers = f"{evidence.plan.limit('endpoint-answers'):g}"
    note = f"objectives: endpoints with fewer than {answers} answers are held against theirs together, not one by one"
    return Answer(words, (), (*figures, share), notes=(note,))


def _say(value: float | int | str | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def measure_share(evidence: Evidence) -> Figure:
    """The share of catalogue reads that the read model answered: those that the service did not count as misses."""
    source = f"{evidence.plan.name}_server.jsonl, {evidence.file('_seconds.csv')}"
    name = "catalogue reads answered from the read model"
    settings = evidence.run.facts.get("services", {}).get("books", {}).get("settings", {})
    reads = sum(
        counts.right
        for endpoint, counts in evidence.endpoints.items()
        if is_catalogue(endpoint) and group_of(endpoint) == "reads"
    )
    misses = [each for each in draw_values(evidence.samples) if each.quantity == "read_model_misses_total"]
    if settings.get("read_model") == "sql":
        return Figure(name, 0.0, "", "run.json")
    if not reads or not misses:
        return Figure(name, None, "", source)
    missed = sum(add_rises(series, evidence.span) for series in misses)
    return Figure(name, round(max(0.0, 1 - missed / reads), 6), "", source)
