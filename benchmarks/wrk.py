"""The load tool: wrk with load.lua, whose every answer must be a good one."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stand import StandError

SCRIPT = Path(__file__).with_name("load.lua")
CLIENTS = 8  # under the ten threads and ten database connections of a worker: nothing is refused, nothing waits
INSTALL = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "--no-remove", "wrk")


@dataclass(frozen=True)
class Result:
    """What one measurement gave: a rate per second, a fault that makes it invalid, a note, whether to trust it."""

    per_second: float
    fault: str = ""
    note: str = ""
    disturbed: bool = False


@dataclass(frozen=True)
class Load:
    """What is sent: GET of the paths in turn, or, without paths, new books from number `first` on."""

    paths: list[str] = field(default_factory=list)
    token: str = ""
    etag: str = ""
    first: int = 0
    status: int = 200  # of every answer


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
    """Keep CLIENTS connections busy for some seconds; a refused or broken answer makes the result invalid."""
    paths = folder / "paths.txt"
    paths.write_text("".join(f"{path}\n" for path in load.paths), encoding="ascii")
    given = {
        "LOAD_PATHS": str(paths) if load.paths else "",
        "LOAD_FIRST": "" if load.paths else str(load.first),
        "LOAD_TOKEN": load.token,
        "LOAD_ETAG": load.etag,
    }
    # The token goes by the environment: the process list shows arguments to everybody.
    ran = subprocess.run(
        ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", SCRIPT, url],
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
    return Result(counts["requests"] / counts["seconds"], "; ".join(faults))
