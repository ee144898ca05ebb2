"""A small HTTP/1.1 client for asyncio, cheap enough to share the machine with its target."""

import asyncio
import json
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Json = dict[str, Any]


class NoAnswer(Exception):
    """The connection ended before the answer did, or it could not be made."""


class Answer(NamedTuple):
    """A response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def read_json(self) -> Json:
        """Return the body's JSON, empty when it is none."""
        try:
            return dict(json.loads(self.body))
        except ValueError:
            return {}


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        """Begin without a transport."""
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.waiting: asyncio.Future[Answer] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand the answer over once it is whole."""
        self.buffer += data
        answer = parse(self.buffer)
        if answer is not None and self.waiting is not None and not self.waiting.done():
            self.buffer = b""
            self.waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        self.lost = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(NoAnswer(f"connection lost: {error or 'closed'}"))

    def close(self) -> None:
        """End the connection at once."""
        self.lost = True
        if self.transport is not None:
            self.transport.abort()


def parse(data: bytes) -> Answer | None:
    """Return the response if it is whole."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first[9:12])
    length = 0 if status in (204, 304) else int(headers.get("content-length", "0"))
    return Answer(status, headers, body) if len(body) >= length else None


class Client:
    """The connections to one service; they are used in turn, so that all workers get their part."""

    def __init__(self, url: str) -> None:
        """Take the address of the service."""
        target = urlsplit(url)
        self.host, self.port = str(target.hostname), int(target.port or 80)
        self.idle: deque[Connection] = deque()

    async def ask(
        self, method: str, path: str, *, body: Json | None = None, wait_s: float = 12, **headers: str
    ) -> Answer:
        """Send a request and return its answer; header names have underscores. Raises NoAnswer, TimeoutError."""
        request = write_request(method, path, self.host, body, headers)
        async with asyncio.timeout(wait_s):
            connection = await self._connect()
            try:
                assert connection.transport is not None
                connection.waiting = asyncio.get_running_loop().create_future()
                connection.transport.write(request)
                answer = await connection.waiting
            except BaseException:
                connection.close()
                raise
        connection.waiting = None
        if answer.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self.idle.append(connection)
        return answer

    async def _connect(self) -> Connection:
        while self.idle:
            connection = self.idle.popleft()
            if not connection.lost:
                return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, self.host, self.port)
        except OSError as error:
            raise NoAnswer(f"no connection: {error}") from error
        return connection

    def close(self) -> None:
        """End the connections that are not in use."""
        for connection in self.idle:
            connection.close()


def write_request(method: str, path: str, host: str, body: Json | None, headers: dict[str, str]) -> bytes:
    """Return the bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
