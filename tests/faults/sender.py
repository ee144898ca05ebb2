"""Sends single requests for a load generator, again at once where they are refused, and notes what became of them."""

import asyncio
import random
import time
from collections.abc import Awaitable
from typing import IO

from tests.faults.plan import Account, Plan
from tests.faults.records import WRITES, Record, write_line
from tests.faults.wire import Answer, Client, Json, NoAnswer

GIVE_UP_S = 12  # longer than any bound, so that what is too long is measured and not cut


class Sender:
    """The clients of one build, and their sessions."""

    def __init__(self, plan: Plan, out: IO[str]) -> None:
        """Take the plan and the file for the records."""
        self.plan, self.out = plan, out
        self.auth, self.books = Client(plan.auth), Client(plan.books)
        self.chance = random.Random(plan.seed)
        self.lost: set[str] = set()  # accounts whose session ended, until they have a new one
        self.tasks: set[asyncio.Task[object]] = set()
        self.ending = asyncio.Event()

    def begin(self, work: Awaitable[object]) -> None:
        """Let something go on by itself."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def ask(
        self, kind: str, client: Client, method: str, path: str, due: float, *, account: Account | None = None,
        body: Json | None = None, isbn: str = "", number: int = 0, retries: int | None = None, **headers: str,
    ) -> Answer | None:  # fmt: skip
        """Send a request, again at once while it is refused as often as the plan says; note each sending."""
        for attempt in range(1 + (self.plan.retries if retries is None else retries)):
            if account is not None:
                headers["Authorization"] = f"Bearer {account.token}"
            sent, fault, answer = time.monotonic(), "", None
            try:
                answer = await client.ask(method, path, body=body, wait_s=GIVE_UP_S, **headers)
            except (NoAnswer, TimeoutError) as error:
                fault = str(error) or "no answer in time"
            record = Record(sent, sent - due, time.monotonic() - sent, kind, 0, fault, isbn=isbn, number=number)
            self.note(describe(record._replace(attempt=attempt), answer))
            if answer is not None and answer.status not in (429, 503):
                break
            due = time.monotonic()
        if answer is not None and answer.status == 401 and account is not None and account.username not in self.lost:
            self.begin(self.sign_in_again(account))
        return answer

    async def log_in(self, due: float, account: Account) -> None:
        """Open a new session of this account."""
        body = {"username": account.username, "password": account.password}
        answer = await self.ask("login", self.auth, "POST", "/login", due, body=body)
        if answer is not None and answer.status == 200:
            account.token = answer.read_json()["access_token"]
            self.lost.discard(account.username)

    async def sign_in_again(self, account: Account) -> None:
        """Open a session for an account that has lost its own, trying once a second."""
        self.lost.add(account.username)
        while account.username in self.lost and not self.ending.is_set():
            await self.log_in(time.monotonic(), account)
            await asyncio.sleep(1 if account.username in self.lost else 0)

    def note(self, record: Record) -> None:
        """Write a record down."""
        self.out.write(write_line(record))


def describe(record: Record, answer: Answer | None) -> Record:
    """Return the record with what the answer says."""
    if answer is None:
        return record
    version = 0
    note = "mariadb" if answer.headers.get("catalogue-version") == "mariadb" else ""
    if record.kind in WRITES or answer.status >= 400 or record.kind.endswith("/ready"):
        body = answer.read_json()
        version = int(body.get("version", 0))
        note = str(body.get("detail", ""))
        if record.kind.endswith("/ready"):
            note = " ".join(f"{store} {body.get(store, '?')}" for store in ("database", "redis"))
    retry_after = answer.headers.get("retry-after", "")
    return record._replace(status=answer.status, retry_after=retry_after, note=note, version=version)
