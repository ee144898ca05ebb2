"""The table at the end: fault, bound, measured, verdict; in Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.findings import Control, Experiment, Finding
from tests.faults.quiet import DISTURBED


class Result(NamedTuple):
    """What came of one experiment: the findings on the product, or why there are none, and those on each control."""

    experiment: Experiment
    findings: list[Finding]
    controls: list[tuple[Control, list[Finding]]]
    broken: str = ""
    others: float = 0  # cores that other programs had meanwhile

    @property
    def holds(self) -> bool:
        """Tell whether all that was promised was found, and every control was seen to fail."""
        seen = all(seen_to_fail(control, findings) for control, findings in self.controls)
        return seen and not self.broken and all(each.holds for each in self.findings)


def find_failed(control: Control, findings: Sequence[Finding]) -> list[Finding]:
    """Return the first finding that failed for each check that has to fail without the protection."""
    failed = [[each for each in findings if each.what.startswith(start) and not each.holds] for start in control.fails]
    return [found[0] for found in failed if found]


def seen_to_fail(control: Control, findings: Sequence[Finding]) -> bool:
    """Tell whether all the checks failed that have to."""
    return len(find_failed(control, findings)) == len(control.fails)


def write_table(results: Sequence[Result], title: str) -> str:
    """Return the table."""
    lines = [title, "", "| | fault | what | bound | measured | verdict |", "|---|---|---|---|---|---|"]
    for result in results:
        name, fault = result.experiment.name, result.experiment.fault
        if result.broken:
            lines.append(f"| {name} | {fault} | | | {result.broken} | **broke** |")
        for finding in result.findings:
            verdict = "holds" if finding.holds else "**FAILS**"
            cells = (name, fault, finding.what, finding.bound, finding.measured, verdict)
            lines.append("| " + " | ".join(each.replace("|", "/") for each in cells) + " |")
        for control, findings in result.controls:
            lines.append(write_control(name, control, findings))
        if not result.broken:
            lines.append(write_others(name, result.others))
    return "\n".join(lines)


def write_others(name: str, cores: float) -> str:
    """Return the line that says whether the machine was quiet."""
    verdict = "quiet" if cores < DISTURBED else "**disturbed**"
    return f"| {name} | | other programs meanwhile | < {DISTURBED} cores | {cores:.2f} cores | {verdict} |"


def write_control(name: str, control: Control, findings: Sequence[Finding]) -> str:
    """Return the line of a control."""
    shown = find_failed(control, findings) or [each for each in findings if each.what.startswith(control.fails)]
    what, bound, measured = ("; ".join(parts) for parts in zip(*(each[:3] for each in shown), strict=True))
    verdict = "seen to fail" if seen_to_fail(control, findings) else "**NOT SEEN TO FAIL**"
    cells = (name, f"control: without {control.without}", what, bound, measured, verdict)
    return "| " + " | ".join(each.replace("|", "/") for each in cells) + " |"
