"""The Redis clients of one process, with time-outs short enough for a request."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.config import settings
from backend.errors import Unavailable

log = logging.getLogger(__name__)

TIMEOUT_S = 0.25


@lru_cache(maxsize=1)
def reader() -> "redis.Redis":
    """Give the client for commands that may be sent twice: one that finds its connection closed tries anew."""
    return _client(Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)))


@lru_cache(maxsize=1)
def changer() -> "redis.Redis":
    """Give the client for scripts whose repetition would do harm: it never sends a command twice."""
    return _client(Retry(NoBackoff(), 0))


def _client(retry: Retry) -> "redis.Redis":
    return redis.Redis.from_url(
        settings().redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=retry,
        decode_responses=True,
    )


def _forget_clients() -> None:
    reader.cache_clear()
    changer.cache_clear()


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
