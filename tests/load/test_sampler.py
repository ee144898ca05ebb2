"""The sampler beside a load: a sample a second of each service, words for what it could not get, and its end."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote

import psutil
import pytest

from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_server
from analysis.records.results_folder import VALUES, ServerSample, Worker
from load.client.http_client import open_http
from load.client.service_machines import Sampled
from load.recording.sampler import count_waiting, parse_metrics, take_sample
from tests.support.books_services import list_workers
from tests.support.outages import freeze
from tests.support.records_of_load import write_run_file
from tests.support.scripts import choose_environment, find_script
from tests.support.stacks import Stack
from tests.support.weak_builds import run_build


@contextmanager
def run_sampler(
    folder: Path, stack: Stack, pid: int, machines: dict[str, dict[str, str]] | None = None, **settings: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run the sampler for the scenario "run" beside process `pid`; it must end by itself or when asked to.

    `machines` are those of the books service, where it runs on several.
    """
    write_run_file(folder, stack)
    if machines:
        facts = json.loads((folder / "run.json").read_text())
        facts["services"]["books"]["machines"] = machines
        (folder / "run.json").write_text(json.dumps(facts))
    command = [*find_script("load/recording/sampler.py"), "run", str(folder), "--pid", str(pid)]
    environment = choose_environment(stack) | settings
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as sampler:
        try:
            yield sampler
        finally:
            sampler.terminate()
            _, errors = sampler.communicate(timeout=10)
    assert (sampler.returncode, errors) == (0, "")


def read_samples(folder: Path) -> list[ServerSample]:
    """Return the samples; every line must be whole."""
    gaps = Gaps()
    samples = read_server(folder, "run", gaps)
    assert gaps == []
    return samples


def await_samples(folder: Path, service: str, count: int, seconds: float = 20) -> list[ServerSample]:
    """Wait until there are so many samples of a service and return them."""
    end = time.monotonic() + seconds
    while True:
        path = folder / "run_server.jsonl"
        found = [sample for sample in read_samples(folder) if sample.service == service] if path.exists() else []
        if len(found) >= count:
            return found
        assert time.monotonic() < end, f"only {len(found)} samples of {service}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def sampled(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some seconds of samples of services that nobody loads."""
    folder = tmp_path_factory.mktemp("sampled")
    with run_sampler(folder, stack, os.getpid()):
        await_samples(folder, "books", 5)
        await_samples(folder, "auth", 5)
    return folder


@pytest.mark.parametrize("service", ["auth", "books", "machine"])
def test_there_is_a_sample_in_every_second(sampled: Path, service: str) -> None:
    moments = [sample.at for sample in read_samples(sampled) if sample.service == service]
    assert all(0 < after - before < 2 for before, after in pairwise(moments))
    assert {int(at) for at in moments} == set(range(int(moments[0]), int(moments[-1]) + 1))


@pytest.mark.parametrize("service", ["auth", "books"])
def test_a_sample_has_the_figures_of_every_worker_and_the_time_of_the_server(
    sampled: Path, stack: Stack, service: str
) -> None:
    workers = {str(child.pid) for child in psutil.Process(int(stack[f"{service.upper()}_PID"])).children()}
    for sample in read_samples(sampled):
        if sample.service == service:
            assert sample.workers and set(sample.workers) == workers
            assert all(worker.rss > 10_000_000 and worker.fds > 5 for worker in sample.workers.values())
            assert sample.server_at and abs(sample.server_at - sample.at) <= sample.took / 2  # one machine, one clock


def test_the_two_services_together_tell_all_values(sampled: Path) -> None:
    told: set[str] = set()
    for sample in read_samples(sampled):
        if sample.service != "machine":
            told |= set(sample.values or {})
    assert told == set(VALUES)


def test_the_values_are_sums_over_their_labels() -> None:
    text = 'db_pool_in_use{pid="17"} 2.0\ndb_pool_in_use{pid="18"} 3.0\n'
    assert parse_metrics(text)["values"] == {"db_pool_in_use": 5.0}


class OddMetrics(BaseHTTPRequestHandler):
    """A service whose figures of workers have not the labels that they should have."""

    def do_GET(self) -> None:
        """Answer with the figure that the path names."""
        body = f"worker_threads{unquote(self.path.removesuffix('/metrics')[1:])} 5\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("labels", ["", "{}", "{pid=17}"])
def test_a_figure_of_no_worker_is_told_in_the_sample(labels: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), OddMetrics) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            of = Sampled("books", "", f"http://127.0.0.1:{server.server_address[1]}/{quote(labels)}")
            sample = take_sample(open_http(), of, {})
        finally:
            server.shutdown()
            thread.join(10)
    assert (sample.service, sample.error) == ("books", "not the metrics of this project's services")


OTHERS = ("worker_memory_bytes", "worker_descriptors", "worker_threads", "worker_clients")


@pytest.mark.parametrize("cpu", ["worker_cpu_seconds_total", "worker_cpu_seconds"])
def test_the_workers_of_services_of_an_older_version_are_told_too(cpu: str) -> None:
    text = "".join(f'{name}{{pid="17"}} 2.0\n' for name in (cpu, *OTHERS))
    assert parse_metrics(text)["workers"] == {"17": Worker(2.0, 2.0, 2.0, 2.0, 2.0)}


def test_services_that_do_not_tell_the_connections_of_their_clients_are_sampled() -> None:
    text = "".join(f'{name}{{pid="17"}} 2.0\n' for name in ("worker_cpu_seconds_total", *OTHERS[:-1]))
    assert parse_metrics(text)["workers"] == {"17": Worker(2.0, 2.0, 2.0, 2.0)}


def test_of_this_machine_the_share_of_its_processors_is_told(sampled: Path) -> None:
    for sample in read_samples(sampled):
        if sample.service == "machine":
            assert sample.values and 0 <= sample.values["cpu"] <= 1
            assert sample.values["cpus"] == psutil.cpu_count()


def test_each_machine_of_a_service_is_sampled_by_its_name_in_place_of_the_one_address(
    stack: Stack, tmp_path: Path
) -> None:
    with run_build(stack, tmp_path / "b", only="books") as other:
        machines = {"books-1": {"url": stack["BOOKS_URL"]}, "books-2": {"url": other.books}}
        masters = {"books-1": int(stack["BOOKS_PID"]), "books-2": other.books_pid}
        with run_sampler(tmp_path, stack, os.getpid(), machines=machines):
            await_samples(tmp_path, "books", 10)
        workers = {name: {str(each.pid) for each in list_workers(pid)} for name, pid in masters.items()}
    samples = read_samples(tmp_path)
    assert {each.source for each in samples} == {"auth", "books on books-1", "books on books-2", "machine"}
    for machine, pids in workers.items():
        mine = [each for each in samples if each.machine == machine]
        assert len(mine) >= 4
        assert all(set(each.workers or {}) == pids for each in mine)
    lines = (tmp_path / "run_server.jsonl").read_text().splitlines()
    assert all(("machine" in json.loads(line)) is ('"service":"books"' in line) for line in lines)


def test_a_wrong_token_is_told_in_every_sample(stack: Stack, tmp_path: Path) -> None:
    with run_sampler(tmp_path, stack, os.getpid(), METRICS_TOKEN="wrong"):
        samples = await_samples(tmp_path, "books", 2)
    assert {sample.error for sample in samples} == {"status 401"}


def test_a_service_that_falls_silent_is_told_and_sampled_again_afterwards(stack: Stack, tmp_path: Path) -> None:
    processes = [int(stack["AUTH_PID"]), *(c.pid for c in psutil.Process(int(stack["AUTH_PID"])).children())]
    with run_sampler(tmp_path, stack, os.getpid()):
        await_samples(tmp_path, "auth", 2)
        with ExitStack() as frozen:
            for pid in processes:
                frozen.enter_context(freeze(str(pid)))
            time.sleep(4)
        seen = len(await_samples(tmp_path, "auth", 3))
        samples = await_samples(tmp_path, "auth", seen + 2)
        books = await_samples(tmp_path, "books", 5)
    errors = [sample.error for sample in samples if sample.error]
    assert errors and set(errors) == {"no answer: ReadTimeout"}
    assert samples[-1].values and not samples[-1].error
    assert all(not sample.error for sample in books)  # one service does not hold up the other


def test_the_sampler_ends_with_the_process_of_the_load(stack: Stack, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as load, run_sampler(tmp_path, stack, load.pid) as sampler:
        await_samples(tmp_path, "auth", 1)
        load.send_signal(signal.SIGKILL)
        load.wait()
        assert sampler.wait(5) == 0


def test_the_samples_of_another_load_are_not_continued(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "run_server.jsonl").write_text(json.dumps({"at": 1.0, "service": "auth", "error": "x"}) + "\n")
    write_run_file(tmp_path, stack)
    command = [*find_script("load/recording/sampler.py"), "run", str(tmp_path), "--pid", str(os.getpid())]
    ran = subprocess.run(
        command, env=choose_environment(stack), capture_output=True, text=True, timeout=20, check=False
    )
    assert ran.returncode != 0 and "File exists" in ran.stderr
    assert len(read_samples(tmp_path)) == 1


def test_connections_that_wait_at_a_port_are_counted_and_none_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as opened:
        port = server.getsockname()[1]
        for _ in range(5):
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert count_waiting({port}) == 5
        server.accept()[0].close()
        assert count_waiting({port}) == 4
    assert count_waiting({port}) is None
