"""Pools of connections to a stack's MariaDB, in the process of the tests."""

from stacks import Stack

from backend.connections import READS
from backend.database import SelfRepairingPool


def open_pool(stack: Stack, *, wait_s: float = 1, reset_session: bool = True) -> SelfRepairingPool:
    """Return a pool of one connection."""
    return SelfRepairingPool(
        size=1, wait_s=wait_s, reset_session=reset_session,
        host=stack["DB_HOST"], port=int(stack["DB_PORT"]), database=stack["DB_NAME"],
        user=stack["DB_USER"], password=stack["DB_PASSWORD"],
        connection_timeout=1, init_command=READS, autocommit=True,
    )  # fmt: skip
