"""Says where, when and how figures were measured."""

import os
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version

import redis

from benchmarks.stand import PROJECT, Stack
from load.machines.build import read_commit
from load.run.machine import describe_machine

PACKAGES = ("flask", "gunicorn", "mysql-connector-python", "redis", "bcrypt")
FULL_HASH = 40  # characters; behind them stands `+` when files were changed


def describe_origin(stack: Stack) -> str:
    """Return command, day, commit, machine and versions, as a paragraph of Markdown."""
    command = shlex.join(["python", "-m", "benchmarks", *leave_out_files(sys.argv[1:])])
    server = redis.Redis.from_url(stack.values["REDIS_URL"]).info("server")
    store = f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {server['redis_version']}"
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`{command}`, {date.today().isoformat()}, commit {name_commit()}, {name_machine()},"
        f" {os.sysconf('SC_PHYS_PAGES') * 4 // 2**20} GiB. Python {describe_machine()['python']}, {packages},"
        f" MariaDB {stack.ask('SELECT VERSION()')[0][0]}, {store}."
    )


def name_commit() -> str:
    """Return the first characters of the project's commit, with `+` behind them when files were changed."""
    commit = read_commit(PROJECT) or "unknown"
    return commit[:7] + commit[FULL_HASH:]


def name_machine() -> str:
    """Return the cores and the kernel of this machine."""
    machine = describe_machine()
    return f"{machine['cpus']} cores of {machine['cpu']}, {machine['kernel']}"


def leave_out_files(words: Sequence[str]) -> list[str]:
    """Return the words of a command without the files that it writes to: they say nothing of the figures."""
    files = ("--out", "--json")
    return [
        word
        for place, word in enumerate(words)
        if not word.startswith(files) and not (place and words[place - 1] in files)
    ]
