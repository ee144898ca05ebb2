"""Every number that docs/break_point.md gives of the search is that of the scenario files."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CASES = [
    "takes up to {minutes:.0f} minutes, with `--quick` up to {quick[minutes]:.0f}",
    "at no more than {limit-step-ramp-ratio:.0%} of them a second",
    "settle for {limit-step-settle-seconds:.0f} s",
    "measured for {limit-step-measure-seconds:.0f} s (quick {quick[limit-step-measure-seconds]:.0f} s)",
    "has {limit-search-first:.0f} users (quick {quick[limit-search-first]:.0f})",
    "until the two are within {limit-search-width:.0%} of each other",
    "not normal again within {objective-recovery-seconds:.0f} s",
    "over {limit-step-failed-ratio:.0%} of the reads or of the writes",
    "than chance allows (in {limit-step-chance:.0%} of steps)",
    "less than {limit-step-asked-ratio:.0%} of what they would ask for",
    "under {limit-step-asked-ratio:.0%} of the arrivals",
    "from {limit-step-login-answers:.0f} on they are judged",
    "over {limit-step-login-answers:.0f} times the objective",
    "ends at {limit-search-most:,.0f} users",
]


def read_limits(name: str) -> dict[str, float]:
    """The numbers of a scenario file by option."""
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(" = ")[::2] for line in lines)
    limits = {option: float(value) for option, value in pairs if value.replace(".", "", 1).isdecimal()}
    return {**limits, "minutes": limits["limit-search-seconds"] / 60}


@pytest.mark.parametrize("case", CASES)
def test_the_document_gives_the_numbers_of_the_scenario_files(case: str) -> None:
    """In the words of the document, which would have to change with the files."""
    limits = {**read_limits("scenarios/break_point.conf"), "quick": read_limits("scenarios/quick/break_point.conf")}
    text = " ".join((PROJECT / "docs/break_point.md").read_text(encoding="utf-8").split())
    assert case.format_map(limits).replace("%", " %").casefold() in text.casefold()
