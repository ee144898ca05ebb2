"""Runs Debian's Prometheus with deploy/prometheus.yml on loopback, and asks it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from stack.ports import find_free_ports
from tests.support.read_models import wait_until
from tests.support.stacks import PROJECT, Stack
from tests.support.unpacked import find_program

DEPLOY = PROJECT / "deploy"


def place(folder: Path, stack: Stack) -> Path:
    """Copy the files of Prometheus into a folder, with the addresses and the token of a stack, and return the first."""
    text = (DEPLOY / "prometheus.yml").read_text()
    for name, port in (("AUTH_URL", 5000), ("BOOKS_URL", 5001)):
        assert f"127.0.0.1:{port}" in text
        text = text.replace(f"127.0.0.1:{port}", stack[name].removeprefix("http://"))
    shutil.copy(DEPLOY / "rules.yml", folder)
    (folder / "metrics_token").write_text(stack["METRICS_TOKEN"] + "\n")
    main = folder / "prometheus.yml"
    main.write_text(text)
    return main


def check(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder and return what it printed."""
    command = [find_program("prometheus", "promtool"), *arguments]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, url: str) -> None:
        """Know where it answers."""
        self.url = url

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).ok
        except requests.RequestException:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the series that a query gives now; AssertionError for one that it does not understand."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=5).json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return list(answer["data"]["result"])

    def targets(self) -> dict[str, str]:
        """Return the state of each service: `up` when its metrics were read, with the reason where they were not."""
        found = requests.get(f"{self.url}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
        return {each["labels"]["job"]: each["lastError"] or each["health"] for each in found}


@contextmanager
def run_prometheus(folder: Path, stack: Stack) -> Iterator[Prometheus]:
    """Run it for the services of a stack during the block."""
    (port,) = find_free_ports(1)
    options = {"config.file": place(folder, stack), "storage.tsdb.path": folder / "data"}
    options["web.listen-address"] = Path(f"127.0.0.1:{port}")
    command = [find_program("prometheus", "prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=log)
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(lambda: process.poll() is not None or prometheus.is_ready(), 30, "Prometheus answers")
        assert process.poll() is None, (folder / "log").read_text()
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)
