"""Tells in which run of Redis a connection stands: what a server brings back with a snapshot may be out of date.

A *mark* names the run in which something was made: `run:<run id>`, or where the user of Redis may not ask INFO
`script:<digest>` of a script with a random text. Redis keeps such a script in memory alone: since version 7 no snapshot
holds any. No connection outlives its run, so each looks at a mark once.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import redis

from backend.stores.redis_connection import Part
from backend.stores.redis_store import Script, ask, ask_script, present_connection

MOST_TRIES = 4  # a connection that broke, a run to look at, and the answer; one to spare
SCRIPTS_STAY_OUT = 7  # the first version whose snapshots hold no scripts


def ask_in_run(script: Script, keys: list[str], arguments: Sequence[Part]) -> list[Any]:
    """Run a script that reads what may be out of date after a restart, and give its answer, a list.

    The script takes as its first argument the mark of the run that the connection is known to stand in, empty before
    it was looked at. Where what it should read was made in another run it answers with two items, the second being
    that mark; the caller then gets the first alone, unless the mark is that of the present run after all.
    Raises redis.RedisError.
    """
    answer: list[Any] = []
    for _ in range(MOST_TRIES):
        run = _known_run()
        answer = ask_script(script, keys, [run, *arguments])
        if _known_run() != run:  # it was asked again on a new connection, of a Redis that has started again perhaps
            continue
        if len(answer) != 2:
            return answer
        if not is_of_this_run(answer[1]):
            break
    return answer[:1]


def is_of_this_run(mark: bytes) -> bool:
    """Say whether a mark was made in the run of Redis that gave this thread its last answer.

    Raises redis.RedisError.
    """
    if mark and _known_run() == mark:
        return True
    kind, _, name = mark.decode().partition(":")
    try:
        found = bool(ask("SCRIPT", "EXISTS", name)[0]) if kind == "script" else name == ask_info("server")["run_id"]
    except redis.ResponseError:  # what may not be asked cannot be seen
        return False
    if found and (connection := present_connection()):
        connection.run = mark
    return found


def make_mark() -> str:
    """Give a mark of the present run. Raises redis.RedisError, also where neither kind can be had."""
    try:
        return f"run:{ask_info('server')['run_id']}"
    except redis.ResponseError:
        if redis_version()[0] < SCRIPTS_STAY_OUT:
            raise
    text = f"return '{secrets.token_hex(16)}'"
    return f"script:{ask('SCRIPT', 'LOAD', text).decode()}"


def redis_version() -> tuple[int, ...]:
    """Give the version that Redis, or what speaks as it does, says of itself. Raises redis.RedisError."""
    return tuple(int(part) for part in ask_map("HELLO")[b"version"].decode().split(".")[:2])


def ask_map(*command: Part) -> dict[bytes, Any]:
    """Send a command that is answered with names and values, as HELLO and CONFIG GET are. Raises redis.RedisError."""
    answer = ask(*command)
    if isinstance(answer, dict):
        return answer
    return dict(zip(answer[::2], answer[1::2], strict=True))  # before version 3 of the protocol


def ask_info(section: str) -> dict[str, str]:
    """Give what INFO tells in one of its sections. Raises redis.RedisError, where it may not be asked too."""
    lines = ask("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _known_run() -> bytes:
    connection = present_connection()
    return connection.run if connection is not None else b""
