"""The tables at the end: rates, ratios with their bars, and where they come from; in Markdown."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from statistics import median

import redis

from benchmarks.cases import Case, Comparison, list_comparisons
from benchmarks.stand import PROJECT, Stack
from benchmarks.wrk import CLIENTS, Result
from load.run.machine import describe_machine, read_commit

Round = dict[str, Result]  # by the key of the case
NOTES = """
Each round measures every case once, every other one backwards; rates are medians over the rounds, ratios are made
within a round and then their median is taken; behind both, in brackets, the lowest and the highest of all rounds.
Each measurement has a worker of its own, freshly started and warmed up, with the project's `gunicorn.conf.py`.
The bare route answers with a ready-made JSON of {bytes} bytes, a book of middle length, also where lists are compared
with it. It writes no line to the log; the services write one a request. `one book` and `304` go round a thousand
books spread over the catalogue, `by author` round 100 authors with about {books} books each, who have the same books
in both catalogues: the large one has twenty times as many authors, not more books for each.
""".strip()


def write_rates(cases: Sequence[Case], rounds: Sequence[Round]) -> list[str]:
    """Return the table of rates, a line a case; a case with one invalid measurement is invalid."""
    lines = ["| case | per second | note |", "| :--- | ---: | :--- |"]
    for case in cases:
        results = [each[case.key] for each in rounds]
        faults = [each.fault for each in results if each.fault]
        notes = [each.note for each in sorted(results, key=lambda each: not each.disturbed) if each.note]
        spread = show([each.per_second for each in results], ",.0f" if results[0].per_second >= 100 else ",.2f")
        rate, note = (f"**INVALID** {spread}", faults[0]) if faults else (spread, notes[0] if notes else "")
        lines.append(f"| {case.title} | {rate} | {note} |")
    return lines


def write_ratios(rounds: Sequence[Round]) -> list[str]:
    """Return the table of ratios, without those of cases that were not measured."""
    lines = ["| compared | ratio | bar | |", "| :--- | ---: | ---: | :--- |"]
    for each in list_comparisons():
        if each.case in rounds[0] and each.base in rounds[0]:
            lines.append(write_ratio(each, rounds))
    return lines


def write_ratio(comparison: Comparison, rounds: Sequence[Round]) -> str:
    """Return the line of one comparison."""
    pairs = [(each[comparison.case], each[comparison.base]) for each in rounds]
    bar = "" if comparison.bar is None else f"≥ {comparison.bar:.2f}"
    if any(case.fault or base.fault for case, base in pairs):
        return f"| {comparison.title} | | {bar} | a measurement is invalid |"
    ratios = [case.per_second / base.per_second for case, base in pairs]
    verdict = "" if comparison.bar is None else judge(median(ratios), comparison.bar)
    if disturbed := sum(case.disturbed or base.disturbed for case, base in pairs):
        verdict = f"**not judged**: disturbed in {disturbed} of {len(pairs)} rounds"
    return f"| {comparison.title} | {show(ratios, '.2f')} | {bar} | {verdict} |"


def judge(ratio: float, bar: float) -> str:
    """Say whether the bar is reached, else by how much it is missed."""
    return "met" if ratio >= bar else f"**missed by {bar - ratio:.3f}**"


def show(numbers: Sequence[float], form: str) -> str:
    """Write the median and, of several numbers, the lowest and the highest."""
    words = [format(number, form) for number in (median(numbers), min(numbers), max(numbers))]
    return f"{words[0]} ({words[1]}–{words[2]})" if len(numbers) > 1 else words[0]  # noqa: RUF001 - a range


def describe(stack: Stack, core: int | None = None) -> list[str]:
    """Return where and how it was measured."""
    machine = describe_machine()
    packages = ("flask", "gunicorn", "mysql-connector-python", "redis", "bcrypt")
    server = redis.Redis.from_url(stack.values["REDIS_URL"]).info("server")
    store = f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {server['redis_version']}"
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split(" [")[0]
    where = (
        f"worker on core {core}, load and stores on the others; {CLIENTS} clients ({wrk})" if core is not None else ""
    )
    return [
        f"- command: `{shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]])}`, {date.today().isoformat()},"
        f" commit {read_commit(PROJECT) or 'unknown'}",
        f"- machine: {machine['cpus']} cores, {machine['cpu']}, {os.sysconf('SC_PHYS_PAGES') * 4 // 2**20} GiB,"
        f" {machine['kernel']}",
        f"- versions: Python {machine['python']}, {', '.join(f'{name} {version(name)}' for name in packages)},"
        f" MariaDB {stack.ask('SELECT VERSION()')[0][0]}, {store}",
        *([f"- set-up: {where}"] if where else []),
    ]


def write_notes(stack: Stack) -> str:
    """Return what a reader has to know about the cases."""
    books = stack.ask("SELECT COUNT(*) / COUNT(DISTINCT author_id) FROM book_authors WHERE isbn LIKE '97899999%'")
    return NOTES.format(bytes=len(stack.book.encode()), books=round(books[0][0]))
