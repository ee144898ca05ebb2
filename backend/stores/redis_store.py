"""The Redis connections of one process, one a thread, with time-outs short enough for a request."""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import redis

from backend.background import in_background
from backend.config import settings
from backend.errors import Unavailable
from backend.stores.breaker import Breaker
from backend.stores.redis_connection import Connection, Part, open_connection

log = logging.getLogger(__name__)

TIMEOUT_S = 0.2  # nothing is sent twice to a Redis that is silent, so that no request waits longer than this
QUICK_S = 0.05  # of the main loop of a worker
PATIENCE_S = 2.0  # of a thread for which no client waits


class Script:
    """A Lua script and the digest that Redis knows it by."""

    def __init__(self, text: str) -> None:
        """Take the text."""
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def ask(*command: Part) -> Any:
    """Send one command that may be sent twice, on this thread's own connection, and give the answer as bytes.

    Raises redis.RedisError, at once when Redis did not answer a few times in a row.
    """
    with _breaker_watching():
        try:
            return _exchange(command)
        except redis.ConnectionError:  # it was closed since its last use
            return _exchange(command)


def ask_once(*command: Part) -> Any:
    """Send one command whose repetition would do harm: when its connection breaks it is not sent again.

    A connection that Redis has closed since its last use is opened anew before. Raises as ask().
    """
    with _breaker_watching():
        if _present.connection is not None and _present.connection.was_closed():
            _drop_connection()
        return _exchange(command)


def ask_script(script: Script, keys: list[str], arguments: Sequence[Part], send: Callable[..., Any] = ask) -> Any:
    """Run a script, with ask() or ask_once(); Redis learns it on its first use."""
    try:
        return send("EVALSHA", script.sha, len(keys), *keys, *arguments)
    except redis.exceptions.NoScriptError:
        return send("EVAL", script.text, len(keys), *keys, *arguments)


def ping() -> None:
    """Ask whether Redis answers now, whatever it did a moment ago. Raises redis.RedisError."""
    connection = open_connection(settings().redis_address, TIMEOUT_S)
    try:
        connection.exchange(("PING",))
    finally:
        connection.close()
    _breaker().succeeded()


def present_connection() -> Connection | None:
    """Give the connection that gave this thread its last answer; None before the first, and after it broke."""
    return _present.connection


def be_quick() -> None:
    """Let this thread wait for Redis only as long as the main loop of a worker may stand still. What it finds says
    nothing of Redis to the others, whose patience is longer. It connects now, not while it answers its first read.
    """
    _drop_connection()
    _present.timeout_s = QUICK_S
    with suppress(redis.RedisError):  # the first read connects
        _connect()


def be_patient() -> None:
    """Let this thread, for which no client waits, wait longer for Redis: loading a catalogue keeps Redis busy."""
    _present.timeout_s = PATIENCE_S


def _exchange(command: tuple[Part, ...]) -> Any:
    connection = _present.connection or _connect()
    try:
        return connection.exchange(command)
    except redis.ResponseError:
        raise
    except BaseException:  # a late answer would be taken for the answer to the next command
        _drop_connection()
        raise


def _connect() -> Connection:
    _present.connection = open_connection(settings().redis_address, _present.timeout_s)
    return _present.connection


def _drop_connection() -> None:
    if _present.connection is not None:
        _present.connection.close()
        _present.connection = None


@contextmanager
def _breaker_watching() -> Iterator[None]:
    breaker = _breaker()
    if not breaker.allows():
        raise redis.ConnectionError(breaker.reason)  # of a moment ago
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if _present.timeout_s != QUICK_S:
            breaker.failed(error)
        raise
    except redis.ResponseError:  # an answer as well: NOSCRIPT is the first one after a restart, and EVAL must follow it
        breaker.succeeded()
        raise
    breaker.succeeded()


@lru_cache(maxsize=1)
def _breaker() -> Breaker:
    return Breaker()


class _PerThread(threading.local):
    connection: Connection | None = None
    timeout_s = TIMEOUT_S


_present = _PerThread()


def _forget_connection() -> None:  # connections must never be shared across a fork
    _present.__dict__.clear()
    _breaker.cache_clear()


os.register_at_fork(after_in_child=_forget_connection)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn every failure of Redis inside the block into Unavailable: without Redis nothing is accepted."""
    try:
        yield
    except redis.RedisError as error:
        if not in_background():
            log.warning("redis: %s", error)
        raise Unavailable("The store of sessions cannot be reached.") from error
