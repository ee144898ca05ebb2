"""Requests of an experiment's own, all sent at once on connections of their own, while it does something else."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from tests.faults.records import Record
from tests.faults.sender import GIVE_UP_S, describe
from tests.faults.wire import Answer, Client, Json, NoAnswer


class Request(NamedTuple):
    """One request, and the kind it is noted as."""

    kind: str
    url: str  # of the service
    method: str
    path: str
    token: str
    body: Json | None = None
    key: str = ""  # its Idempotency-Key


class Reply(NamedTuple):
    """A request's record, and what was answered."""

    record: Record
    answer: Answer | None


def send_all(requests: Sequence[Request]) -> list[Reply]:
    """Send all requests at the same time and return their replies in order."""
    return asyncio.run(_send_all(requests))


def send_beside(pool: ThreadPoolExecutor, requests: Sequence[Request]) -> "Future[list[Reply]]":
    """Send all requests at the same time in a thread of the pool, and return at once."""
    return pool.submit(send_all, requests)


async def _send_all(requests: Sequence[Request]) -> list[Reply]:
    return await asyncio.gather(*(_send(each) for each in requests))


async def _send(request: Request) -> Reply:
    headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
    headers |= {"Idempotency_Key": request.key} if request.key else {}
    client, sent, fault, answer = Client(request.url), time.monotonic(), "", None
    try:
        answer = await client.ask(request.method, request.path, body=request.body, wait_s=GIVE_UP_S, **headers)
    except (NoAnswer, TimeoutError) as error:
        fault = str(error) or "no answer in time"
    client.close()
    record = Record(sent, 0, time.monotonic() - sent, request.kind, 0, fault)
    return Reply(describe(record, answer), answer)
