"""Writes summary.md: the verdict and its reasons first, then a row a scenario; for the page of a workflow too."""

from analysis.findings import WHOLE_LOAD, RunReport, ScenarioReport
from analysis.number_formats import show_number

SYMBOLS = {"PASS": "✅", "FAIL": "❌", "INVALID": "⚠️", "INCONCLUSIVE": "❔"}
HEAD = "| scenario | verdict | question | answer | users | s | requests | req/s | p50 / p95 / p99 ms |"


def write_markdown(report: RunReport) -> str:
    """The text of summary.md."""
    partial = "" if report.complete else " (PARTIAL: not every planned scenario ran to its end)"
    lines = [f"# {SYMBOLS[report.verdict]} {report.verdict}{partial}", "", f"{report.profile} run `{report.name}`", ""]
    found = [(one, check) for one in report.scenarios for check in one.not_passed]
    reasons = [f"- **{one.name}** {check.verdict}: {escape(check.reason)}" for one, check in found]
    lines += [*reasons, ""] if reasons else []
    lines += [HEAD, f"|{'---|' * HEAD.count(' | ')}---|"]
    lines += [describe_row(scenario) for scenario in report.scenarios]
    lines += ["", f"Users and seconds are planned / achieved. Latencies are of {WHOLE_LOAD} (`<scenario>.hlog`).", ""]
    notes = [f"- {escape(note)}" for note in report.notes]
    notes += [f"- {one.name}: {escape(note)}" for one in report.scenarios for note in one.notes]
    lines += ["## What to know", "", *notes, ""] if notes else []
    return "\n".join(lines)


def describe_row(scenario: ScenarioReport) -> str:
    """The row of one scenario."""
    planned, got = scenario.planned, scenario.achieved
    latencies = " / ".join(show_number(got[key]) for key in ("p50_ms", "p95_ms", "p99_ms"))
    cells = [
        scenario.name,
        f"{SYMBOLS[scenario.verdict]} {scenario.verdict}",
        escape(scenario.question),
        escape(scenario.answer),
        f"{show_number(planned['users'])} / {show_number(got['users'])}",
        f"{planned['seconds']:,g} / {show_number(got['seconds'])}",
        show_number(got["requests"]),
        show_number(got["rps"]),
        latencies,
    ]
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """Text that neither ends a cell nor is taken for markup."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
