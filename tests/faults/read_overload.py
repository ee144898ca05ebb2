"""F13 (b): twice as many reads as the machine can do, from wrk."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.wrk import ensure_wrk
from faults import controls
from faults.findings import Experiment, Finding, find_bound, find_none
from faults.loads import warm_up
from faults.rules import LONGEST_S
from faults.stand import Stand
from faults.subject import Subject

SCRIPT = Path(__file__).with_name("overload.lua")
BEST_AT = (16, 48)  # connections
CROWD = 3000  # connections: enough to send twice the best rate while each answer takes more than two seconds
KEPT = 0.8


class Outcome(NamedTuple):
    """What wrk counted; the first three are answers per second."""

    good: float
    refused: float
    other: float
    broken: int
    slowest: float  # seconds


def overload_reads(stand: Stand, subjects: Sequence[Subject]) -> list[list[Finding]]:
    """Find the best rate of reads, then send twice as many."""
    ensure_wrk()
    found = []
    for subject in subjects:
        stand.sign_in_all(subject)
        stand.await_read_model(subject.books_url)
        warm_up(stand, subject)
        seconds = int(stand.form.choose(15, 3))
        run_wrk(stand, subject, BEST_AT[0], 2)
        best = max(run_wrk(stand, subject, connections, seconds).good for connections in BEST_AT)
        found.append(judge(stand, best, run_wrk(stand, subject, CROWD, 2 * seconds, rate=2 * best)))
    return found


def judge(stand: Stand, best: float, crowded: Outcome) -> list[Finding]:
    """Compare the good answers under overload with the best rate."""
    kept = 1 - (1 - KEPT) * stand.form.bound(1)
    offered = crowded.good + crowded.refused + crowded.other
    ratio = crowded.good / best
    words = f"{crowded.good:.0f} of {best:.0f} /s ({ratio:.2f}) with {offered:.0f} /s answered"
    return [
        Finding("reads answered well under twice the load", f"≥ {kept:.2f} of the best", words, ratio >= kept),
        Finding("reads that were refused", "> 0", f"{crowded.refused:.0f} /s", crowded.refused > 0),
        find_none("answers other than 200 and 503", ["other"] * round(crowded.other), round(offered)),
        find_none("requests without an answer", ["broken"] * crowded.broken, round(offered)),
        find_bound("longest request", crowded.slowest, stand.form.bound(LONGEST_S)),
    ]  # fmt: skip


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
