"""Makes faults and prints what the services did: `python -m tests.faults [F2 ...] [--long]`."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mysql.connector import Error as DatabaseError
from redis import RedisError

from tests.faults.experiments import BY_NAME, choose
from tests.faults.form import Form
from tests.faults.json_file import describe_result, describe_run, merge_results
from tests.faults.runs import run_experiment
from tests.faults.stand import open_stand
from tests.faults.table import Result, write_table

BROKEN, WRONG_USE, INTERRUPTED = 3, 64, 130
FAILURES = (AssertionError, OSError, subprocess.SubprocessError, pytest.fail.Exception, DatabaseError, RedisError)


class Arguments(argparse.ArgumentParser):
    """Ends with the exit code of wrong use."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Say what is wrong."""
        self.print_usage(sys.stderr)
        self.exit(WRONG_USE, f"python -m tests.faults: {message}\n")


def read_options() -> argparse.Namespace:
    """Read the options."""
    parser = Arguments("python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="F2", help=f"which faults, all without any: {' '.join(BY_NAME)}")
    parser.add_argument("--long", action="store_true", help="bounds as promised, faults in full length")
    parser.add_argument("--no-controls", action="store_true", help="leave out the builds without a protection")
    parser.add_argument("--json", type=Path, help="a file to write all findings to, beside those of other faults")
    parser.add_argument("--out", type=Path, help="a file to write the table to, in Markdown")
    options = parser.parse_args()
    options.long = options.long or os.environ.get("LONG_CHECKS") == "1"
    try:
        options.chosen = choose(options.names)
    except KeyError as unknown:
        parser.error(f"there is no {unknown.args[0]}")
    return options


def run_all(options: argparse.Namespace, run: dict[str, str]) -> list[Result]:
    """Run the chosen experiments, one after the other."""
    results: list[Result] = []
    started = time.monotonic()
    with open_stand(Form(options.long), tell) as stand:
        for experiment in options.chosen:
            minutes = (time.monotonic() - started) / 60
            tell(f"fault {len(results) + 1} of {len(options.chosen)}, after {minutes:.0f} minutes:")
            try:
                result = run_experiment(stand, experiment, with_controls=not options.no_controls)
            except FAILURES as problem:
                result = Result(experiment, [], [], f"{type(problem).__name__}: {problem}"[:500].replace("\n", " "))
                tell(f"{experiment.name}: broke: {problem}")
                stand.end_product()
            results.append(result)
            if options.json:
                merge_results(options.json, {experiment.name: {**run, **describe_result(result)}})
    return results


def tell(words: str) -> None:
    """Print progress at once."""
    print(words, flush=True)


def end(_number: int, _frame: object) -> None:
    """End as Ctrl-C does: everything is taken down on the way out."""
    raise KeyboardInterrupt


def main() -> int:
    """Run, print the table, and return the exit code."""
    options = read_options()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, end)
    run = describe_run(Form(options.long))
    try:
        results = run_all(options, run)
    except FAILURES as problem:
        print(f"python -m tests.faults: {problem}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("python -m tests.faults: interrupted", file=sys.stderr)
        return INTERRUPTED
    title = f"{run['form']} form, {run['date']}, {run['machine']}"
    print(f"\n{write_table(results, title)}")
    if options.out:
        options.out.write_text(write_table(results, title) + "\n", encoding="utf-8")
    if any(each.broken for each in results):
        return BROKEN
    return 0 if all(each.holds for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
