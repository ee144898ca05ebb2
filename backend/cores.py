"""How many processors this process may use: those of its affinity, or the quota of its control groups where it is less;
and which of them each worker is held to.

os.cpu_count() tells of the machine alone: a container that may use two of its 64 processors would hash on 64.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")  # by systemd and by container run-times
VERSION_1, VERSION_2 = ("cpu.cfs_quota_us", "cpu.cfs_period_us"), ("cpu.max",)  # where a quota and its period stand

ALL = os.sched_getaffinity(0)  # of the master, which imports this before it forks


def count_cores() -> int:
    """Give how many processors this process may keep busy, at least one; a part of a processor counts for nothing."""
    membership = ""
    with suppress(OSError):
        membership = MEMBERSHIP.read_text()
    return max(1, int(min(len(os.sched_getaffinity(0)), *list_quotas(membership, MOUNTED), math.inf)))


def choose_core(held: Sequence[int]) -> int:
    """Give the core for the next worker, where the others are held to these: the one that the fewest of them have."""
    return min(sorted(ALL), key=held.count)


def hold_to(core: int) -> None:
    """Hold this thread, and those that it starts, to a core: the threads of one interpreter take turns anyway, and to
    hand the turn over from core to core takes as long as the work.
    """
    os.sched_setaffinity(0, {core})


def release() -> None:
    """Let this thread use every core: it works without the interpreter's lock."""
    os.sched_setaffinity(0, ALL)


def list_quotas(membership: str, mounted: Path) -> Iterator[float]:
    """Give the quotas, in processors, of the control groups that a process is in, and of all that these are part of.

    `membership` is the text of its /proc/<pid>/cgroup, `mounted` the folder in which the control groups are seen; a
    container may see its own as the topmost there. Sources: cgroups(7); Linux, admin-guide/cgroup-v2.rst, `cpu.max`,
    and scheduler/sched-bwc.rst, `cpu.cfs_quota_us`.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top, files = (mounted / "cpu", VERSION_1) if controllers else (mounted, VERSION_2)
        group = top / path.strip("/")
        for each in (group, *group.parents):
            if each.is_relative_to(top):
                yield _read_quota(each, files)


def _read_quota(group: Path, files: Sequence[str]) -> float:
    """Give a quota in processors, infinite where none is set: `max` in version 2, -1 in version 1."""
    with suppress(OSError, ValueError):
        quota, period = " ".join((group / file).read_text() for file in files).split()
        if int(quota) > 0:
            return int(quota) / int(period)
    return math.inf
