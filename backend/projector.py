"""Carries changes from MariaDB's outbox into the read model, in the background of each books process.

    python -m backend.projector rebuild    build the read model anew
    python -m backend.projector verify     compare every book in MariaDB with the read model; exit 1 if any differs
    python -m backend.projector status     say what stands

A command applies its own event before it answers; what a crash or an absent Redis left in the outbox is applied here.
Several projectors may run at once: an event changes the read model once, however often it comes.
"""

import logging
import random
import sys
import threading
import time
from typing import Any

import redis

from backend import database, metrics, redis_store
from backend.database import writing
from backend.errors import ServiceError
from backend.outbox import BATCH, delete_applied, delete_rows, read_backlog, read_leftovers
from backend.projection import apply_events
from backend.rebuild import rebuild, stands
from backend.unused_names import remove_unused_names

log = logging.getLogger(__name__)

PAUSE_S = 0.4
AFTER_ERROR_S = 1.0
CLEAN_EVERY_S = 5.0

OLD_KEYS = "DELETE FROM idempotency_keys WHERE created_at < NOW() - INTERVAL 24 HOUR LIMIT %s"


def start_projector(_worker: Any) -> threading.Thread:
    """Run passes in a thread of this process until it ends."""
    thread = threading.Thread(target=_run, name="projector", daemon=True)
    thread.start()
    return thread


def _run() -> None:
    database.be_patient()
    redis_store.be_patient()
    clean_at = 0.0
    while True:
        pause = PAUSE_S
        try:
            run_pass()
            if time.monotonic() > clean_at:
                delete_old_keys()
                remove_unused_names()
                clean_at = time.monotonic() + CLEAN_EVERY_S
        # It must outlive whatever goes wrong: nothing else brings the leftovers in.
        except Exception as error:
            log.warning("projector: %s", error, exc_info=not isinstance(error, (ServiceError, redis.RedisError)))
            pause = AFTER_ERROR_S
        time.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - so that the processes take turns


def run_pass() -> None:
    """Build the read model where it does not stand, bring in what waits, and say what then still waits.

    Raises Unavailable, redis.RedisError.
    """
    try:
        if not stands():
            rebuild()
        delete_applied()
        apply_leftovers()
    finally:
        measure_backlog()


def apply_leftovers() -> int:
    """Apply the events that nobody has brought in, oldest first, and delete them; give how many."""
    total = 0
    for events in read_leftovers():
        apply_events(list(events.values()))
        delete_rows(list(events))
        total += len(events)
    return total


def delete_old_keys() -> None:
    """Delete the idempotency keys older than 24 hours."""
    deleted = BATCH
    while deleted == BATCH:
        with writing() as cursor:
            cursor.execute(OLD_KEYS, (BATCH,))
            deleted = cursor.rowcount


def measure_backlog() -> dict[str, Any]:
    """Give `pending` events and the `lag` of the oldest in seconds, and put both into the metrics."""
    backlog = read_backlog()
    metrics.OUTBOX_PENDING.set(backlog["pending"])
    metrics.LAG.set(float(backlog["lag"]))
    return backlog


if __name__ == "__main__":
    from backend.projector_commands import main

    sys.exit(main(sys.argv[1:]))
