"""Who sees /metrics without METRICS_TOKEN, and what becomes of the folders of metrics of masters that were killed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
import requests

from backend.server.metrics_folder import choose_place
from stack.ports import find_free_ports
from tests.support.books_services import BooksService, end, list_workers, run_books_service
from tests.support.clients import check_problem
from tests.support.front import run_front
from tests.support.read_models import wait_until
from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT, Stack
from tests.support.worker_services import NO_STORES

PLAIN_PROXY = """
events {}
http {
  access_log off;
  server { listen 5000; location / { proxy_pass http://127.0.0.1:8000; } }
  server { listen 5001; location / { proxy_pass http://127.0.0.1:8001; } }
}
"""


@pytest.fixture(scope="module")
def service(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BooksService]:
    """A books service without METRICS_TOKEN."""
    log = tmp_path_factory.mktemp("open") / "books.log"
    with run_books_service(stack, log, "--workers", "1", METRICS_TOKEN="") as running:
        yield running


def test_without_a_token_this_machine_sees_the_metrics(service: BooksService) -> None:
    answer = requests.get(f"{service.url}/metrics", timeout=10)
    assert (answer.status_code, "service_info" in answer.text) == (200, True)


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-Host": "books.example.com"},
        {"x-forwarded-proto": "https"},
        {"Forwarded": "for=203.0.113.7"},
        {"Forwarded": ""},
        {"Via": "1.1 varnish"},
        {"X-Real-IP": "203.0.113.7"},
        {"X-Client-IP": "203.0.113.7"},
        {"CF-Connecting-IP": "203.0.113.7"},
    ],
    ids=", ".join,
)
def test_without_a_token_a_request_that_was_passed_on_sees_no_metrics(
    service: BooksService, header: dict[str, str]
) -> None:
    check_problem(requests.get(f"{service.url}/metrics", headers=header, timeout=10), 401)
    assert requests.get(f"{service.url}/health", headers=header, timeout=10).status_code == 200


def test_without_a_token_nobody_sees_the_metrics_through_a_plain_proxy(service: BooksService) -> None:
    port = int(service.url.rpartition(":")[2])
    with run_front({"auth": port, "books": port}, PLAIN_PROXY) as own:
        url = f"http://127.0.0.1:{own['books']}"
        assert requests.get(f"{url}/health", timeout=10).status_code == 200
        check_problem(requests.get(f"{url}/metrics", timeout=10), 401)


def test_with_the_token_a_proxy_may_pass_the_metrics_on(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}", "X-Forwarded-For": "203.0.113.7"}
    assert requests.get(f"{stack['BOOKS_URL']}/metrics", headers=headers, timeout=10).status_code == 200


def test_the_metrics_are_kept_in_memory_unless_a_folder_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert choose_place() == str(tmp_path)
    monkeypatch.delenv("TMPDIR")
    assert choose_place() == "/dev/shm"  # noqa: S108 - no file is made there


class Master:
    """A Gunicorn master of a service without stores, and its one worker."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = find_free_ports(1)
        before = set(folder.glob("libros-metrics-*"))
        environment = choose_environment(None) | NO_STORES | {"TMPDIR": str(folder)}
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1"]
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "app_jwt_redis:app"], cwd=PROJECT, env=environment, stderr=log
            )  # fmt: skip
        wait_until(self.answers, 20, "the service answers")
        (self.metrics,) = set(folder.glob("libros-metrics-*")) - before
        (self.worker,) = list_workers(self.process.pid)

    def answers(self) -> bool:
        """Say whether the worker answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def test_the_folder_of_a_killed_master_is_removed_by_the_next_once_its_workers_have_ended(tmp_path: Path) -> None:
    killed, alive = Master(tmp_path), Master(tmp_path)
    try:
        foreign = tmp_path / "libros-metrics-abcdefgh"  # of an older version, whose master may live
        foreign.mkdir()
        killed.worker.suspend()
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(10)
        third = Master(tmp_path)
        try:
            assert killed.metrics.exists() and alive.metrics.exists()  # its worker has not ended yet
        finally:
            end(third.process)
        assert not third.metrics.exists()
        killed.worker.kill()
        psutil.wait_procs([killed.worker], 10)
        fourth = Master(tmp_path)
        try:
            assert not killed.metrics.exists()
            assert alive.metrics.exists() and fourth.metrics.exists() and foreign.exists()
            assert alive.answers()
        finally:
            end(fourth.process)
    finally:
        for each in (killed, alive):
            end(each.process)
