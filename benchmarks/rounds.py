"""The two tables of the speed: the rates of all cases over the rounds, and what is compared."""

from collections.abc import Sequence
from statistics import median

from benchmarks.cases import Case, Comparison, list_comparisons
from benchmarks.table import Table, judge, show
from benchmarks.wrk import Result

Round = dict[str, Result]  # by the key of the case
OF_ROUNDS = (
    "Each round measures every case once, every other one backwards. A figure is the median over the rounds; behind it,"
    " in brackets, stand the lowest and the highest of all rounds."
)
OF_RATIOS = f"{OF_ROUNDS} A ratio is made within a round."


def make_rates(cases: Sequence[Case], rounds: Sequence[Round], origin: str) -> Table:
    """Return the table of rates, a row a case."""
    rows = [write_rate(case, [each[case.key] for each in rounds]) for case in cases]
    return Table("Rates per second", f"{origin}\n\n{OF_ROUNDS}", ["case", "per second", "note"], rows)


def write_rate(case: Case, results: Sequence[Result]) -> list[str]:
    """Return the row of one case; with one invalid measurement it is invalid."""
    faults = [each.fault for each in results if each.fault]
    notes = [each.note for each in sorted(results, key=lambda each: not each.disturbed) if each.note]
    spread = show([each.per_second for each in results], ",.0f" if results[0].per_second >= 100 else ",.2f")
    return [case.title, f"**INVALID** {spread}", faults[0]] if faults else [case.title, spread, *(notes or [""])[:1]]


def make_ratios(rounds: Sequence[Round], origin: str) -> Table:
    """Return the table of ratios, without those of cases that were not measured."""
    measured = [each for each in list_comparisons() if each.case in rounds[0] and each.base in rounds[0]]
    rows = [write_ratio(each, rounds) for each in measured]
    return Table("Ratios", f"{origin}\n\n{OF_RATIOS}", ["compared", "ratio", "bar", "verdict"], rows)


def write_ratio(comparison: Comparison, rounds: Sequence[Round]) -> list[str]:
    """Return the row of one comparison."""
    pairs = [(each[comparison.case], each[comparison.base]) for each in rounds]
    bar = "" if comparison.bar is None else f"≥ {comparison.bar:.2f}"
    if any(case.fault or base.fault for case, base in pairs):
        return [comparison.title, "", bar, "a measurement is invalid"]
    ratios = [case.per_second / base.per_second for case, base in pairs]
    verdict = "" if comparison.bar is None else judge(median(ratios), comparison.bar)
    if disturbed := sum(case.disturbed or base.disturbed for case, base in pairs):
        verdict = f"**not judged**: disturbed in {disturbed} of {len(pairs)} rounds"
    return [comparison.title, show(ratios, ".2f"), bar, verdict]
