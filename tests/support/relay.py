"""Passes connections on to another address, late or not at all for a while."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK = 65_536


class Relay:
    """Listens at an address, and passes what comes on to an address, each chunk `delay_s` late."""

    def __init__(self, host: str, to: tuple[str, int]) -> None:
        self.delay_s = 0.0
        self._flows = threading.Event()
        self._flows.set()
        self._to = to
        self._connections: list[socket.socket] = []
        self._server = socket.create_server((host, 0))
        self.port = int(self._server.getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self, seconds: float) -> None:
        """Pass nothing on for so long, as when a packet was lost and is sent again late."""
        self._flows.clear()
        time.sleep(seconds)
        self._flows.set()

    def close(self) -> None:
        """Listen no more, and end what goes on."""
        for each in (self._server, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                try:
                    far = socket.create_connection(self._to)
                except OSError:
                    near.close()
                    continue
                self._connections += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                time.sleep(self.delay_s)
                self._flows.wait()
                target.sendall(chunk)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def run_relay(host: str, to: tuple[str, int]) -> Iterator[Relay]:
    """Run a relay for the block."""
    relay = Relay(host, to)
    try:
        yield relay
    finally:
        relay.close()
