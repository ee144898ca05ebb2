"""The two tables of the speed: the rates of all cases over the rounds, and what is compared."""

from collections.abc import Sequence
from statistics import median

from benchmarks.cases import Case, Comparison, list_comparisons
from benchmarks.table import Table, judge, show
from benchmarks.wrk import Result

Round = dict[str, Result]  # by the key of the case
OF_ROUNDS = (
    "Each round measures every case once. A figure is the median over the rounds; behind it, in brackets, stand the"
    " lowest and the highest of all rounds."
)
OF_COSTS = (
    "Beside the rate stands the processor time that an answer took, in µs: of the service, all its processes, and of"
    " Redis."
)
OF_RATIOS = (
    f"{OF_ROUNDS} A ratio is made within a round. By processor time it is what the base takes for an answer over what"
    " the case takes, without the stores."
)
INVALID = "a measurement is invalid"
RATES = ["case", "per second", "µs of the service", "µs of Redis", "note"]
RATIOS = ["compared", "by rate", "bar", "verdict", "by processor time", "its bar", "its verdict"]


def make_rates(cases: Sequence[Case], rounds: Sequence[Round], origin: str) -> Table:
    """Return the table of rates, a row a case."""
    rows = [write_rate(case, [each[case.key] for each in rounds]) for case in cases]
    return Table("Rates per second", f"{origin}\n\n{OF_ROUNDS} {OF_COSTS}", RATES, rows)


def write_rate(case: Case, results: Sequence[Result]) -> list[str]:
    """Return the row of one case; with one invalid measurement it is invalid."""
    faults = [each.fault for each in results if each.fault]
    spread = show([each.per_second for each in results], ",.0f" if results[0].per_second >= 100 else ",.2f")
    if faults:
        return [case.title, f"**INVALID** {spread}", "", "", faults[0]]
    costs = ([each.cost_us for each in results], [each.redis_us for each in results])
    return [case.title, spread, *(show(cost, ",.0f") if any(cost) else "" for cost in costs), write_notes(results)]


def write_notes(results: Sequence[Result]) -> str:
    """Return what is to be known of all measurements of a row, each once; of invalid ones their faults alone."""
    faults = dict.fromkeys(each.fault for each in results if each.fault)
    notes = dict.fromkeys(each.note for each in results if each.note)
    return f"**INVALID** {'; '.join(faults)}" if faults else "; ".join(notes)


def make_ratios(rounds: Sequence[Round], origin: str) -> Table:
    """Return the table of ratios, without those of cases that were not measured."""
    measured = [each for each in list_comparisons() if each.case in rounds[0] and each.base in rounds[0]]
    rows = [write_ratio(each, rounds) for each in measured]
    return Table("Ratios", f"{origin}\n\n{OF_RATIOS}", RATIOS, rows)


def write_ratio(comparison: Comparison, rounds: Sequence[Round]) -> list[str]:
    """Return the row of one comparison."""
    pairs = [(each[comparison.case], each[comparison.base]) for each in rounds]
    bars = (comparison.bar, comparison.cost_bar)
    if any(case.fault or base.fault for case, base in pairs):
        invalid = [["", write_bar(bar), INVALID if bar else ""] for bar in bars]
        return [comparison.title, *invalid[0], *invalid[1]]
    rates = [case.per_second / base.per_second for case, base in pairs]
    costs = [base.cost_us / case.cost_us for case, base in pairs if case.cost_us and base.cost_us]
    disturbed = sum(case.disturbed or base.disturbed for case, base in pairs)
    words = f"**not judged**: disturbed in {disturbed} of {len(pairs)} rounds" if disturbed else ""
    return [comparison.title, *write_side(rates, bars[0], words), *write_side(costs, bars[1], words)]


def write_side(ratios: Sequence[float], bar: float | None, doubt: str) -> list[str]:
    """Return ratio, bar and verdict; `doubt` takes the place of a verdict."""
    if not ratios:
        return ["", "", ""]
    verdict = doubt or judge(median(ratios), bar) if bar else ""
    return [show(ratios, ".2f"), write_bar(bar), verdict]


def write_bar(bar: float | None) -> str:
    """Return a bar in words, nothing for none."""
    return f"≥ {bar:.2f}" if bar else ""
