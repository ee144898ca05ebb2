"""What can speak against PASS, which verdict wins, and every threshold of the rules that is no objective."""

from dataclasses import dataclass

WORST_FIRST = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")
TOLERANCE = 0.05  # by which users or seconds may leave the plan,
TOLERANCE_S = 2.0  # or by so many seconds, whichever is larger
MIX_CONFIDENCE = 0.999
ENOUGH_ANSWERS = 20  # below, a 95th percentile is only the slowest answer
ENDPOINT_ANSWERS = 100  # from here on an endpoint is judged alone
STEADY_S = 5  # after a spike, p95 is normal when it is for so many seconds running
NORMAL_FACTOR = 2.0  # at most so many times that before the spike,
NORMAL_MS = 20.0  # or at most this


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against PASS."""

    verdict: str
    reason: str


def worst(verdicts: list[str]) -> str:
    """The verdict that wins: FAIL over INVALID over INCONCLUSIVE over PASS."""
    return min(verdicts, key=WORST_FIRST.index, default="PASS")
