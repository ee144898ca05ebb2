"""Workers and cores: the services with some numbers of books workers, each held to a core or left free."""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.asked import find_paths
from benchmarks.measures import Bench, log_in_repeatedly
from benchmarks.origin import describe_origin
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import OF_ROUNDS, Round, write_notes
from benchmarks.service import Service
from benchmarks.services import CLIENTS, LASTING, READS
from benchmarks.stand import Stack, open_stack
from benchmarks.table import Table, show
from benchmarks.wrk import Load, ensure_wrk

WORKERS = ("1", "2", "4")
HELD = {"true": "held to a core", "false": "left free"}
LOGIN_CLIENTS, LOGIN_S = 2, 10  # more would be refused where one worker gets them all
COLUMNS = ["books workers", "one book/s", "p99 ms", "list of 50/s", "p99 ms", "log-ins/s", "note"]


def compare_cores(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure each set-up in rounds, backwards in even ones; return the table and whether each is valid."""
    ensure_wrk()
    set_ups = list(product(WORKERS, HELD))
    found: dict[tuple[str, str], list[Round]] = {each: [] for each in set_ups}
    for number in range(1, options.rounds + 1):
        for workers, held in set_ups if number % 2 else set_ups[::-1]:
            settings = {"BOOKS_WORKERS": workers, "AUTH_WORKERS": "2", "PIN_WORKERS": held}
            with open_stack(folder / "stack", **settings) as stack:
                origin = describe_origin(stack)
                measured = measure_set_up(stack, options.seconds, folder)
            found[workers, held].append(measured)
            words = ", ".join(f"{name} {result.per_second:,.1f}/s {result.fault}" for name, result in measured.items())
            print(f"round {number}/{options.rounds}: {workers} books workers, {HELD[held]}: {words}", flush=True)
    words = f"{CLIENTS} clients read, {LOGIN_CLIENTS} log in, on the cores of the services; two auth workers."
    rows = [write_row(f"{workers}, {HELD[held]}", rounds) for (workers, held), rounds in found.items()]
    valid = not any(result.fault for rounds in found.values() for each in rounds for result in each.values())
    return [Table("Workers and cores", f"{origin} {words}\n\n{OF_ROUNDS}", COLUMNS, rows)], valid


def measure_set_up(stack: Stack, seconds: int, folder: Path) -> Round:
    """Measure reads and log-ins of a stack's own services."""
    before = read_times([stack], LASTING)
    bench = Bench({}, seconds, None, folder)
    service = Service(stack.values["BOOKS_URL"], int(stack.values["BOOKS_PID"]))
    found = {
        read: bench.load(service, stack, Load(find_paths(read, stack, service.url), stack.token, clients=CLIENTS))
        for read in READS
    }
    found["log-in"] = log_in_repeatedly(stack.values["AUTH_URL"], stack.account, LOGIN_CLIENTS, LOGIN_S)
    after = read_times([stack], LASTING)
    return {name: mark_disturbed(each, before, after, LOGIN_S + 2 * seconds) for name, each in found.items()}


def write_row(title: str, rounds: Sequence[Round]) -> list[str]:
    """Return the row of one set-up."""
    results = [result for each in rounds for result in each.values()]
    reads = [
        show([getattr(each[read], name) for each in rounds], form)
        for read in READS
        for name, form in (("per_second", ",.0f"), ("p99_ms", ".1f"))
    ]
    return [title, *reads, show([each["log-in"].per_second for each in rounds], ".1f"), write_notes(results)]
