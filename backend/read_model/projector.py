"""Carries changes from MariaDB's outbox into the read model, in the background of each books process.

A command applies its own event before it answers; what a crash or an absent Redis left in the outbox is applied here.
Several projectors may run at once: an event changes the read model once, however often it comes.
"""

import random
import threading
import time
from contextlib import suppress
from typing import Any

import redis

from backend import metrics
from backend.background import Trouble, be_in_background
from backend.read_model.lookup import CATALOGUE, note_loss, trust
from backend.read_model.losses import Watch
from backend.read_model.outbox import BATCH, delete_applied, delete_rows, read_leftovers, read_oldest
from backend.read_model.projection import apply_events, find_unknown
from backend.read_model.rebuild import judge, rebuild
from backend.stores import pool, redis_store
from backend.stores.pool import writing
from backend.stores.unused_names import remove_unused_names

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
    be_in_background()
    pool.be_patient()
    redis_store.be_patient()
    projector, trouble = Projector(), Trouble("projector")
    clean_at = 0.0
    while True:
        pause = AFTER_ERROR_S
        with trouble.survived():
            projector.run_pass()
            if time.monotonic() > clean_at:
                delete_old_keys()
                remove_unused_names()
                clean_at = time.monotonic() + CLEAN_EVERY_S
            pause = PAUSE_S
        time.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - so that the processes take turns


class Projector:
    """The projector of one process: it knows what it has seen of the read model."""

    def __init__(self) -> None:
        """Begin without having seen any."""
        self._watch = Watch()
        self._seen = False

    def run_pass(self) -> None:
        """Build a read model where none is in use, apply the events that wait, and measure how many then still wait.

        Raises Unavailable, redis.RedisError; a step that Redis refuses keeps no other step from its work.
        """
        refusals: list[redis.ResponseError] = []
        redis_is_away, refused = True, trust.refused
        try:
            for step in (self.keep_standing, delete_applied, apply_leftovers):
                try:
                    step()
                except redis.ResponseError as error:
                    refusals.append(error)
            redis_is_away = False
        finally:
            pending, _ = measure_backlog(ask_redis=not redis_is_away)
        if refusals:
            raise refusals[0]
        if not pending:
            trust.settle(refused)

    def keep_standing(self) -> None:
        """Build the read model anew unless it is fit and has lost nothing. Raises Unavailable, redis.RedisError."""
        generation, fit = judge()
        if fit and not self._watch.find_loss():
            self._seen = True
            return
        # Only Redis itself can lose the hash: a process that finds the read model unfit leaves the generation in it.
        if rebuild(unfit=generation) and self._seen and not generation:
            note_loss(CATALOGUE)


def apply_leftovers() -> int:
    """Apply the events that no process has applied, oldest first, and delete them; give how many."""
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


def measure_backlog(*, ask_redis: bool = True) -> tuple[int, float]:
    """Give how many changes are not in the read model and the age of the oldest in seconds, and put both into the
    metrics. Without an answer of Redis, or beyond the oldest 500, each change in the outbox counts. Raises Unavailable.
    """
    oldest, following = read_oldest()
    unknown = list(range(len(oldest)))
    if ask_redis and oldest:
        with suppress(redis.RedisError):
            unknown = find_unknown([event for event, _ in oldest])
    pending, lag = len(unknown) + following, max([0.0, *(oldest[position][1] for position in unknown)])
    metrics.OUTBOX_PENDING.set(pending)
    metrics.LAG.set(lag)
    return pending, lag
