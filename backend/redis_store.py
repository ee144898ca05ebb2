"""The Redis clients of one process, with time-outs short enough for a request."""

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.config import settings
from backend.errors import Unavailable

log = logging.getLogger(__name__)

TIMEOUT_S = 0.25

Part = str | int | bytes  # of a command


class Script:
    """A Lua script and the digest that Redis knows it by."""

    def __init__(self, text: str) -> None:
        """Take the text; Redis learns it on its first use."""
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1)
def reader() -> "redis.Redis":
    """Give the client for commands that may be sent twice: one that finds its connection closed tries anew."""
    return redis.Redis(connection_pool=_pool(1, decode=True))


@lru_cache(maxsize=1)
def changer() -> "redis.Redis":
    """Give the client for scripts whose repetition would do harm: it never sends a command twice."""
    return redis.Redis(connection_pool=_pool(0, decode=True))


def ask(*command: Part) -> Any:
    """Send one command that may be sent twice, on this thread's own connection, and give the answer as bytes.

    For what every request asks: the client's pool, retries and hooks cost more than the trip itself.
    Raises redis.RedisError.
    """
    connection = _own_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    except redis.ConnectionError:  # it was closed since its last use
        connection.disconnect()
        connection.send_command(*command)
        return connection.read_response()


def ask_script(script: Script, keys: list[str], arguments: Sequence[Part]) -> Any:
    """Run a script that may be run twice, as ask() does."""
    try:
        return ask("EVALSHA", script.sha, len(keys), *keys, *arguments)
    except redis.exceptions.NoScriptError:
        return ask("EVAL", script.text, len(keys), *keys, *arguments)


def _own_connection() -> Any:
    mine = _thread_storage()
    if not hasattr(mine, "connection"):
        mine.connection = _pool(0, decode=False).make_connection()
    return mine.connection


@lru_cache(maxsize=1)
def _thread_storage() -> threading.local:
    return threading.local()


def _pool(retries: int, *, decode: bool) -> "redis.ConnectionPool":
    return redis.ConnectionPool.from_url(
        settings().redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), retries, supported_errors=(redis.ConnectionError,)),
        decode_responses=decode,
    )


def _forget_clients() -> None:
    for made in (reader, changer, _thread_storage):
        made.cache_clear()


# Connections must never be shared across a fork.
os.register_at_fork(after_in_child=_forget_clients)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn every failure of Redis inside the block into Unavailable: without Redis nothing is accepted."""
    try:
        yield
    except redis.RedisError as error:
        log.warning("redis: %s", error)
        raise Unavailable("The store of sessions cannot be reached.") from error
