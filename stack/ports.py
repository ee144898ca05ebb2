"""Finds loopback ports for programs that somebody starts."""

import socket
from contextlib import ExitStack


def find_free_ports(count: int) -> list[int]:
    """Return so many different loopback ports that are free now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
