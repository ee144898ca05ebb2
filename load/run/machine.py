"""Describes where a run happens: processor, kernel, versions, and whether the target is this machine."""

import os
import platform
import re
import resource
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from load.machines.build import ask_program


def describe_machine() -> dict[str, Any]:
    """Return processor, memory, kernel, limits and versions of the machine that makes the load."""
    return {
        "cpu": _read_cpu(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("locust", "gevent", "geventhttpclient", "hdrhistogram")},
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def is_this_machine(url: str) -> bool:
    """Tell whether the host of `url` is an address of this machine: only then a socket can be bound to it."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    for family, kind, _, _, address in found:
        try:
            with socket.socket(family, kind) as probe:
                probe.bind(address)
                return True
        except OSError:
            continue
    return False


def _read_cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    except OSError:
        return ask_program("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return found[1] if found else platform.machine()
