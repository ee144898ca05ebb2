"""Reads books while the read model is rebuilt: in place, and as a generation that is switched in."""

import time

import redis
import requests

from lessons.lesson import Lines, Outcome
from lessons.locust_load import Counted, LocustLoad
from lessons.place import Place

USERS = 20


def run(place: Place, short: bool) -> Outcome:
    """Run the same load against both, and rebuild the read model meanwhile."""
    books, seconds = (40_000, 4) if short else (200_000, 12)
    place.ask("CREATE OR REPLACE TABLE Libros.shelf (number INT PRIMARY KEY, title VARCHAR(50) NOT NULL)")
    place.ask(
        "INSERT INTO Libros.shelf SELECT seq, CONCAT('Book ', seq) FROM Libros.seq_1_to_1000000 WHERE seq <= %s", books
    )
    try:
        loads = {
            "mistake: in place": load(place, "mistake", books, seconds),
            "cure: a new generation": load(place, "cure", books, seconds),
        }
    finally:
        place.ask("DROP TABLE Libros.shelf")
    mistake, cure = loads.values()
    return Outcome(
        sentence=f"A read model of {books:,} books was rebuilt once during a load. Rebuilt in place, "
        f"{mistake.failures:,} of {mistake.requests:,} reads did not find a book that is there; in the worst second "
        f"{worst(mistake):.0f} % of its reads did not. As a new generation beside the old that was switched in, "
        f"{cure.failures:,} of {cure.requests:,} did not.",
        columns=["rebuilt", "reads", "not found", "in the worst second"],
        rows=[
            [name, f"{each.requests:,}", f"{each.failures:,}", f"{worst(each):.0f} %"] for name, each in loads.items()
        ],
        picture=Lines(
            "Reads of a book that is there and is not found", "%",
            {name: not_found(each) for name, each in loads.items()},
        ),
        figures={
            "mistake_not_found": mistake.failures, "cure_not_found": cure.failures, "cure_reads": cure.requests,
            "mistake_worst_percent": worst(mistake),
        },
    )  # fmt: skip


def load(place: Place, program: str, books: int, seconds: int) -> Counted:
    """Build a read model, load the service, rebuild the read model a second later, and give what Locust counted."""
    with redis.Redis.from_url(place.redis_url) as model:
        model.flushdb()
    with place.gunicorn(f"lessons.cold_cqrs.{program}:app", workers=2, threads=8) as address:
        rebuild(address)
        running = LocustLoad(place, "cold_cqrs/load.py", address, USERS, seconds, BOOKS=str(books))
        running.wait_for_users()
        time.sleep(1)
        rebuild(address)
        return running.finish()["read a book"]


def rebuild(address: str) -> None:
    """Have a service build its read model. Raises requests.RequestException."""
    with requests.Session() as http:
        http.trust_env = False  # no proxy
        http.post(f"{address}/rebuild", timeout=60).raise_for_status()


def not_found(counted: Counted) -> list[tuple[float, float]]:
    """Give the per cent of reads that failed in each second of the load."""
    pairs = zip(counted.requests_in, counted.failures_in, strict=True)
    return [(second, 100 * failed / reads) for second, (reads, failed) in enumerate(pairs) if reads]


def worst(counted: Counted) -> float:
    """Give the highest of these per cents."""
    return max(share for _, share in not_found(counted))
