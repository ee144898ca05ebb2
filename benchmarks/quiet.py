"""Tells whether the machine was quiet: what other programs took of the processor while a case was measured."""

import resource
import time
from collections.abc import Iterable
from dataclasses import replace

import psutil

from benchmarks.stand import Stack
from benchmarks.wrk import Result

DISTURBED = 0.15  # of one core; the kernel's own work and what only counts ticks stay under it

Times = tuple[float, float, float]  # now, processor seconds of the whole machine, and those of this benchmark


def read_times(stacks: Iterable[Stack]) -> Times:
    """Return the times so far; processes of the benchmark count when they have ended, the stores always."""
    machine = psutil.cpu_times()
    busy = machine.user + machine.nice + machine.system + getattr(machine, "steal", 0.0)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    stores = [psutil.Process(int(stack.values[pid])).cpu_times() for stack in stacks for pid in ("DB_PID", "REDIS_PID")]
    ours = sum(each.ru_utime + each.ru_stime for each in used) + sum(each.user + each.system for each in stores)
    return time.monotonic(), busy, ours


def mark_disturbed(result: Result, before: Times, after: Times, measured: int) -> Result:
    """Return the result with a note when other programs, or the host of this machine, took much of a core.

    What they took while the worker started counts as if it fell into the `measured` seconds: at worst it did.
    """
    _, busy, ours = (late - early for early, late in zip(before, after, strict=True))
    share = (busy - ours) / measured
    if share < DISTURBED:
        return result
    words = f"DISTURBED: other programs took {share:.0%} of a core"
    return replace(result, disturbed=True, note="; ".join(filter(None, (words, result.note))))
