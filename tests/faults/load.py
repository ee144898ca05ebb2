"""The load generator, a process of its own: `python -m faults.load` sends what the plan on its standard input says.

Send times are fixed beforehand and kept however slow the answers are; each request is written down once it is over.
It ends when its standard input does, so it never outlives whoever started it.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable
from typing import IO

from tests.faults.plan import Plan
from tests.faults.records import Record
from tests.faults.sender import Sender
from tests.faults.wire import Answer
from tests.support.derived_books import derive_fields

MOST_OPEN = 1500
PAGES = ("/health", "/ready")
PAGES_EVERY_S = 0.5
READY_BURST = 40

Step = Callable[[float], Awaitable[object]]


class Generator(Sender):
    """Sends one plan."""

    def __init__(self, plan: Plan, out: IO[str]) -> None:
        """Take the plan and the file for the records."""
        super().__init__(plan, out)
        self.turn = itertools.cycle(plan.accounts)
        self.free = list(plan.shelf)  # ISBNs that nothing is being written to
        self.present: set[str] = set()  # ISBNs that have a book, as far as is known
        self.numbers = itertools.count(1)

    async def run(self) -> None:
        """Send until the end."""
        plan, paced = self.plan, []
        if plan.burst:
            await self.send_burst()
            return
        for rate, step in ((plan.reads, self.read), (plan.writes, self.write), (plan.logins, self.log_in_any)):
            if rate:
                paced.append(self.pace(1 / rate, step))
        paced += [self.repeat() for _ in range(plan.clients)]
        paced += [self.repeat_logins() for _ in range(plan.login_clients)]
        if plan.pages:
            paced += [
                self.pace(PAGES_EVERY_S, self.ask_page(service, page))
                for service in ("auth", "books")
                for page in PAGES
            ]
        asyncio.get_running_loop().call_later(plan.seconds, self.ending.set)
        await asyncio.gather(*paced)
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def pace(self, every_s: float, step: Step) -> None:
        """Begin a step at fixed times, whatever became of those before."""
        due = time.monotonic() + self.chance.random() * every_s
        while not self.ending.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(self.tasks) < MOST_OPEN:
                self.begin(step(due))
            else:
                self.note(Record(time.monotonic(), 0, 0, "unsent", 0, "too many requests are open"))
            due += every_s

    async def repeat(self) -> None:
        """Send one request after the other."""
        while not self.ending.is_set():
            step = self.write if self.chance.random() < self.plan.write_share else self.read
            await step(time.monotonic())

    async def repeat_logins(self) -> None:
        """Log in again and again."""
        while not self.ending.is_set():
            await self.log_in_any(time.monotonic())

    async def send_burst(self) -> None:
        """Open every thread, connection and slot that the services may ever use."""
        now, account = time.monotonic(), self.plan.accounts[0]
        taken = {"username": account.username, "email": "a@example.com", "password": account.password}
        asked: list[Awaitable[object]] = [self.read_fresh(now) for _ in range(self.plan.burst)]
        asked += [self.ask("me", self.auth, "GET", "/me", now, account=account) for _ in range(self.plan.burst)]
        asked += [
            self.ask("register", self.auth, "POST", "/register", now, body=taken) for _ in range(self.plan.registers)
        ]
        asked += [self.ask_page(service, "/ready")(now) for service in ("auth", "books") for _ in range(READY_BURST)]
        asked += [self.write(now) for _ in self.plan.shelf]
        await asyncio.gather(*asked)

    async def read(self, due: float) -> None:
        """Read one book, a page of the list, or one's own account."""
        account, dice = next(self.turn), self.chance.random()
        if dice < 0.1:
            await self.ask("me", self.auth, "GET", "/me", due, account=account)
        elif dice < 0.25:
            await self.ask("list", self.books, "GET", "/api/books?limit=20", due, account=account)
        else:
            path = f"/api/books/{self.chance.choice(self.plan.isbns)}"
            await self.ask("book", self.books, "GET", path, due, account=account)

    async def read_fresh(self, due: float) -> None:
        """Read one book from MariaDB."""
        path = f"/api/books/{self.chance.choice(self.plan.isbns)}"
        await self.ask("fresh", self.books, "GET", path, due, account=next(self.turn), Cache_Control="no-cache")

    async def write(self, due: float) -> None:
        """Create, change or delete the book of an ISBN that nobody else writes to."""
        if not self.free:
            self.note(Record(time.monotonic(), 0, 0, "unsent", 0, "something is being written to every ISBN"))
            return
        isbn, account = self.free.pop(self.chance.randrange(len(self.free))), next(self.turn)
        number = next(self.numbers)
        path, fields, about = f"/api/books/{isbn}", derive_fields(number, self.plan.mark), {"isbn": isbn}
        if isbn not in self.present:
            answer = await self.ask(
                "add", self.books, "POST", "/api/books", due, account=account, body={**about, **fields}, isbn=isbn,
                number=number, Idempotency_Key=f"{isbn}-{number}",
            )  # fmt: skip
        elif self.chance.random() < 0.8:
            answer = await self.ask(
                "change", self.books, "PATCH", path, due, account=account, body=fields, isbn=isbn, number=number
            )
        else:
            answer = await self.ask("delete", self.books, "DELETE", path, due, account=account, isbn=isbn)
        self.learn(isbn, answer)
        self.free.append(isbn)

    def learn(self, isbn: str, answer: Answer | None) -> None:
        """Take from an answer whether the ISBN has a book now."""
        if answer is not None and answer.status in (200, 201, 409):
            self.present.add(isbn)
        elif answer is not None and answer.status in (204, 404):
            self.present.discard(isbn)

    async def log_in_any(self, due: float) -> None:
        """Open a new session of an account, as people come and go."""
        await self.log_in(due, next(self.turn))

    def ask_page(self, service: str, page: str) -> Step:
        """Return the step that asks a service page."""
        client = self.auth if service == "auth" else self.books

        async def ask(due: float) -> None:
            await self.ask(f"{service} {page}", client, "GET", page, due, retries=0)

        return ask

    def end(self) -> None:
        """Send nothing more."""
        self.ending.set()
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


async def send(plan: Plan) -> None:
    """Send a plan until its end or that of standard input."""
    with open(plan.out, "w", encoding="utf-8", buffering=1) as out:
        generator = Generator(plan, out)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), generator.end)
        await generator.run()
        generator.auth.close()
        generator.books.close()


if __name__ == "__main__":
    asyncio.run(send(Plan.from_json(sys.stdin.readline())))
