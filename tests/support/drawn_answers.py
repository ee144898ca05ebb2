"""A stream of answers drawn at random, always the same: what each process of a load would have seen of it."""

import random
from dataclasses import dataclass

from analysis.records.failures import BEGINNINGS, Kind

START = 1_790_000_000  # epoch seconds, in the past: a recording writes the seconds that are over
SECONDS, ANSWERS, USERS = 20, 12_000, 60
MIX = (  # method, name, weight, median of the latencies in ms
    ("GET", "/api/books", 5, 12.0),
    ("GET", "/api/books/{isbn}", 8, 4.0),
    ("POST", "/api/books", 2, 25.0),
    ("PATCH", "/api/books/{isbn}", 2, 18.0),
    ("DELETE", "/api/books/{isbn}", 1, 16.0),
    ("POST", "/login", 1, 280.0),
)
SPREAD = 0.8  # of the logarithm of a latency: p99 is 6 times the median
STATUS = {"POST": 201, "PATCH": 200, "DELETE": 204, "GET": 200}
FAILED: dict[Kind, int] = {"wrong": 404, "unanswered": 0, "shed": 503}


@dataclass(frozen=True)
class Drawn:
    """An answer to user `user`: it was asked for at `start`, and is right when `failure` is None."""

    user: int
    start: float
    method: str
    name: str
    ms: float
    failure: Kind | None

    @property
    def isbn(self) -> str:
        """The book that a write is of; each user has books of its own."""
        return f"{9_790_000_000_000 + self.user * 1000 + int(self.start) % 7}"

    @property
    def status(self) -> int:
        """The status of the answer, 0 for none."""
        return FAILED[self.failure] if self.failure else STATUS[self.method]


def draw_answers() -> list[Drawn]:
    """Return the whole stream, in the order in which it was asked for."""
    source = random.Random(22)
    starts = sorted(source.uniform(START, START + SECONDS) for _ in range(ANSWERS))
    kinds = source.choices(MIX, [weight for _, _, weight, _ in MIX], k=ANSWERS)
    answers = []
    for start, (method, name, _, median) in zip(starts, kinds, strict=True):
        failure = source.choice(list(BEGINNINGS)) if source.random() < 0.02 else None
        ms = median * source.lognormvariate(0, SPREAD)
        answers.append(Drawn(source.randrange(USERS), start, method, name, ms, failure))
    return answers


def take_share(answers: list[Drawn], number: int, of: int) -> list[Drawn]:
    """Return what the users of process `number` of so many have seen."""
    return [answer for answer in answers if answer.user % of == number]
