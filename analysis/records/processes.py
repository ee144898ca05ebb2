"""Tells whether a process still runs; for whoever follows a load from outside of it."""

import psutil


def is_running(pid: int) -> bool:
    """Tell whether a process has not ended; a zombie has, and only waits for its parent to notice."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
