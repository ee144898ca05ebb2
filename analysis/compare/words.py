"""Says in words what a comparison found: the answer, its reasons, and each ratio."""

from collections.abc import Sequence

from analysis.compare.judging import CANNOT_TELL, FASTER, INVALID, SAME, SLOWER, Finding
from analysis.compare.pairs import ALL
from analysis.findings import PASS, Check
from analysis.number_formats import NOTHING, say_share, show_number

WORST_FIRST = (INVALID, SLOWER, CANNOT_TELL, FASTER)
SMALL = 10  # per cent, below which a change has a decimal


def say_change(ratio: float | None) -> str:
    """`+9.8 %`: a ratio as a change; a dash where it is not known."""
    if ratio is None:
        return NOTHING
    change = round(100 * (ratio - 1), 1) + 0.0  # no -0.0
    return f"{change:+.1f} %" if abs(change) < SMALL else f"{change:+,.0f} %"


def say_interval(finding: Finding) -> str:
    """`+9.1 % to +10 %`."""
    return f"{say_change(finding.low)} to {say_change(finding.high)}" if finding.low or finding.high else "not known"


def say_finding(finding: Finding) -> str:
    """`processor time per answer +9.8 % (interval +9.1 % to +10 %); 2.1 ms on A and 2.3 ms on B`."""
    values = " and ".join(
        f"{show_value(value)} {finding.measure.unit} on {side}" for value, side in ((finding.a, "A"), (finding.b, "B"))
    )
    return f"{say_short(finding)} (interval {say_interval(finding)}); {values}"


def say_short(finding: Finding) -> str:
    """`processor time per answer +9.8 %`, `POST /api/books: p50 +30 %`."""
    scope = "" if finding.scope == ALL else f"{finding.scope}: "
    return f"{scope}{finding.measure.title} {say_change(finding.ratio)}"


def show_value(value: float | None) -> str:
    """A typical value with three digits that count."""
    return show_number(None if value is None else float(f"{value:.3g}"))


def say_answer(verdict: str, findings: Sequence[Finding], within: float, worse: Sequence[Finding] = ()) -> str:
    """The answer to "is B slower than A?", in a sentence or two; `worse` is worse on B, although not judged."""
    if verdict == INVALID:
        return "This is no answer, because the question was not asked properly."
    if verdict == SAME:
        together = "each judged measure of all endpoints together"
        return f"B is as fast as A: {together} differs by less than {say_share(within)}."
    if verdict == CANNOT_TELL and worse:
        shown = ", ".join(map(say_short, worse))
        return f"B is worse in what is not judged: {shown}. So B is neither the same nor faster."
    if verdict == CANNOT_TELL:
        found = [finding for finding in findings if (finding.verdict, finding.scope) == (verdict, ALL)]
        mine = ", ".join(f"{say_short(finding)} (interval {say_interval(finding)})" for finding in found)
        return f"The pairs do not tell whether B is slower than A: {mine}."
    words = f"B is {verdict.lower()} than A. {say_which(verdict, findings)}"
    if verdict == SLOWER and (faster := say_which(FASTER, findings)):
        words += f" The measures disagree. {faster}"
    return words


def say_which(verdict: str, findings: Sequence[Finding]) -> str:
    """`SLOWER: processor time per answer +9.8 %. SLOWER: p50 +8.5 %. SLOWER at GET /me, POST /login.`."""
    found = [finding for finding in findings if finding.verdict == verdict]
    sentences = [f"{verdict}: {say_short(finding)}." for finding in found if finding.scope == ALL]
    endpoints = ", ".join(finding.scope for finding in found if finding.scope != ALL)
    return " ".join([*sentences, *([f"{verdict} at {endpoints}."] if endpoints else [])])


def list_reasons(
    checks: Sequence[Check], findings: Sequence[Finding], worse: Sequence[Finding] = ()
) -> tuple[tuple[str, str], ...]:
    """(verdict, words) of all that was not fair and of all that differs, the worst first."""
    reasons = [(INVALID, check.reason) for check in checks if check.verdict != PASS]
    reasons += [(f.verdict, f"{say_finding(f)}.") for f in findings if f.verdict in (SLOWER, FASTER)]
    reasons += [(CANNOT_TELL, f"{say_finding(f)}: not judged, but worse.") for f in worse]
    return tuple(sorted(reasons, key=lambda reason: WORST_FIRST.index(reason[0])))
