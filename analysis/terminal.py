"""Prints the seven answers at the end of a run: a row a scenario, the answers, and why a verdict is not PASS."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.findings import WHOLE_LOAD, RunReport, ScenarioReport

COLOURS = {"PASS": "green", "FAIL": "red", "INVALID": "yellow", "INCONCLUSIVE": "yellow"}


def print_report(folder: Path, report: RunReport, console: Console) -> None:
    """Print the table, the answers with their reasons, what to know, the folder, the verdict and the page."""
    console.print(build_table(report.scenarios))
    console.print(Text(f"p50, p95, p99: milliseconds of {WHOLE_LOAD}"))
    for scenario in report.scenarios:
        console.print(say_answer(scenario))
    for note in report.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"\nResults in {folder}"), soft_wrap=True)
    partial = "" if report.complete else " (PARTIAL: not every planned scenario ran to its end)"
    verdict = Text(report.verdict, style=f"bold {COLOURS[report.verdict]}")
    console.print(Text.assemble("Verdict of the run: ", verdict, partial))
    console.print(Text(f"Report: {folder / 'report.html'}"), soft_wrap=True)


def say_answer(scenario: ScenarioReport) -> Text:
    """The answer of a scenario, and under it every reason against PASS."""
    lines = Text.assemble((f"\n{scenario.name}: ", "bold"), scenario.question or "", f"\n  {scenario.answer}")
    for check in scenario.against:
        lines.append(f"\n  {check.verdict}: {check.reason}", style=COLOURS[check.verdict or ""])
    return lines


def build_table(scenarios: tuple[ScenarioReport, ...]) -> Table:
    """A table of at most 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for title in ("users", "s", "reqs", "rps", "errors", "shed", "p50", "p95", "p99"):
        table.add_column(title, justify="right", no_wrap=True)
    for scenario in scenarios:
        got = scenario.achieved
        figures = [got["users"], got["seconds"], got["requests"], f"{got['rps']:.1f}", got["errors"], got["shed"]]
        latencies = ["-" if got[key] is None else f"{got[key]:.3g}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        verdict = Text(scenario.verdict, style=COLOURS[scenario.verdict])
        table.add_row(scenario.name, verdict, *map(str, figures), *latencies)
    return table
