"""Pools of connections to a stack's MariaDB, in the process of the tests."""

from typing import Any

from backend.stores.pool import SelfRepairingPool
from tests.support.stacks import Stack


def open_pool(stack: Stack, *, wait_s: float = 1, reset_session: bool = True, **others: Any) -> SelfRepairingPool:
    """Return a pool of one connection; `others` are arguments of the driver to take instead."""
    usual = {
        "host": stack["DB_HOST"],
        "port": int(stack["DB_PORT"]),
        "database": stack["DB_NAME"],
        "user": stack["DB_USER"],
        "password": stack["DB_PASSWORD"],
        "connection_timeout": 1,
        "autocommit": True,
    }
    return SelfRepairingPool(size=1, wait_s=wait_s, reset_session=reset_session, **(usual | others))
