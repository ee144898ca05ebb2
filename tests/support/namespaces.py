"""Machines of their own on a network that a test makes: network namespaces, joined by a bridge."""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

NETWORK = "198.18"  # of the addresses that are kept for measurements of networks (RFC 2544)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


class Machine:
    """One namespace with an address; its cable can be pulled."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address

    def start(
        self, command: list[str], folder: Path, settings: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command on it, in a process group of its own."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            cwd=folder, env={**os.environ, **(settings or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def pull_cable(self) -> None:
        """Let nothing through."""
        run_ip("link", "set", f"{self.name}o", "down")

    def plug_in(self) -> None:
        """Let all through again."""
        run_ip("link", "set", f"{self.name}o", "up")


def run_ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)


@contextmanager
def make_network(count: int) -> Iterator[tuple[str, list[Machine]]]:
    """Make a network of this machine and so many others for the block; give this machine's address and the others.

    The test is skipped where none can be made.
    """
    mark, subnet = secrets.token_hex(3), f"{NETWORK}.{secrets.randbelow(250)}"
    bridge = f"t{mark}b"
    machines = [Machine(f"t{mark}{number}", f"{subnet}.{number + 2}") for number in range(count)]
    try:
        try:
            run_ip("link", "add", bridge, "type", "bridge")
            run_ip("netns", "add", bridge)
            run_ip("netns", "del", bridge)
        except (OSError, subprocess.CalledProcessError) as problem:
            pytest.skip(f"no network of namespaces can be made here: {problem}")
        run_ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        run_ip("link", "set", bridge, "up")
        for machine in machines:
            add_machine(machine, bridge)
        yield f"{subnet}.1", machines
    finally:
        for words in (*(("netns", "del", machine.name) for machine in machines), ("link", "del", bridge)):
            with suppress(OSError):
                subprocess.run(["ip", *words], check=False, capture_output=True, timeout=20)


def add_machine(machine: Machine, bridge: str) -> None:
    outside, inside = f"{machine.name}o", f"{machine.name}i"
    run_ip("netns", "add", machine.name)
    run_ip("link", "add", outside, "type", "veth", "peer", "name", inside)
    run_ip("link", "set", inside, "netns", machine.name)
    run_ip("link", "set", outside, "master", bridge, "up")
    within: Any = ("-n", machine.name)
    run_ip(*within, "addr", "add", f"{machine.address}/24", "dev", inside)
    run_ip(*within, "link", "set", inside, "up")
    run_ip(*within, "link", "set", "lo", "up")
