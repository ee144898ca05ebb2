"""Measures reads while people log in: where the same threads hash passwords, and with a bulkhead."""

import redis

from lessons.lesson import Bars, Outcome
from lessons.locust_load import Counted, LocustLoad
from lessons.place import Place

USERS = 20  # half of them read, half log in
NOTHING = Counted(0, 0, [], [], {})


def run(place: Place, short: bool) -> Outcome:
    """Run the same load against both services: ten people who read, ten who log in."""
    with redis.Redis.from_url(place.redis_url) as store:
        store.flushdb()
        store.hset("titles", mapping={str(number): f"Book {number}" for number in range(1, 1001)})
    seconds = 3 if short else 15
    mistake, cure = (load(place, program, seconds) for program in ("mistake", "cure"))
    services = {"mistake: hashes in the threads of reads": mistake, "cure: hashes behind a bulkhead": cure}

    def rate(counted: Counted) -> str:
        return f"{counted.requests / seconds:.1f}"

    p95s = [each["read a book"].percentile(0.95) for each in (mistake, cure)]
    return Outcome(
        sentence=f"While people logged in at bcrypt cost 12, the p95 of reads was {p95s[0]:,.0f} ms in the same "
        f"threads and {p95s[1]:,.0f} ms beside a bulkhead whose thread gives way to all others. The bulkhead did "
        f"{rate(cure['log in'])} log-ins a second ({rate(mistake['log in'])} without it) and told the others at once "
        "to come again.",
        columns=["service", "reads/s", "p50 of reads", "p95 of reads", "log-ins/s", "refused/s"],
        rows=[
            [name, rate(each["read a book"]),
             *(f"{each['read a book'].percentile(share):,.0f} ms" for share in (0.5, 0.95)),
             rate(each["log in"]), rate(each["log-in refused"])]
            for name, each in services.items()
        ],
        picture=Bars(
            "95th percentile of reads while people log in", "ms",
            {name: each["read a book"].percentile(0.95) for name, each in services.items()},
        ),
        figures={
            "mistake_reads_p95_ms": p95s[0], "cure_reads_p95_ms": p95s[1],
            "mistake_logins": mistake["log in"].requests, "cure_logins": cure["log in"].requests,
        },
    )  # fmt: skip


def load(place: Place, program: str, seconds: int) -> dict[str, Counted]:
    """Load one of the two services, and give what Locust counted of each kind of request."""
    with place.gunicorn(f"lessons.hashing_eats_the_reads.{program}:app", workers=2, threads=4) as address:
        counted = LocustLoad(place, "hashing_eats_the_reads/load.py", address, USERS, seconds).finish()
    return {name: counted.get(name, NOTHING) for name in ("read a book", "log in", "log-in refused")}
