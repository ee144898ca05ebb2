"""Loads a service that gives wrong books, with a test by status and with a test by content."""

import redis

from lessons.lesson import Bars, Outcome
from lessons.locust_load import Counted, LocustLoad
from lessons.place import Place

USERS, BOOKS = 20, 1000


def run(place: Place, short: bool) -> Outcome:
    """Run the two tests with 20 users, and the second also with one user, as somebody does who tries it by hand."""
    with redis.Redis.from_url(place.redis_url) as catalogue:
        catalogue.flushdb()
        catalogue.hset("titles", mapping={str(number): f"Book {number}" for number in range(1, BOOKS + 1)})
    seconds = 2 if short else 10
    with place.gunicorn("lessons.status_is_not_enough.service:app", workers=2, threads=8) as address:
        mistake = load(place, "mistake", address, USERS, seconds)
        cure = load(place, "cure", address, USERS, seconds)
        alone = load(place, "cure", address, 1, seconds)
    loads = {
        f"mistake: by status, {USERS} users": mistake,
        f"cure: by content, {USERS} users": cure,
        "cure: by content, 1 user": alone,
    }
    return Outcome(
        sentence=f"The test by status saw {mistake.failures} failures in {mistake.requests:,} requests; the test by "
        f"content found another book in {percent(cure):.0f} % of the answers, and one user alone met {alone.failures}.",
        columns=["load test", "requests", "failures", "of all"],
        rows=[
            [name, f"{each.requests:,}", f"{each.failures:,}", f"{percent(each):.1f} %"] for name, each in loads.items()
        ],
        picture=Bars("Failures that the load test reports", "", {name: each.failures for name, each in loads.items()}),
        figures={
            "requests_by_status": mistake.requests, "failures_by_status": mistake.failures,
            "requests_by_content": cure.requests, "failures_by_content": cure.failures,
            "percent_wrong": percent(cure), "failures_of_one_user": alone.failures,
        },
    )  # fmt: skip


def load(place: Place, program: str, address: str, users: int, seconds: int) -> Counted:
    """Run one of the two tests, and give what it counted."""
    return LocustLoad(place, f"status_is_not_enough/{program}.py", address, users, seconds).finish()["read a book"]


def percent(counted: Counted) -> float:
    """Give how many of a hundred requests failed."""
    return 100 * counted.failures / counted.requests
