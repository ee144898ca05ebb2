"""Summarizes a finished, old or killed run: writes its reports into its folder and prints the seven answers."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from analysis.findings import RunReport
from analysis.records.run import RunError
from analysis.report.junit_file import write_junit
from analysis.report.page import write_html
from analysis.report.report import build_report
from analysis.report.summary_json import write_json
from analysis.report.summary_markdown import write_markdown
from analysis.report.terminal import print_report

EXIT_CODES = {"PASS": 0, "FAIL": 1, "INVALID": 2, "INCONCLUSIVE": 2}
BROKEN = 3
USAGE = 64
WRITERS: dict[str, Callable[[RunReport], str]] = {
    "summary.json": write_json,
    "summary.md": write_markdown,
    "junit.xml": write_junit,
    "report.html": write_html,
}


def write_reports(folder: Path, report: RunReport) -> dict[str, str]:
    """Write every report of a run into its folder."""
    texts = {name: write(report) for name, write in WRITERS.items()}
    replace_files(folder, texts)
    return texts


def replace_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write each text at one stroke: a reader sees the old file or the new one, never half."""
    for name, text in texts.items():
        draft = folder / f".{name}"
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, folder / name)


def append_step_summary(markdown: str, environment: Mapping[str, str]) -> None:
    """Add the summary to the page of a GitHub workflow's job, where GITHUB_STEP_SUMMARY names it."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(markdown)


def main(arguments: list[str]) -> int:
    """Summarize one folder; 0, 1 or 2 by verdict, 3 when a scenario crashed or there is no run, 64 for wrong use."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m analysis.summarize DIR", file=sys.stderr)
        return USAGE
    folder = Path(arguments[0])
    try:
        report = build_report(folder)
        texts = write_reports(folder, report)
        append_step_summary(texts["summary.md"], os.environ)
    except (RunError, OSError) as error:
        print(f"analysis.summarize: {error}", file=sys.stderr)
        return BROKEN
    except Exception:  # Python would end with 1, which says FAIL
        traceback.print_exc()
        return BROKEN
    with suppress(BrokenPipeError, SystemExit):  # with which rich ends where nobody reads it; 1 would say FAIL
        print_report(folder, report, Console())
    return BROKEN if report.crashed else EXIT_CODES[report.verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
