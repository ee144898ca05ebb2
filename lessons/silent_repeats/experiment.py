"""Loads a service that loses every tenth answer, by a client that sends again by itself and by one that does not."""

from dataclasses import asdict, astuple, dataclass

import redis

from lessons.lesson import Bars, Outcome
from lessons.locust_load import LocustLoad
from lessons.place import Place

USERS, BOOKS = 10, 20_000


@dataclass(frozen=True)
class Seen:
    """Requests that the service did and that Locust counted; reads whose answer was lost and those that Locust reports
    as failed; removals answered by 404, though the book was there.
    """

    done: int
    counted: int
    lost_reads: int
    failed_reads: int
    not_found: int


def run(place: Place, short: bool) -> Outcome:
    """Run both, and compare what Locust counted with what the service counted."""
    seconds = 2 if short else 10
    mistake, cure = (load(place, program, seconds) for program in ("mistake", "cure"))
    clients = {"mistake: sends again by itself": mistake, "cure: sends each once": cure}
    return Outcome(
        sentence=f"Every tenth answer was lost: the client that sends again made the service do {mistake.done:,} "
        f"requests, while Locust counted {mistake.counted:,} and reported {mistake.failed_reads} of "
        f"{mistake.lost_reads} lost reads, and {mistake.not_found} removals that were done came back as 404; with each "
        f"request sent once, {cure.done:,} were done, {cure.counted:,} counted, and {cure.failed_reads} of "
        f"{cure.lost_reads} lost reads reported.",
        columns=["client", "service did", "Locust counted", "lost reads", "reported", "done, but 404"],
        rows=[[name, *(f"{number:,}" for number in astuple(seen))] for name, seen in clients.items()],
        picture=Bars(
            "Requests that the service did and Locust did not count", "",
            {name: seen.done - seen.counted for name, seen in clients.items()},
        ),
        figures={
            f"{name}_{kind}": number
            for name, seen in (("mistake", mistake), ("cure", cure)) for kind, number in asdict(seen).items()
        },
    )  # fmt: skip


def load(place: Place, program: str, seconds: int) -> Seen:
    """Run one of the two clients against a full shelf."""
    with redis.Redis.from_url(place.redis_url, decode_responses=True) as shelf:
        shelf.flushdb()
        shelf.sadd("books", *range(1, BOOKS + 1))
        with place.gunicorn("lessons.silent_repeats.service:app", workers=2, threads=8) as address:
            counted = LocustLoad(place, f"silent_repeats/{program}.py", address, USERS, seconds).finish()
        answers = {kind: int(number) for kind, number in shelf.hgetall("answers").items()}
    return Seen(
        done=sum(answers.values()),
        counted=sum(each.requests for each in counted.values()),
        lost_reads=answers["GET 200"] // 10,
        failed_reads=counted["read a book"].failures,
        not_found=answers.get("DELETE 404", 0) - answers.get("DELETE 404", 0) // 10,  # but those lost in their turn
    )
