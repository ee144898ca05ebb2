"""Who may wait for a connection: all while connections come and go, a few while none does."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.deadline import start_deadline
from backend.errors import Unavailable
from backend.stores.pool import MOST_WAITING, SHARE_WITHOUT_RETURN, SelfRepairingPool, be_patient
from tests.support.pools import open_pool
from tests.support.stacks import Stack


def hold(pool: SelfRepairingPool, seconds: float) -> bool:
    """Borrow a connection for some seconds; tell whether there was one in time."""
    try:
        with pool.borrow(writes=False):
            time.sleep(seconds)
    except Unavailable:
        return False
    return True


@pytest.fixture
def waiters() -> Iterator[ThreadPoolExecutor]:
    """Threads for many requests at once."""
    with ThreadPoolExecutor(4 * MOST_WAITING) as threads:
        yield threads


def test_all_are_served_while_connections_come_and_go(stack: Stack, waiters: ThreadPoolExecutor) -> None:
    pool = open_pool(stack, wait_s=5)
    assert list(waiters.map(lambda _: hold(pool, 0.01), range(4 * MOST_WAITING))) == [True] * 4 * MOST_WAITING


def test_few_wait_for_a_pool_that_stands_still_and_the_next_is_refused_at_once(
    stack: Stack, waiters: ThreadPoolExecutor
) -> None:
    pool = open_pool(stack)
    with pool.borrow(writes=False):
        time.sleep(pool.wait_s + 0.2)
        waiting = [waiters.submit(hold, pool, 0) for _ in range(MOST_WAITING)]
        time.sleep(0.2)
        served = hold(pool, 0)
        still_waiting = not any(each.done() for each in waiting)
        assert [each.result() for each in waiting] == [False] * MOST_WAITING
    assert (served, still_waiting) == (False, True)
    assert hold(pool, 0)


def test_a_wait_for_a_thread_counts_as_one_for_a_connection_while_the_pool_stands_still(
    stack: Stack, waiters: ThreadPoolExecutor
) -> None:
    def wait(waited_s: float) -> float:
        start_deadline(waited_s)
        started = time.monotonic()
        assert not hold(pool, 0)
        return time.monotonic() - started

    pool = open_pool(stack)
    with pool.borrow(writes=False):
        time.sleep(pool.wait_s)
        fresh, late = waiters.map(wait, (0.0, 0.8))
    assert late < 0.5 * pool.wait_s < SHARE_WITHOUT_RETURN * pool.wait_s <= fresh


def test_a_wait_ends_a_fifth_early_unless_a_connection_has_come_back_meanwhile(
    stack: Stack, waiters: ThreadPoolExecutor
) -> None:
    moving, still = open_pool(stack, wait_s=5), open_pool(stack, wait_s=5)
    waiters.submit(hold, moving, 1)
    waiters.submit(hold, still, 5)
    time.sleep(0.3)
    waiters.submit(hold, moving, 4)  # from the first second on
    time.sleep(0.3)
    assert list(waiters.map(hold, (moving, still), (0, 0))) == [True, False]


def test_who_is_patient_waits_longer_than_a_request(stack: Stack, waiters: ThreadPoolExecutor) -> None:
    def wait_patiently() -> bool:
        be_patient()
        return hold(pool, 0)

    pool = open_pool(stack, wait_s=0.1)
    with pool.borrow(writes=False):
        patient, request = waiters.submit(wait_patiently), waiters.submit(hold, pool, 0)
        assert not request.result()
        assert not patient.done()
    assert patient.result()
