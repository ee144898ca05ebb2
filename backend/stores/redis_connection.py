"""One connection to Redis, as lean as every request needs it: hiredis writes and reads what goes through a socket.

redis-py takes twice the processor time for a command. Its sockets time out in Python, so that they release the
interpreter's lock twice as often. Together that is a tenth of a query. Here the kernel times the sockets out.
"""

import socket
import ssl
import struct
from typing import Any

import hiredis
import redis

from backend.addresses import RedisAddress

Part = str | int | bytes  # of a command

IDLE_S = 30  # after which the kernel asks whether the other side is there; that keeps firewalls from forgetting it
SILENT = "Redis does not answer"


def open_connection(address: RedisAddress, timeout_s: float) -> "Connection":
    """Open a connection, sign in and choose the database; no single wait on it is longer than `timeout_s`.

    Raises redis.ConnectionError, also for whatever Redis refuses meanwhile, or redis.TimeoutError.
    """
    connection = (EncryptedConnection if address.tls else Connection)(_open_socket(address, timeout_s), timeout_s)
    try:
        if address.username:
            connection.exchange(("AUTH", address.username, address.password))
        elif address.password:
            connection.exchange(("AUTH", address.password))
        if address.database:
            connection.exchange(("SELECT", address.database))
    except redis.ResponseError as error:
        connection.close()
        raise redis.ConnectionError(f"Redis refuses the connection: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _open_socket(address: RedisAddress, timeout_s: float) -> socket.socket:
    try:
        opened = socket.socket(socket.AF_UNIX) if address.path else _connect(address, timeout_s)
        try:
            opened.settimeout(timeout_s)
            if address.path:
                opened.connect(address.path)
            return address.tls.wrap_socket(opened, server_hostname=address.host) if address.tls else opened
        except BaseException:
            opened.close()
            raise
    except TimeoutError as error:
        raise redis.TimeoutError(SILENT) from error
    except OSError as error:
        raise redis.ConnectionError(f"Redis cannot be reached: {error}") from error


def _connect(address: RedisAddress, timeout_s: float) -> socket.socket:
    opened = socket.create_connection((address.host, address.port), timeout_s)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # macOS has another name for it
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
    return opened


class Connection:
    """An open connection. It is of no more use after an error, unless the error is an answer of Redis."""

    silence: type[OSError] = BlockingIOError  # what its socket raises when a wait was too long
    run = b""  # the mark of the run of Redis that it stands in, once redis_run.py has looked

    def __init__(self, opened: socket.socket, timeout_s: float) -> None:
        """Take a socket that is connected."""
        self._socket, self._timeout_s = opened, timeout_s
        self._reader = hiredis.Reader(protocolError=redis.ConnectionError)  # something else than Redis answers
        self._limit_waits()

    def _limit_waits(self) -> None:
        self._socket.settimeout(None)
        limit = struct.pack("ll", int(self._timeout_s), int(self._timeout_s % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

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
        except self.silence:
            raise redis.TimeoutError(SILENT) from None
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
        self._socket.close()


class EncryptedConnection(Connection):
    """A connection under TLS. Its socket times out in Python, because after the kernel's time-out it would wait on."""

    silence = TimeoutError

    def _limit_waits(self) -> None:
        self._socket.settimeout(self._timeout_s)

    def was_closed(self) -> bool:
        """Say whether Redis has closed it. What is there to be read need not say so: TLS 1.3 sends session tickets."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except ssl.SSLWantReadError:
            self._limit_waits()
            return False
        except OSError:
            pass
        return True


def _error_of(text: str) -> redis.RedisError:
    if text.startswith("NOSCRIPT"):
        return redis.exceptions.NoScriptError(text)
    if text.startswith(("LOADING", "MASTERDOWN")):  # not there yet
        return redis.exceptions.BusyLoadingError(text)
    return redis.ResponseError(text)
