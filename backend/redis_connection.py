"""One connection to Redis, as lean as every request needs it: redis-py opens it, hiredis speaks on it.

redis-py's own way through a command takes twice the processor time, and its sockets, which time out in Python, give
the interpreter's lock away twice as often: together a tenth of a query. The kernel times these out instead.
"""

import socket
import struct
from typing import Any

import hiredis
import redis

Part = str | int | bytes  # of a command


class Connection:
    """A connection that is open; after any error but one that Redis answers it is of no more use."""

    def __init__(self, address: Any, timeout_s: float) -> None:
        """Open it as a redis.ConnectionPool of this address would. Raises redis.ConnectionError, redis.TimeoutError."""
        self._opened = address.connection_class(**address.connection_kwargs)
        self._opened.connect()
        self._socket: socket.socket = self._opened._sock
        self._socket.settimeout(None)
        limit = struct.pack("ll", int(timeout_s), int(timeout_s % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._reader = hiredis.Reader()

    def exchange(self, command: tuple[Any, ...]) -> Any:
        """Send a command and give the answer, texts as bytes. Raises redis.RedisError."""
        try:
            self._socket.sendall(hiredis.pack_command(command))
            answer = self._reader.gets()
            while answer is False:
                received = self._socket.recv(65536)
                if not received:
                    raise redis.ConnectionError("Redis has closed the connection")
                self._reader.feed(received)
                answer = self._reader.gets()
        except BlockingIOError:
            raise redis.TimeoutError("Redis does not answer") from None
        except OSError as error:
            raise redis.ConnectionError(f"the connection to Redis broke: {error}") from error
        if isinstance(answer, hiredis.ReplyError):
            raise _error_of(str(answer))
        return answer

    def was_closed(self) -> bool:
        """Say whether Redis has closed it since the last answer: nothing else can have come."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Close it."""
        self._opened.disconnect()


def _error_of(text: str) -> redis.RedisError:
    if text.startswith("NOSCRIPT"):
        return redis.exceptions.NoScriptError(text)
    if text.startswith(("LOADING", "MASTERDOWN")):  # not there yet
        return redis.exceptions.BusyLoadingError(text)
    return redis.ResponseError(text)
