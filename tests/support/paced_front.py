"""A front before a service that passes on at most so many requests a second; the others wait for their turn."""

import asyncio
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65_536


class Pace:
    """Gives turns at a rate; who comes early waits."""

    def __init__(self, rate: float) -> None:
        """Take the turns a second."""
        self._lock, self._every_s, self._next = threading.Lock(), 1 / rate, 0.0
        self._worn_s = float("inf")

    def take(self) -> float:
        """Take the next turn, and return in how many seconds it comes."""
        with self._lock:
            now = time.monotonic()
            turn = self._next = max(self._next + self._every_s, now)
            if turn - now > self._worn_s:  # it never gets as fast again
                self._every_s, self._worn_s = 5 * self._every_s, float("inf")
        return turn - now

    def stall(self, seconds: float) -> None:
        """Give no turn for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic()) + seconds

    def wear_out(self, queue_s: float) -> None:
        """Once a turn has to be waited for that long, give a fifth of the turns from then on."""
        with self._lock:
            self._worn_s = queue_s


class PacedFront:
    """Passes bytes on in both directions; what comes behind an answer is a new request, and waits for its turn.

    It reads no HTTP, so that it takes little of the processors that it is to leave to the service.
    """

    def __init__(self, url: str, pace: Pace) -> None:
        """Listen on a port of its own, in a thread."""
        far = urlsplit(url)
        self._to, self._pace = (far.hostname, far.port), pace
        self._loop, self._open = asyncio.new_event_loop(), set[asyncio.Task[None]]()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _serve(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far, to_far = await asyncio.open_connection(*self._to)
            answered = asyncio.Event()
            answered.set()
            back = asyncio.create_task(self._pass_back(far, to_near, answered))
            self._open.add(back)
            back.add_done_callback(self._open.discard)
            try:
                while chunk := await near.read(CHUNK):
                    if answered.is_set():
                        answered.clear()
                        await asyncio.sleep(self._pace.take())
                    to_far.write(chunk)
            finally:
                to_far.close()

    async def _pass_back(
        self, far: asyncio.StreamReader, to_near: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while chunk := await far.read(CHUNK):
                answered.set()
                to_near.write(chunk)
        to_near.close()

    async def _end(self) -> None:
        self._server.close()
        open_ones = asyncio.all_tasks() - {asyncio.current_task()}
        for each in open_ones:
            each.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def close(self) -> None:
        """Listen no more, and end what goes on."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def run_paced_front(url: str, pace: Pace) -> Iterator[PacedFront]:
    """Run a front before the service at `url` during the block, in which this process may have many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    front = PacedFront(url, pace)
    try:
        yield front
    finally:
        front.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
