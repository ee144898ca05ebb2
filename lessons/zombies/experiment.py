"""Lets MariaDB close the idle connections of four pools, and looks at what the next requests meet."""

import json
import time

from lessons.lesson import Bars, Outcome
from lessons.load import send_at_once
from lessons.place import Place

SLOTS = 5
WAIT_TIMEOUT_S, IDLE_S = 1, 2.5  # MariaDB closes what is idle for longer; its default is 8 hours
POOLS = {
    "mistake: reset when given back": ("mistake", "on"),
    "connector's pool, reset on": ("connector", "on"),
    "connector's pool, reset off": ("connector", "off"),
    "cure: ours": ("cure", "on"),
}
COLUMNS = [
    "pool",
    "connections closed while idle",
    "errors 500 then",
    "a variable that was left",
    "borrow, query, return",
]
CONNECTIONS = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'libros'"


def run(place: Place, short: bool) -> Outcome:
    """Try each pool. What a turn costs is that of the quickest round, because other processes disturb the others."""
    figures: dict[str, float] = {}
    rows = []
    for name, (program, reset) in POOLS.items():
        with (
            place.mariadb_with(wait_timeout=WAIT_TIMEOUT_S),
            place.gunicorn(
                f"lessons.zombies.{program}:app", threads=2 * SLOTS, DB_POOL_SIZE=str(SLOTS), RESET=reset
            ) as url,
        ):
            found = try_pool(place, url, 1 if short else 100)
        figures |= {f"{name} {what}": value for what, value in found.items()}
        left = "was still there" if found["left"] else "was gone"
        rows.append(
            [name, f"{found['closed']:.0f}", f"{found['errors']:.0f} of {2 * SLOTS}", left, f"{found['us']:,.0f} µs"]
        )
    bars = {name: figures[f"{name} errors"] for name in POOLS}
    return Outcome(say(figures), COLUMNS, rows, Bars("Errors 500 after the idle time", "", bars), figures)


def try_pool(place: Place, url: str, rounds: int) -> dict[str, float]:
    """The errors after all connections were idle for too long, what a session leaves, and what a turn costs in µs."""
    send_at_once(f"{url}/book", 1)
    send_at_once(f"{url}/book", SLOTS)  # opens all connections
    ((before,),) = place.ask(CONNECTIONS)
    time.sleep(IDLE_S)
    ((idle,),) = place.ask(CONNECTIONS)
    after = send_at_once(f"{url}/book", SLOTS) + send_at_once(f"{url}/book", SLOTS)
    (left,) = send_at_once(f"{url}/leave", 1)
    costs = [json.loads(answer.body)["us"] for _ in range(rounds) for answer in send_at_once(f"{url}/cost", 1)]
    return {
        "closed": before - idle,
        "errors": sum(answer.status != 200 for answer in after),
        "left": json.loads(left.body)["left"],
        "us": min(costs),
    }


def say(figures: dict[str, float]) -> str:
    """What was seen."""
    mistake, on, off, ours = POOLS
    return (
        f"MariaDB closed {figures[f'{mistake} closed']:.0f} idle connections. A reset at giving back found none of"
        f" them: {figures[f'{mistake} errors']:.0f} errors 500. The connector's pool pings when it lends, with"
        f" pool_reset_session on or off: {figures[f'{on} errors']:.0f} and {figures[f'{off} errors']:.0f} errors, at"
        f" {figures[f'{on} us']:,.0f} and {figures[f'{off} us']:,.0f} µs a turn. Ours: {figures[f'{ours} errors']:.0f}"
        f" errors, at {figures[f'{ours} us']:,.0f} µs."
    )
