"""Runs deploy/nginx.conf on loopback before two services, with the nginx of the machine or one of its own."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from stack.ports import find_free_ports
from tests.support.read_models import wait_until
from tests.support.stacks import PROJECT
from tests.support.unpacked import find_program

CONFIGURATION = PROJECT / "deploy" / "nginx.conf"
LISTENED = {"auth": "5000", "books": "5001"}
BEHIND = {"auth": "8000", "books": "8001"}
WRITES_TO = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def run_front(ports: Mapping[str, int], configuration: str = "") -> Iterator[dict[str, int]]:
    """Run the front, or another configuration for the same ports, before the services on these ports during the block;
    give its own ports.
    """
    own = dict(zip(LISTENED, find_free_ports(2), strict=True))
    # Not below pytest's folder, which only its owner enters: nginx may serve as another user.
    with tempfile.TemporaryDirectory(prefix="libros-front-") as name:
        folder = Path(name)
        (folder / "nginx.conf").write_text(place(configuration or CONFIGURATION.read_text(), own, ports, folder))
        rules = f"daemon off; user {psutil.Process().username()}; pid {folder}/pid;"
        with (folder / "log").open("wb") as log:
            command = [find_program("nginx", "nginx"), "-p", name, "-c", f"{name}/nginx.conf", "-g", rules]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or (folder / "pid").exists(), 10, "nginx has started")
            assert process.poll() is None, (folder / "log").read_text()
            yield own
        finally:
            process.terminate()
            process.wait(10)


def place(text: str, own: Mapping[str, int], ports: Mapping[str, int], folder: Path) -> str:
    """Return the configuration with other ports, and a folder for what it writes."""
    moved = {LISTENED[service]: own[service] for service in LISTENED}
    moved |= {BEHIND[service]: ports[service] for service in BEHIND}
    text = re.sub(rf"\b({'|'.join(moved)})\b", lambda found: str(moved[found[1]]), text)
    folders = "".join(f" {name}_temp_path {folder}/{name};" for name in WRITES_TO)
    return text.replace("\nhttp {", f"\nhttp {{{folders}")
