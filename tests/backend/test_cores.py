"""Passwords are hashed by as many threads as the service may use processors: by its affinity and its control groups."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from backend.cores import list_quotas
from tests.support.books_services import list_workers, run_books_service
from tests.support.clients import register
from tests.support.read_models import read_metric, wait_until
from tests.support.stacks import PROJECT, Stack
from tests.support.weak_builds import run_build

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
COUNT = "from backend.cores import count_cores; print(count_cores())"
MOST_HASHING = 8


@contextmanager
def held_to_one_core() -> Iterator[None]:
    """Hold this thread, and what it starts, to one processor until the end of the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def count_hashing_threads(stack: Stack, folder: Path) -> float:
    """Return how many threads hash in an auth service of one worker that this thread starts."""
    with run_build(stack, folder, only="auth") as services:
        register(services.auth)
        return read_metric(stack, services.auth, "hashing_threads")


def test_a_service_hashes_with_as_many_threads_as_it_may_use_processors(stack: Stack, tmp_path: Path) -> None:
    assert count_hashing_threads(stack, tmp_path / "free") == min(MOST_HASHING, len(os.sched_getaffinity(0)))
    with held_to_one_core():
        assert count_hashing_threads(stack, tmp_path / "held") == 1


def list_affinities(process: psutil.Process) -> list[set[int]]:
    """Return the processors of each thread of a process."""
    return [os.sched_getaffinity(thread.id) for thread in process.threads()]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_workers_are_held_to_processors_in_turn_and_so_is_who_comes_after_a_dead_one(
    stack: Stack, tmp_path: Path
) -> None:
    cores = sorted(os.sched_getaffinity(0))
    with run_books_service(stack, tmp_path / "log", "--workers", str(len(cores)), PIN_WORKERS="true") as service:
        workers = list_workers(service.pid)
        held = {worker.pid: list_affinities(worker)[0] for worker in workers}
        assert sorted(held.values(), key=min) == [{core} for core in cores]
        workers[0].kill()

        def has_another() -> bool:
            present = {worker.pid for worker in list_workers(service.pid)}
            return len(present) == len(cores) and present != held.keys()

        wait_until(has_another, 20, "another worker comes")
        (new,) = [worker for worker in list_workers(service.pid) if worker.pid not in held]
        wait_until(lambda: list_affinities(new)[0] == held[workers[0].pid], 5, "the new worker is held")
    with run_books_service(stack, tmp_path / "log", "--workers", "1") as service:
        (worker,) = list_workers(service.pid)
        assert list_affinities(worker)[0] == set(cores)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_threads_that_hash_may_use_every_processor(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path / "free", only="auth", PIN_WORKERS="true") as services:
        register(services.auth)
        hashing = int(read_metric(stack, services.auth, "hashing_threads"))
        metrics = requests.get(
            f"{services.auth}/metrics", headers={"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}, timeout=10
        ).text
        pids = {int(pid) for pid in re.findall(r'^worker_cpu_seconds_total\{pid="([0-9]+)"', metrics, re.MULTILINE)}
        free = [each == os.sched_getaffinity(0) for pid in pids for each in list_affinities(psutil.Process(pid))]
    assert 1 <= sum(free) <= hashing
    assert len(free) > sum(free)


def count_in_group(group: Path | None) -> int:
    """Return the processors that a new process counts, in that control group."""
    enter = f"echo $$ > {group}/cgroup.procs && " if group else ""
    command = ["sh", "-c", f'{enter}exec "$0" -c "$1"', sys.executable, COUNT]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    return int(ran.stdout)


@contextmanager
def make_group(quota_us: int) -> Iterator[Path]:
    """Make a real control group with that quota for each tenth of a second; skip where there can be none."""
    version_2 = (CGROUPS / "cgroup.controllers").exists()
    group = CGROUPS / ("" if version_2 else "cpu") / f"libros-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if version_2:
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
        yield group
    except OSError as error:
        pytest.skip(f"no quota can be set here: {error}")
    finally:
        with suppress(OSError):
            group.rmdir()


@pytest.mark.parametrize("share", [0.5, 1, 1.9])
def test_a_process_in_a_real_control_group_counts_its_quota(share: float) -> None:
    with make_group(int(share * PERIOD_US)) as group:
        assert count_in_group(group) == 1
    assert count_in_group(None) == len(os.sched_getaffinity(0))


def write_files(mounted: Path, files: dict[str, str]) -> None:
    """Write files of made-up control groups."""
    for name, text in files.items():
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).write_text(f"{text}\n")


VERSION_1 = "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n"
GROUPS = {
    "version 2, its own": ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 1.5),
    "version 2, of a group above": ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
    "version 2, in a container": ("0::/\n", {"cpu.max": "200000 100000"}, 2),
    "version 2, none": ("0::/a\n", {"a/cpu.max": "max 100000"}, None),
    "version 1, its own": (VERSION_1, {"docker/abc/cpu.cfs_quota_us": "75000"}, 0.75),
    "version 1, in a container": (VERSION_1, {"cpu.cfs_quota_us": "300000"}, 3),
    "version 1, none": (VERSION_1, {"docker/abc/cpu.cfs_quota_us": "-1"}, None),
    "both, where version 1 has the processors": ("1:cpu:/a\n0::/b\n", {"a/cpu.cfs_quota_us": "100000"}, 1),
    "outside of what is seen": ("0::/../../c\n", {}, None),
    "a file of another form": ("0::/a\n", {"a/cpu.max": "many"}, None),
    "nothing": ("", {}, None),
}


@pytest.mark.parametrize("membership, files, expected", GROUPS.values(), ids=GROUPS.keys())
def test_the_least_quota_of_all_groups_around_a_process_is_found(
    membership: str, files: dict[str, str], expected: float | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        if name.endswith("cfs_quota_us"):
            period = name.replace("quota", "period")
            write_files(tmp_path / "cpu", {name: text, period: str(PERIOD_US)})
        else:
            write_files(tmp_path, {name: text})
    quotas = [quota for quota in list_quotas(membership, tmp_path) if quota != float("inf")]
    assert quotas == ([] if expected is None else [expected])
