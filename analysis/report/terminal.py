"""Prints the answers at the end of a run: a row a scenario, the answers, and why a verdict is not PASS."""

from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.findings import WHOLE_LOAD, RunReport, ScenarioReport
from analysis.number_formats import show_number

COLOURS = {"PASS": "green", "FAIL": "red", "INVALID": "yellow", "INCONCLUSIVE": "yellow"}
COLUMNS = ("scenario", "verdict", "users", "s", "reqs", "rps", "errors", "shed", "p50", "p95", "p99")
TEXTS = 2  # of these are text, the others numbers


def print_report(folder: Path, report: RunReport, console: Console) -> None:
    """Print the table, the answers with their reasons, what to know, the folder, the verdict and the page."""
    print_figures(report.scenarios, console)
    console.print(Text(f"p50, p95 and p99 are in milliseconds, of {WHOLE_LOAD}."))
    for scenario in report.scenarios:
        console.print(say_answer(scenario))
    for note in report.notes:
        console.print(Text(f"Note: {note}"))
    console.print(Text(f"\nResults in {folder}"), soft_wrap=True)
    partial = "" if report.complete else " (PARTIAL: not every planned scenario ran to its end)"
    verdict = Text(report.verdict, style=f"bold {COLOURS[report.verdict]}")
    console.print(Text.assemble("Verdict of the run: ", verdict, partial))
    console.print(Text(f"Report: {folder / 'report.html'}"), soft_wrap=True)


def say_answer(scenario: ScenarioReport) -> Text:
    """The answer of a scenario, and under it the reason of every check that did not pass."""
    lines = Text.assemble((f"\n{scenario.name}: ", "bold"), scenario.question or "", f"\n  {scenario.answer}")
    for check in scenario.not_passed:
        lines.append(f"\n  {check.verdict}: {check.reason}", style=COLOURS[check.verdict or ""])
    return lines


def print_figures(scenarios: tuple[ScenarioReport, ...], console: Console) -> None:
    """Print a table where the terminal has room for all of it, else words, which wrap: no figure is ever cut."""
    rows = [list_cells(scenario) for scenario in scenarios]
    widths = [max(map(cell_len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    if sum(widths) + len(widths) - 1 <= console.width:
        console.print(build_table(rows))
        return
    for name, verdict, *figures in rows:
        console.print(Text.assemble(f"{name}: ", (verdict, COLOURS[verdict])))
        named = zip(COLUMNS[TEXTS:], figures, strict=True)
        console.print(Text(", ".join(f"{title} {figure}" for title, figure in named)))


def list_cells(scenario: ScenarioReport) -> tuple[str, ...]:
    """What stands under COLUMNS in the row of a scenario."""
    got = scenario.achieved
    figures = [got[key] for key in ("users", "seconds", "requests", "rps", "errors", "shed")]
    latencies = [show_number(got[key]) for key in ("p50_ms", "p95_ms", "p99_ms")]
    return scenario.name, scenario.verdict, *map(show_number, figures), *latencies


def build_table(rows: list[tuple[str, ...]]) -> Table:
    """The table of some rows."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for place, title in enumerate(COLUMNS):
        table.add_column(title, justify="left" if place < TEXTS else "right", no_wrap=True)
    for name, verdict, *figures in rows:
        table.add_row(name, Text(verdict, style=COLOURS[verdict]), *figures)
    return table
