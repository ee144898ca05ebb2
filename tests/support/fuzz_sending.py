"""Sends the requests of the fuzz, a few at a time over connections of their own, and judges the answers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from tests.support.clients import Account, register, sign_in
from tests.support.fuzz_requests import ACCESS, NAME, PASSWORD, REFRESH, Request
from tests.support.malformed import RawAnswer, send_bytes
from tests.support.weak_builds import Services

AT_ONCE = 4
PER_SESSION = 250  # requests, before the sessions are begun anew: some requests end them
LONGEST_S = 5.5  # a request that takes longer hangs


class Verdict(NamedTuple):
    """How often each service answered with each status (0: it closed the connection), and what must not be."""

    statuses: Counter[tuple[str, int]]
    faults: list[str]

    def count(self, status: int) -> int:
        """Return how often that status was given by either service."""
        return sum(times for (_, given), times in self.statuses.items() if given == status)


def send_all(services: Services, requests: Iterable[Request]) -> Verdict:
    """Send every request and judge its answer."""
    verdict = Verdict(Counter(), [])
    requests, accounts = iter(requests), [register(services.auth) for _ in range(3)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while chunk := list(islice(requests, PER_SESSION)):
            values = begin_sessions(services, *accounts)
            data = [request.encode(values) for request in chunk]
            sent = threads.map(lambda pair: send_one(services, *pair), zip(chunk, data, strict=True))
            for request, answer, raw in zip(chunk, sent, data, strict=True):
                status = answer.status if answer else -1
                verdict.statuses[request.service, status] += 1
                if fault := find_fault(request, answer):
                    verdict.faults.append(f"{fault} by {request.service} to {raw[:2000]!r}")
    return verdict


def begin_sessions(services: Services, caller: Account, other: Account, third: Account) -> dict[bytes, bytes]:
    """Return what the placeholders stand for: a session of the caller, one of another that may be ended, and the name
    and password of a third, whose log-ins fail now and then.
    """
    access = sign_in(services.auth, caller)["access_token"]
    refresh = sign_in(services.auth, other)["refresh_token"]
    values = {ACCESS: access, REFRESH: refresh, NAME: third.username, PASSWORD: third.password}
    return {placeholder: str(value).encode() for placeholder, value in values.items()}


def send_one(services: Services, request: Request, data: bytes) -> RawAnswer | None:
    """Send one request; None when no answer came in time."""
    url = services.auth if request.service == "auth" else services.books
    try:
        return send_bytes(url, data, LONGEST_S)
    except TimeoutError:
        return None


def find_fault(request: Request, answer: RawAnswer | None) -> str:
    """Return what is wrong with an answer, nothing if it is right: only what is damaged may be left without one."""
    if answer is None:
        return f"no answer within {LONGEST_S} s"
    if answer.status == 0 and request.seed is None:
        return "a closed connection"
    if answer.status >= 500 and not (answer.status == 503 and answer.headers.get("retry-after", "").isdigit()):
        return f"{answer.status}"
    return "a stack" if b"Traceback" in answer.body else ""


def interleave(*sources: Iterator[Request]) -> Iterator[Request]:
    """Yield from each source in turn until all are empty."""
    left = list(sources)
    while left:
        for source in list(left):
            request = next(source, None)
            if request is None:
                left.remove(source)
            else:
                yield request
