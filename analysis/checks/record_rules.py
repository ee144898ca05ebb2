"""Says whether what was written down can be believed: lines that are cut off, or hold numbers that cannot be."""

from analysis.checks.evidence import Evidence
from analysis.findings import VALIDITY, Check, Figure, hold

OF_LOCUST = ("_stats.csv", "_failures.csv", "_exceptions.csv", "_requests.json")


def judge_damage(evidence: Evidence) -> Check:
    """INVALID when over 1 % of the lines of a file are damaged; of the samples of the services 5 %, as of missing ones.
    INVALID too when a file of Locust is missing; for the other files rules of their own look at what is in them.

    A damaged line is left out and named; whether that much is left to judge by, the other rules say too.
    """
    plan, gaps, found = evidence.plan, evidence.gaps, []
    for file, damaged in sorted(gaps.damaged.items()):
        lines = max(gaps.lines[file], damaged)
        limit = "missing-ratio" if file.endswith("_server.jsonl") else "unrecorded-ratio"
        if damaged > plan.limit(limit) * lines:
            found.append(f"{damaged} of {lines} lines of {file}")
    missing = [file for file in gaps.missing if file.endswith(OF_LOCUST)]
    reason = f"lines that are cut off or cannot be: {'; '.join(found)}" if found else ""
    if missing:
        reason = "; ".join([*([reason] if reason else []), f"missing: {', '.join(missing)}"])
    files = ", ".join(sorted(gaps.damaged)) or evidence.file("_seconds.csv")
    figure = Figure("damaged lines", sum(gaps.damaged.values()), "", files)
    return hold("what was written down is whole", VALIDITY, reason, figure)
