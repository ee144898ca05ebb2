"""The services as they really run, at saturation: beside an earlier build of them, and beside the peer.

Four books workers and two auth workers, nothing held to a core by hand, the load on the same cores. Each build has a
stack of its own, and only one of them works at a time.
"""

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from benchmarks.asked import find_paths
from benchmarks.builds import BEFORE, unpack_build
from benchmarks.measures import Bench
from benchmarks.origin import describe_origin, name_commit
from benchmarks.peers.packages import install_packages
from benchmarks.quiet import mark_disturbed, read_times
from benchmarks.rounds import INVALID, OF_ROUNDS, Round, write_bar, write_notes, write_side
from benchmarks.service import PEER, Service, serve
from benchmarks.stand import PROJECT, Stack, open_stack
from benchmarks.table import Table, show
from benchmarks.wrk import Load, Result, ensure_wrk

CLIENTS = 32
WORKERS = {"AUTH_WORKERS": "2", "BOOKS_WORKERS": "4"}
LASTING = ("DB_PID", "REDIS_PID", "AUTH_PID", "BOOKS_PID")
READS = {"book": "one book", "list": "list of 50"}
PEERS = {"FastAPI, 2 workers": 2, "FastAPI, 4 workers": 4}
NOW = "this build"
SIDES = (NOW, BEFORE, *PEERS)
COMPARED = (f"answers/s over {BEFORE}", f"p99 of {BEFORE} over p99", "answers/s over the better FastAPI")
BARS = {"book": (3.5, 2.0, 1.7), "list": (2.3, 2.0, 1.4)}
RATES = ["service", "answers/s", "p50 ms", "p99 ms", "µs of the service", "note"]


def measure_services(options: argparse.Namespace, folder: Path) -> tuple[list[Table], bool]:
    """Measure all sides in rounds; return the tables and whether each measurement is valid."""
    ensure_wrk()
    install_packages(folder)
    with ExitStack() as opened:
        stacks = open_both(opened, folder)
        bench = Bench(stacks, options.seconds, None, folder)
        rounds = [run_round(number, options.rounds, bench) for number in range(1, options.rounds + 1)]
        origin = describe_origin(stacks[NOW])
    load = f"{CLIENTS} clients on the same cores; {NOW} is {name_commit()}, {BEFORE} has an environment of its own."
    captions = [f"{origin} {load}\n\n{OF_ROUNDS}{more}" for more in ("", " A ratio is made within a round.")]
    rows = [write_rates(f"{side}: {READS[read]}", [each[f"{side}/{read}"] for each in rounds]) for side, read in keys()]
    tables = [
        Table("Services compared", captions[1], ["compared", "ratio", "bar", "verdict"], write_ratios(rounds)),
        Table("Services at saturation", captions[0], RATES, rows),
    ]
    return tables, not any(result.fault for each in rounds for result in each.values())


def open_both(opened: ExitStack, folder: Path) -> dict[str, Stack]:
    """Bring up a stack of this build and one of the earlier build."""
    stacks = {}
    for name, project in ((NOW, PROJECT), (BEFORE, unpack_build(folder))):
        print(f"bringing up the stack of {name} ...", flush=True)
        stacks[name] = opened.enter_context(open_stack(folder / f"stack-{name}".replace(" ", "-"), project, **WORKERS))
    return stacks


def keys() -> list[tuple[str, str]]:
    """Return each side with each read."""
    return [(side, read) for read in READS for side in SIDES]


def run_round(number: int, of: int, bench: Bench) -> Round:
    """Measure every side once, backwards in even rounds."""
    results: Round = {}
    for side in SIDES if number % 2 else SIDES[::-1]:
        before = read_times(bench.stacks.values(), LASTING)
        measured = measure_side(side, bench)
        after = read_times(bench.stacks.values(), LASTING)
        for read, result in measured.items():
            results[f"{side}/{read}"] = marked = mark_disturbed(result, before, after, len(READS) * bench.seconds)
            words = f"{marked.per_second:,.0f} answers/s, p99 {marked.p99_ms:.1f} ms {marked.fault or marked.note}"
            print(f"round {number}/{of}: {side}: {READS[read]}: {words}", flush=True)
    return results


def measure_side(side: str, bench: Bench) -> Round:
    """Measure the reads of one side."""
    stack = bench.stacks[side if side in bench.stacks else NOW]
    running: AbstractContextManager[Service] = nullcontext(
        Service(stack.values["BOOKS_URL"], int(stack.values["BOOKS_PID"]))
    )
    if side in PEERS:
        settings = stack.settings(PYTHONPATH=str(install_packages(bench.folder)))
        running = serve(PEER, settings, bench.folder, workers=PEERS[side])
    with running as service:
        loads = {read: Load(find_paths(read, stack, service.url), stack.token, clients=CLIENTS) for read in READS}
        return {read: bench.load(service, stack, load) for read, load in loads.items()}


def write_rates(title: str, results: Sequence[Result]) -> list[str]:
    """Return the row of one side and one read."""
    forms = {"per_second": ",.0f", "p50_ms": ".1f", "p99_ms": ".1f", "cost_us": ",.0f"}
    figures = [show([getattr(each, name) for each in results], form) for name, form in forms.items()]
    return [title, *figures, write_notes(results)]


def write_ratios(rounds: Sequence[Round]) -> list[list[str]]:
    """Return the rows of what is compared."""
    results = [result for each in rounds for result in each.values()]
    doubt = "**not judged**: disturbed" if any(result.disturbed for result in results) else ""
    rows = [(read, *row) for read, bars in BARS.items() for row in zip(range(len(bars)), COMPARED, bars, strict=True)]
    if any(result.fault for result in results):
        return [[f"{READS[read]}: {title}", "", write_bar(bar), INVALID] for read, _, title, bar in rows]
    return [
        [f"{READS[read]}: {title}", *write_side([find_ratios(each, read)[place] for each in rounds], bar, doubt)]
        for read, place, title, bar in rows
    ]


def find_ratios(each: Round, read: str) -> tuple[float, float, float]:
    """Return the ratios of a round, as COMPARED has them."""
    now, before = each[f"{NOW}/{read}"], each[f"{BEFORE}/{read}"]
    peer = max(each[f"{name}/{read}"].per_second for name in PEERS)
    return now.per_second / before.per_second, before.p99_ms / now.p99_ms, now.per_second / peer
