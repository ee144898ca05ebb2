"""Clients that are slow on purpose, a process of its own: `python -m faults.crowd KIND COUNT PORT [PORT]`.

Each kind does one thing every two seconds and connects anew when it was sent away. It ends with its standard input,
and then prints how many connections it has made.
"""

import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle

EACH_S = 2.0
LARGE_PAGE = b"/swagger/js/swagger-ui-bundle.js"  # 1.4 MB, and needs no token
TIMES = 20  # more than the buffers between the two hold


class Slow:
    """One client that sends nothing."""

    first = b""

    def __init__(self, port: int) -> None:
        """Take the port it connects to."""
        self.port = port
        self.socket: socket.socket | None = None

    def connect(self) -> bool:
        """Connect; say whether that was possible."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(1)
        try:
            self.socket.connect(("127.0.0.1", self.port))
            self.socket.sendall(self.first)
        except OSError:
            self.close()
        return self.socket is not None

    def close(self) -> None:
        """Leave."""
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def is_sent_away(self) -> bool:
        """Say whether the service has closed the connection."""
        assert self.socket is not None
        looks = select.poll()
        looks.register(self.socket, select.POLLRDHUP)
        return bool(looks.poll(0))

    def go_on(self) -> None:
        """Do what this kind does every two seconds."""


class Dripping(Slow):
    """Sends a header, and never ends it."""

    first = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: "

    def go_on(self) -> None:
        """Send one byte."""
        assert self.socket is not None
        with suppress(OSError):  # seen at the next look
            self.socket.send(b"a")


class DrippingBody(Dripping):
    """Sends a body, and never ends it."""

    first = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"


class Deaf(Slow):
    """Asks for a large page many times and reads nothing of it."""

    first = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % LARGE_PAGE * TIMES


KINDS: dict[str, tuple[type[Slow], ...]] = {
    "dripping": (Dripping, DrippingBody),
    "silent": (Slow,),
    "deaf": (Deaf,),
    "mixed": (Dripping, Slow, Deaf, DrippingBody, Slow, Deaf),
}


def run(clients: list[Slow], ended: Callable[[float], bool]) -> int:
    """Let each client do its part every two seconds; return how many connections they made."""
    made = sum(each.connect() for each in clients)
    turn = cycle(clients)
    while not ended(EACH_S / len(clients)):
        client = next(turn)
        if client.socket is not None and client.is_sent_away():
            client.close()
        if client.socket is None:
            made += client.connect()
        else:
            client.go_on()
    return made


def is_ended(seconds: float) -> bool:
    """Wait that long; say whether standard input has ended."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def main() -> None:
    """Make the clients, half of them for each port, and let them work."""
    kind, count, *ports = sys.argv[1:]
    kinds, targets = cycle(KINDS[kind]), [int(port) for port in ports]
    clients = [next(kinds)(targets[number * len(targets) // int(count)]) for number in range(int(count))]
    started = time.monotonic()
    made = run(clients, lambda seconds: is_ended(seconds) or time.monotonic() - started > 300)
    sys.stdout.write(f"{made} {sum(each.socket is not None for each in clients)}\n")


if __name__ == "__main__":
    main()
