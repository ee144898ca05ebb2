"""Asks too much of the connector's pool and of ours, freezes MariaDB, and leaves results unread."""

import time

from lessons.lesson import Bars, Outcome
from lessons.load import Answer, send_at_once
from lessons.place import Place

SLOTS, AT_ONCE = 3, 12  # connections of the pool; requests at the same time
PROGRAMS = ("mistake", "cure")
COLUMNS = [
    "pool",
    f"errors, {AT_ONCE} at once on {SLOTS} connections",
    f"frozen MariaDB: the last of {SLOTS} errors after",
    "right answers again after",
    f"errors after {SLOTS} unread results",
]
AGAIN_S = 5.0  # for the service to answer after the freeze


def run(place: Place, short: bool) -> Outcome:
    """Run the three trials with either pool; the short form leaves nothing out."""
    figures: dict[str, float] = {}
    bars: dict[str, float] = {}
    rows = []
    for program in PROGRAMS:
        app = f"lessons.bare_pool.{program}:app"
        with place.gunicorn(app, threads=AT_ONCE + 1, DB_POOL_SIZE=str(SLOTS)) as url:
            found, waits = try_pool(place, url)
        figures |= {f"{program} {what}": value for what, value in found.items()}
        bars |= {f"{program}, error {number}": round(wait, 1) for number, wait in enumerate(waits, start=1)}
        rows.append([
            program, f"{found['errors at once']:.0f} of {AT_ONCE}", f"{found['last after s']:.1f} s",
            say_again(found["again after s"]), f"{found['errors after unread']:.0f} of {2 * SLOTS}",
        ])  # fmt: skip
    return Outcome(say(figures), COLUMNS, rows, Bars("A frozen MariaDB: the time until each error", "s", bars), figures)


def try_pool(place: Place, url: str) -> tuple[dict[str, float], list[float]]:
    """The figures of one pool, and after how many seconds each request failed while MariaDB stood still."""
    send_at_once(f"{url}/book", 1)  # builds the pool
    send_at_once(f"{url}/book", SLOTS)  # opens all of its connections
    at_once = send_at_once(f"{url}/book", AT_ONCE)
    with place.frozen(place.db_pid):
        frozen = send_at_once(f"{url}/book", SLOTS, timeout_s=20)
    again_s = wait_until_right(url)
    for _ in range(SLOTS):
        send_at_once(f"{url}/first", 1)
    then = [answer for _ in range(2 * SLOTS) for answer in send_at_once(f"{url}/book", 1)]
    waits = sorted(answer.took for answer in frozen)
    return {
        "errors at once": count_wrong(at_once),
        "last after s": waits[-1],
        "again after s": again_s,
        "errors after unread": count_wrong(then),
        "exhausted in the end": "exhausted" in then[-1].body,
    }, waits


def wait_until_right(url: str) -> float:
    """The seconds until the first right answer; AGAIN_S if there is none by then."""
    begin = time.monotonic()
    while time.monotonic() - begin < AGAIN_S:
        if count_wrong(send_at_once(f"{url}/book", 1)) == 0:
            return time.monotonic() - begin
        time.sleep(0.05)
    return AGAIN_S


def count_wrong(answers: list[Answer]) -> int:
    """How many answers are not 200."""
    return sum(answer.status != 200 for answer in answers)


def say_again(seconds: float) -> str:
    """After how long the service answered right again, as far as it was waited for."""
    return f"{seconds:.1f} s" if seconds < AGAIN_S else f"not within {AGAIN_S:.0f} s"


def say(figures: dict[str, float]) -> str:
    """What was seen."""
    empty = "was empty for good" if figures["mistake exhausted in the end"] else "was not empty"
    return (
        f"Of {AT_ONCE} requests at once over {SLOTS} connections the connector's pool refused"
        f" {figures['mistake errors at once']:.0f} and ours {figures['cure errors at once']:.0f}. With a frozen MariaDB"
        f" its threads failed one after the other, the last after {figures['mistake last after s']:.0f} s (ours:"
        f" {figures['cure last after s']:.1f} s). After {SLOTS} results that were not read to their end it failed"
        f" {figures['mistake errors after unread']:.0f} of {2 * SLOTS} requests, and {empty} (ours:"
        f" {figures['cure errors after unread']:.0f})."
    )
