"""Locust's messages and the sockets that carry them; Locust gives them no types."""

from typing import Any

import gevent
from locust.rpc import protocol, zmqrpc

Message: Any = protocol.Message
Server: Any = zmqrpc.Server
Client: Any = zmqrpc.Client


def receive(server: Any, seconds: float) -> tuple[str, Any] | None:
    """Return the next message with the name of its sender; None when none comes in time, or one that is no message."""
    try:
        with gevent.Timeout(seconds, False):
            sender, message = server.recv_from_client()
            return str(sender), message
    except Exception:  # anybody may send anything to an open port, and Locust does not foresee all of it
        gevent.sleep(0)
    return None
