"""Judges a comparison, or compares two finished runs, and writes what it showed.

usage: python -m analysis.compare [--within SHARE] [--out DIR] COMPARISON
       python -m analysis.compare [--within SHARE] [--out DIR] RUN_A RUN_B

COMPARISON is the folder that ./compare.sh left, RUN_A and RUN_B are results folders of ./run_all_tests.sh. The files
compare.json, compare.md, compare.html and compare.xml are written into the comparison's folder, or into that of RUN_B.

Exit codes: 0 SAME or FASTER, 1 SLOWER, 2 CANNOT TELL or INVALID, 3 it broke, 64 wrong usage, 130 Ctrl-C.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from analysis.compare.comparison import Comparison, build_comparison
from analysis.compare.finished_runs import compare_runs
from analysis.compare.json_file import write_json
from analysis.compare.judging import CANNOT_TELL, FASTER, INVALID, SAME, SLOWER
from analysis.compare.junit_file import write_junit
from analysis.compare.markdown import write_markdown
from analysis.compare.page import write_html
from analysis.compare.terminal import print_comparison
from analysis.records.comparison import check_within
from analysis.records.run import RunError
from analysis.summarize import BROKEN, USAGE, append_step_summary, replace_files

INTERRUPTED = 130
EXIT_CODES = {SAME: 0, FASTER: 0, SLOWER: 1, CANNOT_TELL: 2, INVALID: 2}
WITHIN = 0.10  # of two finished runs; a comparison has its own in plan.json
WRITERS: dict[str, Callable[[Comparison], str]] = {
    "compare.json": write_json,
    "compare.md": write_markdown,
    "compare.html": write_html,
    "compare.xml": write_junit,
}


class Arguments(argparse.ArgumentParser):
    """Ends with 64 where it is used wrongly: 2 says CANNOT TELL."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how it is right, and end."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"analysis.compare: {message}\n")


def parse_within(text: str) -> float:
    """The share of --within, from 0.1 or 10%; raises ArgumentTypeError, which says what would be right."""
    try:
        return check_within(float(text.removesuffix("%")) / (100 if text.endswith("%") else 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} must be like 0.1 or 10%, more than 0 and less than 100%") from None


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options and one or two folders."""
    parser = Arguments("python -m analysis.compare", description="Judge a comparison, or compare two finished runs.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a comparison's, or those of two runs")
    parser.add_argument("--within", type=parse_within, metavar="SHARE", help="how far from 1 is still the same (10%%)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (the comparison's folder, or RUN_B's)")
    options = parser.parse_args(arguments)
    if len(options.folders) > 2:
        parser.error("give the folder of one comparison, or those of two finished runs")
    return options


def build(options: argparse.Namespace) -> Comparison:
    """What the folders show; raises RunError."""
    if len(options.folders) == 1:
        return build_comparison(options.folders[0], options.within)
    return compare_runs(options.folders, options.within or WITHIN)


def main(arguments: list[str]) -> int:
    """Judge, write, print, and return the exit code."""
    options = parse(arguments)
    folder = options.out or options.folders[-1]
    try:
        comparison = build(options)
        texts = {name: write(comparison) for name, write in WRITERS.items()}
        folder.mkdir(parents=True, exist_ok=True)
        replace_files(folder, texts)
        append_step_summary(texts["compare.md"], os.environ)
        with suppress(BrokenPipeError, SystemExit):  # with which rich ends where nobody reads it; 1 would say SLOWER
            print_comparison(folder, comparison, Console())
    except (RunError, OSError) as error:
        print(f"analysis.compare: {error}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # Python would end with 1, which says SLOWER
        traceback.print_exc()
        return BROKEN
    return EXIT_CODES[comparison.verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
