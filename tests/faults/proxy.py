"""A small TCP proxy that can add latency, fall silent, reset, and cut a connection behind a chosen request."""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset


class Cut(NamedTuple):
    """Where a connection is to be reset: at the first request like `pattern` on the connection that sent `marker`."""

    marker: bytes
    pattern: re.Pattern[bytes]
    arrives: bool  # the request is passed on, and only its answer is lost


class Proxy:
    """Passes connections on from a loopback port of its own; what is set acts at once, on open connections too."""

    def __init__(self, port: int) -> None:
        """Take the port to pass on to."""
        self.target = port
        self.port = 0
        self.latency_s = 0.0  # added to each round trip
        self.silent = False  # takes connections and bytes, passes nothing on
        self.cut: Cut | None = None  # to be made once
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {port}", daemon=True)

    def choose_port(self) -> int:
        """Give the port that a new connection goes to."""
        return self.target

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """End all connections and the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.choose_port())
        except OSError:
            reset(writer)
            return
        cut = asyncio.Event()  # set once no answer may come through
        try:
            await asyncio.gather(
                self._pass_requests(reader, far_writer, cut), self._pass_answers(far_reader, writer, cut)
            )
        except (OSError, asyncio.CancelledError):
            pass  # of the connection, or of the proxy: either way both sides are reset
        finally:
            reset(writer)
            reset(far_writer)

    async def _pass_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Any) -> None:
        marked = False
        while data := await reader.read(65536):
            marked |= self.cut is not None and self.cut.marker in data
            if marked and self.cut is not None and self.cut.pattern.search(data):
                last, self.cut = self.cut, None
                if not last.arrives:
                    raise ConnectionResetError
                cut.set()
            await self._hold_back(self.latency_s)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Any) -> None:
        while data := await reader.read(65536):
            if cut.is_set():
                raise ConnectionResetError
            await self._hold_back(0)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _hold_back(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)
        while self.silent:
            await asyncio.sleep(0.02)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset, unless it is closed."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@contextmanager
def run_proxy(port: int) -> Iterator[Proxy]:
    """Run a proxy of a loopback port during the block."""
    proxy = Proxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
