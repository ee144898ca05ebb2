"""Sends the load of 200 users to Flask's development server, with one thread and as it is today, and to Gunicorn."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lessons.development_server.cure import THREADS, WORKERS
from lessons.lesson import Bars, Outcome
from lessons.load import Answer, find_percentile, send_load
from lessons.place import Place
from stack.ports import find_free_ports

USERS, TIMEOUT_S = 200, 5.0
LONG_S = 0.9  # just under the second after which Linux asks again for a connection that a full queue dropped
SERVERS = {
    "one thread": "mistake: app.run(), one thread",
    "today": "mistake: app.run() of today",
    "cure": "cure: Gunicorn",
}


def run(place: Place, short: bool) -> Outcome:
    """Load the three servers one after the other, each with users who send again as soon as they have an answer."""
    seconds = 2.0 if short else 9.0
    figures: dict[str, float] = {}
    rows = []
    for server, name in SERVERS.items():
        with serve(place, server) as url:
            send_load(f"{url}/book", users=USERS, seconds=1.0)  # until all workers have begun
            answers = send_load(f"{url}/book", users=USERS, seconds=seconds, timeout_s=TIMEOUT_S)
        found = count(answers)
        figures |= {f"{server} {what}": value for what, value in found.items()}
        rows.append([name, *(f"{value:,.0f}" for value in found.values())])
    return Outcome(say(figures), ["server", *found], rows, draw(figures), figures)


@contextmanager
def serve(place: Place, server: str) -> Iterator[str]:
    """Run one of the three servers for a `with` block, and give its address."""
    if server == "cure":
        with place.gunicorn("lessons.development_server.cure:app", workers=WORKERS, threads=THREADS) as url:
            yield url
        return
    (port,) = find_free_ports(1)
    command = [sys.executable, "-m", "lessons.development_server.mistake"]
    threaded = "yes" if server == "today" else "no"
    with place.running(*command, port=port, PORT=str(port), THREADED=threaded):
        yield f"http://127.0.0.1:{port}"


def count(answers: list[Answer]) -> dict[str, float]:
    """The figures of one server; times are of the answers that came."""
    times = [1000 * answer.took for answer in answers if answer.status == 200]
    return {
        "answers/s": len(times) / answers[-1].at,
        "p50 ms": find_percentile(times, 0.5),
        "p95 ms": find_percentile(times, 0.95),
        "p99 ms": find_percentile(times, 0.99),
        f"answers after {LONG_S:g} s or more": sum(time >= 1000 * LONG_S for time in times),
        "time-outs": sum(answer.error == "time-out" for answer in answers),
        "resets": sum(answer.error in ("reset", "closed") for answer in answers),
        "refused": sum(answer.error == "refused" for answer in answers),
    }


def say(figures: dict[str, float]) -> str:
    """What was seen."""
    resets = sum(figures[f"{server} resets"] + figures[f"{server} refused"] for server in SERVERS)
    waited = {server: figures[f"{server} answers after {LONG_S:g} s or more"] for server in SERVERS}
    return (
        f"Under {USERS} users {resets:,.0f} connections were reset or refused, on all three servers. With one"
        f" thread, as the development server was long ago, {figures['one thread time-outs']:,.0f} requests timed out"
        f" after {TIMEOUT_S:.0f} s. With the server of today {figures['today time-outs']:,.0f} timed out. Its p95 was"
        f" {figures['today p95 ms']:,.0f} ms (Gunicorn: {figures['cure p95 ms']:,.0f} ms), and {waited['today']:,.0f}"
        f" answers took {LONG_S:g} s or longer (Gunicorn: {waited['cure']:,.0f})."
    )


def draw(figures: dict[str, float]) -> Bars:
    """The answers of a second."""
    bars = {name: float(round(figures[f"{server} answers/s"])) for server, name in SERVERS.items()}
    return Bars(f"Answers a second, under {USERS} users", "", bars)
