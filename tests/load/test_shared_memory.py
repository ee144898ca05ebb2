"""What the processes of a load share: numbers that are taken once, and semaphores and locks that outlive no process."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable

import pytest

from load import shared_memory
from load.shared_memory import LONGEST_WAIT_S, Counter, Flags, Lock, Semaphore

Fork = multiprocessing.get_context("fork")


def run_in_processes(count: int, work: Callable[[], None]) -> None:
    """Run the work in so many forked processes to its end."""
    workers = [Fork.Process(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * count


def hold_for_ever(lock: Lock) -> int:
    """Fork a process that holds the lock, and return its pid once it does."""
    pipe = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(pipe[1], b"y" if lock.take() else b"n")
        time.sleep(60)
        os._exit(0)
    assert os.read(pipe[0], 1) == b"y"
    return pid


def test_each_number_is_taken_by_one_process_once() -> None:
    counter, taken = Counter(5), Fork.SimpleQueue()
    run_in_processes(4, lambda: taken.put([counter.take(2) for _ in range(500)]))
    numbers = sorted(number for _ in range(4) for number in taken.get())
    assert numbers == list(range(5, 4005, 2)) and counter.value == 4005


def test_a_flag_is_seen_by_all() -> None:
    flags = Flags(3)
    run_in_processes(1, lambda: flags.set(1))
    assert [number in flags for number in range(3)] == [False, True, False]
    flags.reset()
    assert 1 not in flags


def test_a_semaphore_lets_few_in_at_once_in_all_processes_and_within_each() -> None:
    semaphore, inside, most = Semaphore(2), Counter(), Fork.SimpleQueue()

    def work() -> None:
        seen = []
        for _ in range(20):
            slot = semaphore.wait()
            assert slot is not None
            seen.append(inside.take() + 1)
            time.sleep(0.002)
            inside.take(-1)
            semaphore.release(slot)
        most.put(max(seen))

    run_in_processes(4, work)
    assert max(most.get() for _ in range(4)) == 2
    assert [semaphore.take(), semaphore.take(), semaphore.take()] == [0, 1, None]


def test_the_slot_of_a_process_that_was_killed_is_free() -> None:
    semaphore = Semaphore(1)
    pid = hold_for_ever(semaphore._locks[0])
    assert semaphore.take() is None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert semaphore.take() == 0


def test_a_process_that_stands_still_with_a_lock_holds_the_others_up_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter, semaphore = Counter(), Semaphore(1)
    pids = [hold_for_ever(counter._lock), hold_for_ever(semaphore._locks[0])]
    monkeypatch.setattr(shared_memory, "LONGEST_QUEUE_S", 0.5)
    begun = time.monotonic()
    assert [counter.take(), counter.value, semaphore.wait()] == [0, 1, None]
    assert 0.5 <= time.monotonic() - begun < LONGEST_WAIT_S + 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
