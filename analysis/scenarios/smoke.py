"""Answers whether every endpoint keeps its contract: how many endpoints were asked, and what they answered."""

from analysis.checks.evidence import Evidence
from analysis.findings import Answer, Figure


def answer_smoke(evidence: Evidence) -> Answer:
    """Count the endpoints and their answers; wrong ones are judged for every scenario alike."""
    source = evidence.file("_seconds.csv")
    asked = {name: counts for name, counts in evidence.endpoints.items() if counts.requests}
    right = sum(counts.right for counts in asked.values())
    requests = sum(counts.requests for counts in asked.values())
    figures = Figure("routes and error paths asked", len(asked), "", source), Figure("as promised", right, "", source)
    words = f"{right} of {requests} answers on {len(asked)} routes and error paths were as promised"
    note = f"contract: asked by {evidence.plan.users} users at most; what breaks only under more load would not show"
    return Answer(words, (), figures, notes=(note,))
