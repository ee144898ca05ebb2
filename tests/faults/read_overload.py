"""F13 (b): twice as many reads as the machine can do, from wrk."""

import json
import os
import subprocess
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.wrk import ensure_wrk
from tests.faults import controls
from tests.faults.findings import Experiment, Finding, find_bound, find_none
from tests.faults.loads import warm_up
from tests.faults.rules import LONGEST_S
from tests.faults.stand import Stand
from tests.faults.subject import Subject

SCRIPT = Path(__file__).with_name("overload.lua")
BEST_AT = (16, 48)  # connections
CROWD = 3000  # connections: enough for twice the best rate while those that are let in wait for half a second
KEPT = 0.8
QUICK_S = 1.0  # twice as long as a read may wait for its turn


class Outcome(NamedTuple):
    """What wrk counted; the first three are answers per second."""

    good: float
    refused: float
    other: float
    broken: int
    slowest: float  # seconds


class Round(NamedTuple):
    """The rates of reads over each of BEST_AT connections, and what came of twice as many right after them."""

    rates: list[float]
    crowded: Outcome


def overload_reads(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Find the best rate of reads and send twice as many, in turn: a machine's speed changes from minute to minute."""
    ensure_wrk()
    found = []
    for subject in subjects:
        stand.sign_in_all(subject)
        stand.await_read_model(subject.books_url)
        warm_up(stand, subject)
        run_wrk(stand, subject, BEST_AT[0], 2)
        found.append(judge(stand, [run_round(stand, subject) for _ in range(int(stand.form.choose(7, 3)))]))
    return found


def run_round(stand: Stand, subject: Subject) -> Round:
    """Read over a few connections as fast as answers come, then over a crowd of them at twice that rate."""
    seconds = int(stand.form.choose(5, 2))
    rates = [run_wrk(stand, subject, connections, seconds).good for connections in BEST_AT]
    return Round(rates, run_wrk(stand, subject, CROWD, 2 * seconds, rate=2 * max(rates)))


def judge(stand: Stand, rounds: Sequence[Round]) -> list[Finding]:
    """Compare the good answers under overload with the best rate: medians over the rounds."""
    outcomes = [each.crowded for each in rounds]
    best = max(median(rates) for rates in zip(*(each.rates for each in rounds), strict=True))
    good, refused = median(each.good for each in outcomes), median(each.refused for each in outcomes)
    answered = round(sum(each.good + each.refused + each.other for each in outcomes))
    other, broken = sum(each.other for each in outcomes), sum(each.broken for each in outcomes)
    kept = 1 - (1 - KEPT) * stand.form.bound(1)
    shares = sorted(each.crowded.good / max(each.rates) for each in rounds)
    words = f"{good / best:.2f} ({good:.0f} of {best:.0f} /s; in the rounds {shares[0]:.2f} to {shares[-1]:.2f})"
    return [
        Finding("reads answered well under twice the load", f"≥ {kept:.2f} of the best", words, good / best >= kept),
        find_refused(refused, max(each.slowest for each in outcomes)),
        find_none("answers other than 200 and 503", ["other"] * ceil(other), answered),
        find_none("requests without an answer", ["broken"] * broken, answered),
        find_bound("longest request", max(each.slowest for each in outcomes), stand.form.bound(LONGEST_S)),
    ]


def find_refused(refused: float, slowest: float) -> Finding:
    """Ask for refusals unless all was answered in time: then there was nothing to refuse."""
    bound, words = f"> 0, or none over {QUICK_S:.0f} s", f"{refused:.0f} /s; the longest request {slowest:.2f} s"
    return Finding("reads that were refused", bound, words, refused > 0 or slowest < QUICK_S)


def run_wrk(stand: Stand, subject: Subject, connections: int, seconds: int, rate: float = 0) -> Outcome:
    """Read books for some seconds over so many connections, at a rate or as fast as the answers come."""
    paths = stand.folder / "paths.txt"
    paths.write_text("".join(f"/api/books/{isbn}\n" for isbn in stand.catalogue), encoding="ascii")
    # The token goes by the environment: the process list shows arguments to everybody.
    given = {"LOAD_PATHS": str(paths), "LOAD_TOKEN": stand.accounts[0].token, "LOAD_RATE": str(rate or "")}
    ran = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "15s", "-s", SCRIPT, subject.books_url],
        env={**os.environ, **given}, capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    lines = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    assert ran.returncode == 0 and lines, f"wrk failed: {ran.stdout}{ran.stderr}"
    counts = json.loads(lines[-1].removeprefix("RESULT "))
    good, refused, other = [counts[name] / counts["seconds"] for name in ("good", "refused", "other")]
    return Outcome(good, refused, other, counts["broken"], counts["slowest"])


EXPERIMENTS = [
    Experiment(
        "F13-b", "twice the reads that the machine can do", overload_reads, (controls.EARLY_REFUSAL,), together=False,
        settings=(("BCRYPT_ROUNDS", "12"),),  # as F13-a, whose services it goes on with
    ),
]  # fmt: skip
