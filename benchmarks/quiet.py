"""Tells whether the machine was quiet: what other programs took of the processor while a case was measured."""

import resource
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import psutil

from benchmarks.stand import Stack
from benchmarks.wrk import Result

DISTURBED = 0.15  # of one core; the kernel's own work and what only counts ticks stay under it

Times = tuple[float, float, float]  # now, processor seconds of the whole machine, and those of this benchmark


def read_cpu(pid: int) -> float:
    """Return the processor seconds that a process and its children have had."""
    master, total = psutil.Process(pid), 0.0
    for process in (master, *master.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total


def read_times(stacks: Iterable[Stack], pids: Sequence[str] = ("DB_PID", "REDIS_PID")) -> Times:
    """Return the times so far; programs that the benchmark starts count when they have ended, the `pids` always."""
    machine = psutil.cpu_times()
    busy = machine.user + machine.nice + machine.system + getattr(machine, "steal", 0.0)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    lasting = sum(read_cpu(int(stack.values[pid])) for stack in stacks for pid in pids)
    ours = sum(each.ru_utime + each.ru_stime for each in used) + lasting
    return time.monotonic(), busy, ours


def find_share(before: Times, after: Times, seconds: float) -> float:
    """Return what others took between two times, as a share of one core over `seconds`."""
    return ((after[1] - before[1]) - (after[2] - before[2])) / seconds


def mark_disturbed(result: Result, before: Times, after: Times, measured: int) -> Result:
    """Return the result with a note when other programs, or the host of this machine, took much of a core.

    What they took while the worker started counts as if it fell into the `measured` seconds: at worst it did.
    """
    share = find_share(before, after, measured)
    if share < DISTURBED:
        return result
    taken = f"{share * measured:.1f} s of processor time"
    words = f"DISTURBED: other programs took {taken} around {measured} s of measuring"
    return replace(result, disturbed=True, note="; ".join(filter(None, (words, result.note))))
