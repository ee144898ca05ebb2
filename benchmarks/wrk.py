"""The load tool: wrk with load.lua, whose every answer must be a good one."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.stand import StandError

SCRIPT = Path(__file__).with_name("load.lua")
CLIENTS = 8  # under the ten threads and ten database connections of a worker: nothing is refused, nothing waits
INSTALL = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "--no-remove", "wrk")


@dataclass(frozen=True)
class Result:
    """What one measurement gave: a rate per second, a fault that makes it invalid, a note, whether to trust it.

    An answer took so many microseconds of processor time, of the service and of Redis; 0 where that was not measured.
    """

    per_second: float
    fault: str = ""
    note: str = ""
    disturbed: bool = False
    answers: int = 0
    cost_us: float = 0.0
    redis_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    def with_costs(self, service_s: float, redis_s: float = 0.0) -> "Result":
        """Return the result with the processor seconds that its answers took."""
        each = 1e6 / max(1, self.answers)
        return replace(self, cost_us=service_s * each, redis_us=redis_s * each)


@dataclass(frozen=True)
class Load:
    """What is sent: GET of the paths in turn, or, without paths, new books from number `first` on."""

    paths: list[str] = field(default_factory=list)
    token: str = ""
    etag: str = ""
    first: int = 0
    status: int = 200  # of every answer
    clients: int = CLIENTS
    pause_ms: int = 0  # that a client waits before its next request, on average


def ensure_wrk() -> None:
    """Install wrk when it is missing and this is root on Debian or Ubuntu; raises StandError with what to do."""
    if not shutil.which("wrk") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing wrk with apt-get ...", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
        for command in (("apt-get", "update", "-qq"), INSTALL):
            subprocess.run(command, env=quiet, capture_output=True, timeout=300, check=False)
    if not shutil.which("wrk"):
        raise StandError("the load tool wrk is missing; an administrator should run: apt-get install wrk")


def run_wrk(url: str, load: Load, seconds: int, folder: Path) -> Result:
    """Let the clients send for some seconds; a refused or broken answer makes the result invalid."""
    paths = folder / "paths.txt"
    paths.write_text("".join(f"{path}\n" for path in load.paths), encoding="ascii")
    given = {
        "LOAD_PATHS": str(paths) if load.paths else "",
        "LOAD_FIRST": "" if load.paths else str(load.first),
        "LOAD_TOKEN": load.token,
        "LOAD_ETAG": load.etag,
        "LOAD_PAUSE": str(load.pause_ms or ""),
    }
    # The token goes by the environment: the process list shows arguments to everybody.
    ran = subprocess.run(
        ["wrk", "-t1", f"-c{load.clients}", f"-d{seconds}s", "-s", SCRIPT, url],
        env={**os.environ, **{name: value for name, value in given.items() if value}},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    return read_result(ran.stdout) if ran.returncode == 0 else Result(0, f"wrk failed: {ran.stderr.strip()[-200:]}")


def read_result(words: str) -> Result:
    """Read the line of load.lua in wrk's output."""
    lines = [line for line in words.splitlines() if line.startswith("RESULT ")]
    if not lines:
        return Result(0, "wrk printed no result")
    counts = json.loads(lines[-1].removeprefix("RESULT "))
    faults = [
        f"{counts[name]} answers {what}"
        for name, what in (("refused", "of 400 or above"), ("broken", "that never came"))
        if counts[name]
    ]
    if not counts["requests"]:
        faults.append("no answer at all")
    times = {f"{name}_ms": counts[f"{name}_us"] / 1000 for name in ("p50", "p99")}
    return Result(counts["requests"] / counts["seconds"], "; ".join(faults), answers=counts["requests"], **times)
