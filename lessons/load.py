"""A small closed load over HTTP/1.1: users that each send a GET, wait for the answer, and send the next."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PAUSE_S = 0.05  # after an error: a server that refuses at once is not asked without end
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answer:
    """What came of one request: `at` is its end in seconds since the load began, `took` its length in seconds.

    `status` is 0 where no whole answer came; `error` then says why: refused, reset, closed, or time-out.
    """

    at: float
    took: float
    status: int
    error: str
    body: str


def send_load(url: str, *, users: int, seconds: float, timeout_s: float = 10.0, think_s: float = 0.0) -> list[Answer]:
    """Let so many users send for so long; each thinks for `think_s` seconds after an answer. Gives every answer."""
    load = _Load(url, seconds, timeout_s, think_s)
    asyncio.run(load.send(users))
    return sorted(load.answers, key=lambda answer: answer.at)


def send_at_once(url: str, count: int, timeout_s: float = 10.0) -> list[Answer]:
    """Send so many requests at the same time, each on a connection of its own, and give their answers."""
    return send_load(url, users=count, seconds=0.0, timeout_s=timeout_s)


class _Load:
    def __init__(self, url: str, seconds: float, timeout_s: float, think_s: float) -> None:
        self.url, self.seconds, self.timeout_s, self.think_s = url, seconds, timeout_s, think_s
        self.answers: list[Answer] = []
        self.begin = time.monotonic()

    async def send(self, users: int) -> None:
        await asyncio.gather(*(self.be_user() for _ in range(users)))

    async def be_user(self) -> None:
        connection: Connection | None = None
        while True:
            answer, connection = await self.ask(connection)
            self.answers.append(answer)
            if answer.at + self.think_s >= self.seconds:
                break
            await asyncio.sleep(self.think_s or (PAUSE_S if answer.error else 0.0))
        if connection:
            connection[1].close()

    async def ask(self, connection: Connection | None) -> tuple[Answer, Connection | None]:
        """Send one request, and give its answer, and its connection if that stays open."""
        sent = time.monotonic()
        status, error, body, stays_open = 0, "", "", False
        try:
            async with asyncio.timeout(self.timeout_s):
                connection = connection or await _connect(self.url)
                status, body, stays_open = await _get(self.url, connection)
        except (OSError, EOFError, TimeoutError) as problem:
            error = _name(problem)
        if connection and not stays_open:
            connection[1].close()
        now = time.monotonic()
        return Answer(now - self.begin, now - sent, status, error, body), connection if stays_open else None


async def _connect(url: str) -> Connection:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def _get(url: str, connection: Connection) -> tuple[int, str, bool]:
    """Send a request, and give status and body of its answer, and whether the connection stays open."""
    reader, writer = connection
    parts = urlsplit(url)
    writer.write(f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    stays_open = first.startswith("HTTP/1.1") and fields.get("connection", "").lower() != "close"
    return int(first.split()[1]), body.decode(), stays_open


def _name(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "time-out"
    if isinstance(problem, ConnectionRefusedError):
        return "refused"
    return "reset" if isinstance(problem, ConnectionError) else "closed"


def find_percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed, by nearest rank; 0 of none."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)] if ranked else 0.0


def count_by_second(answers: Sequence[Answer], step_s: float = 1.0) -> list[tuple[float, float]]:
    """How many answers came in each stretch of `step_s` seconds, as a rate a second at the stretch's middle.

    The last stretch is left out, because the load ended within it.
    """
    counts: dict[int, int] = {}
    for answer in answers:
        counts[int(answer.at / step_s)] = counts.get(int(answer.at / step_s), 0) + 1
    return [((n + 0.5) * step_s, counts.get(n, 0) / step_s) for n in range(max(counts, default=0))]
