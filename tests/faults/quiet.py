"""What other programs took of the processor during an experiment: a figure measured beside others is worth little."""

import resource
import time
from contextlib import suppress

import psutil

from benchmarks.quiet import read_cpu
from tests.faults.stand import Stand

DISTURBED = 0.15  # cores; the kernel's own work and what only counts ticks stay under it


class Quiet:
    """Watches from its making on."""

    def __init__(self, stand: Stand) -> None:
        """Begin."""
        self.stand, self.start = stand, time.monotonic()
        self.before = self._read_others()

    def find_share(self) -> float:
        """Return the cores that others have had on average since the beginning."""
        return max(0.0, self._read_others() - self.before) / (time.monotonic() - self.start)

    def _read_others(self) -> float:
        machine = psutil.cpu_times()
        busy = machine.user + machine.nice + machine.system + getattr(machine, "steal", 0.0)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours = sum(each.ru_utime + each.ru_stime for each in used)
        for store in (self.stand.mariadb, self.stand.redis):
            ours += store.spent + self._read(store.pid)
        return float(busy - ours - sum(self._read(pid) for pid in self.stand.list_masters()))

    @staticmethod
    def _read(pid: int) -> float:
        with suppress(psutil.NoSuchProcess):
            return read_cpu(pid)
        return 0.0
