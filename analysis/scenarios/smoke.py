"""Answers whether every endpoint keeps its contract: how many endpoints were asked, and what they answered."""

from analysis.checks.evidence import Evidence
from analysis.findings import Answer, Figure
from analysis.number_formats import say_count


def answer_smoke(evidence: Evidence) -> Answer:
    """Count the endpoints and their answers; wrong ones are judged for every scenario alike."""
    source = evidence.file("_seconds.csv")
    asked = {name: counts for name, counts in evidence.endpoints.items() if counts.requests}
    right = sum(counts.right for counts in asked.values())
    requests = sum(counts.requests for counts in asked.values())
    figures = (
        Figure("routes and error paths asked", len(asked), "", source),
        Figure("kept the contract", right, "", source),
    )
    words = f"{say_count(right, 'answer')} kept the contract (of {requests:,}, on {len(asked)} routes and error paths)."
    note = f"At most {say_count(evidence.plan.users, 'user')} asked at a time. "
    note += "What breaks only under more load would not show."
    return Answer(words, (), figures, notes=(note,))
