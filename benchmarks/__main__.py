"""Measures the services, a load or its generator and prints tables: `python -m benchmarks [WHAT]`."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.beside import measure_beside
from benchmarks.cases import list_names
from benchmarks.cores import compare_cores
from benchmarks.generator import measure_generator
from benchmarks.machines import measure_machines
from benchmarks.memory import measure_memory
from benchmarks.pythons import measure_pythons
from benchmarks.recording import measure_recording
from benchmarks.scenarios import compare_scenarios
from benchmarks.search import measure_search
from benchmarks.services import measure_services
from benchmarks.sizes import measure_sizes
from benchmarks.speed import FAILURES, measure_speed
from benchmarks.spike import measure_spike
from benchmarks.stand import open_folder
from benchmarks.table import Table, merge_tables
from load.client.script import Arguments, count_of

BROKEN, INTERRUPTED = 3, 130
EXITS = """exit codes:
  0    measured, whether or not the bars are met
  1    at least one measurement is invalid
  3    it could not be measured
  64   a wrong option
  130  interrupted; everything that was started is down again

what it measures, and the minutes on a quiet machine with the usual rounds:
  speed      one worker on a core of its own: rates, and processor time per request (30)
  services   the services at saturation, beside an earlier build and a peer (10)
  cores      the same with 1, 2 and 4 books workers, each held to a core or left free (25)
  sizes      reads, rebuild and verify of 5,000, 100,000 and 1,000,000 books (20)
  rebuild    reads, with pauses, beside a rebuild (7)
  generator  the users of this project over bare ones of Locust (3)
  machines   what it costs to send records home, for a process of the load and the master (3)
  memory     both services idle and after a load, beside an earlier build (20)
  pythons    one book and a list under each Python of this machine, python3.N (5)
  spike      the full spike of 1,000 users, against this build and an earlier one (15)
  scenarios  read_heavy and write_heavy under both read models (6)
  recording  what the record of a load costs the process that makes it (3)
  search     what a search and the open model cost the process that makes a load (6)

Needs two cores or more, Debian or Ubuntu. An earlier build needs the project's history in git."""


def read_options() -> argparse.Namespace:
    """Read the options."""
    parser = Arguments("python -m benchmarks", description=__doc__, epilog=EXITS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="?", choices=tuple(MEASURES), default="speed")
    parser.add_argument("--rounds", type=count_of, default=5, help="how often each case is measured (5)")
    parser.add_argument("--seconds", type=count_of, default=4, help="length of a measurement (4)")
    parser.add_argument("--only", default="", metavar="NAME[,NAME]", help=f"some of: {' '.join(list_names())}")
    parser.add_argument("--out", type=Path, help="a file to write the tables to, in Markdown")
    parser.add_argument("--json", type=Path, help="a file to write the tables to, each in the place of its namesake")
    options = parser.parse_args()
    options.only = [name for name in options.only.split(",") if name]
    if unknown := set(options.only) - set(list_names()):
        parser.error(f"--only {','.join(sorted(unknown))}: there are {' '.join(list_names())}")
    return options


MEASURES: dict[str, Callable[[argparse.Namespace, Path], tuple[list[Table], bool]]] = {
    "speed": measure_speed,
    "services": measure_services,
    "cores": compare_cores,
    "sizes": measure_sizes,
    "rebuild": measure_beside,
    "generator": measure_generator,
    "machines": measure_machines,
    "memory": measure_memory,
    "pythons": measure_pythons,
    "spike": measure_spike,
    "scenarios": compare_scenarios,
    "recording": measure_recording,
    "search": measure_search,
}


def end(signal_number: int, _frame: object) -> None:
    """End as Ctrl-C does: everything is taken down on the way out."""
    raise KeyboardInterrupt


def main() -> int:
    """Measure, print the tables, and return the exit code."""
    options = read_options()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, end)
    try:
        with open_folder() as folder:
            tables, valid = MEASURES[options.what](options, folder)
        text = "\n\n".join(table.to_markdown() for table in tables)
        print(f"\n{text}")
        if options.out:
            options.out.write_text(f"{text}\n", encoding="utf-8")
        if options.json:
            merge_tables(options.json, tables)
    except FAILURES as problem:
        print(f"python -m benchmarks: {problem}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("python -m benchmarks: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
