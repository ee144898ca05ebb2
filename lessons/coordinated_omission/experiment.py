"""Lets Redis, and with it the service, stand still for three seconds under a closed load and under an open load."""

import time

import redis

from lessons.lesson import Bars, Outcome
from lessons.locust_load import Counted, LocustLoad
from lessons.place import Place

STOP_S = 3
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def run(place: Place, short: bool) -> Outcome:
    """Run both loads for the same time with the same stop in the middle."""
    with redis.Redis.from_url(place.redis_url) as catalogue:
        catalogue.flushdb()
        catalogue.hset("titles", mapping={str(number): f"Book {number}" for number in range(1, 1001)})
    seconds = 8 if short else 20
    with place.gunicorn("lessons.coordinated_omission.service:app", workers=2, threads=8) as address:
        closed = load(place, "mistake", address, 10, seconds)
        opened = load(place, "cure", address, 1, seconds)
    loads = {"mistake: closed, 10 users": closed, "cure: open, 100 arrivals/s": opened}
    p99s = closed.percentile(0.99), opened.percentile(0.99)
    return Outcome(
        sentence=f"Redis stood still for {STOP_S} s of {seconds}: the closed load reports a p99 of {p99s[0]:,.0f} ms, "
        f"the open load {p99s[1]:,.0f} ms, because {late(closed)} of {closed.requests:,} requests took longer than a "
        f"second in the closed load, and {late(opened)} of {opened.requests:,} in the open load.",
        columns=["load", "requests", "longer than 1 s", *SHARES, "longest"],
        rows=[
            [name, f"{each.requests:,}", f"{late(each):,}",
             *(f"{each.percentile(share):,.0f} ms" for share in (*SHARES.values(), 1))]
            for name, each in loads.items()
        ],
        picture=Bars(
            "What each load reports of the same stop", "ms",
            {f"{name}, {words}": each.percentile(share) for words, share in SHARES.items()
             for name, each in loads.items()},
        ),
        figures={
            "closed_p99_ms": p99s[0], "open_p99_ms": p99s[1], "closed_requests": closed.requests,
            "closed_late": late(closed), "open_requests": opened.requests, "open_late": late(opened),
        },
    )  # fmt: skip


def load(place: Place, program: str, address: str, users: int, seconds: int) -> Counted:
    """Run one of the two loads; Redis stands still one second after its begin."""
    running = LocustLoad(place, f"coordinated_omission/{program}.py", address, users, seconds)
    running.wait_for_users()
    time.sleep(1)
    with place.frozen(place.redis_pid):
        time.sleep(STOP_S)
    return running.finish()["read a book"]


def late(counted: Counted) -> int:
    """Give how many requests took longer than a second."""
    return sum(count for milliseconds, count in counted.times.items() if milliseconds > 1000)
