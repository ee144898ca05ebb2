"""What /metrics tells of each worker process and of the stores, held against what the system itself says."""

import os
import signal
import time
from typing import Any

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.read_models import connect_to_redis, wait_until
from tests.support.stacks import Stack, connect_to_mariadb

FIGURES = ("worker_cpu_seconds_total", "worker_memory_bytes", "worker_descriptors", "worker_threads")


def read_families(stack: Stack, service: str) -> list[Any]:
    """Return the families of metrics of a service's /metrics."""
    headers = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}
    answer = requests.get(f"{stack[f'{service}_URL']}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200
    return list(text_string_to_metric_families(answer.text))


def read_samples(stack: Stack, service: str) -> list[Any]:
    """Return the samples of a service's /metrics."""
    return [sample for family in read_families(stack, service) for sample in family.samples]


def read_workers(stack: Stack, service: str, figure: str) -> dict[int, float]:
    """Return one figure of each worker by its process id."""
    samples = read_samples(stack, service)
    return {int(sample.labels["pid"]): sample.value for sample in samples if sample.name == figure}


def read_value(stack: Stack, name: str) -> float:
    """Return the value of a sample of the books service that has no labels."""
    (value,) = [sample.value for sample in read_samples(stack, "BOOKS") if sample.name == name]
    return float(value)


def find_workers(stack: Stack, service: str) -> set[int]:
    """Return the process ids of the workers of a service."""
    return {child.pid for child in psutil.Process(int(stack[f"{service}_PID"])).children()}


@pytest.mark.parametrize("service", ["AUTH", "BOOKS"])
@pytest.mark.parametrize("figure", FIGURES)
def test_every_worker_tells_its_own_figures(stack: Stack, service: str, figure: str) -> None:
    wait_until(lambda: set(read_workers(stack, service, figure)) == find_workers(stack, service), 5, "every worker")
    assert all(value > 0 for value in read_workers(stack, service, figure).values())


@pytest.mark.parametrize("service", ["AUTH", "BOOKS"])
def test_what_only_rises_is_a_counter_by_type_and_by_name(stack: Stack, service: str) -> None:
    families = read_families(stack, service)
    counters = {family.name for family in families if family.type == "counter"}
    assert counters >= {"worker_cpu_seconds", "http_requests_shed", "db_pool_opened"}
    for family in families:
        for sample in family.samples:
            assert sample.name.endswith("_total") is (family.name in counters), sample


@pytest.mark.parametrize("service", ["AUTH", "BOOKS"])
def test_the_figures_are_those_of_the_system(stack: Stack, service: str) -> None:
    for pid in find_workers(stack, service):
        process = psutil.Process(pid)
        memory, cpu = process.memory_info().rss, sum(process.cpu_times()[:2])
        assert read_workers(stack, service, "worker_memory_bytes")[pid] == pytest.approx(memory, rel=0.1)
        assert read_workers(stack, service, "worker_cpu_seconds_total")[pid] == pytest.approx(cpu, abs=0.5)
        for figure, count in (("worker_descriptors", process.num_fds), ("worker_threads", process.num_threads)):
            wait_until(lambda: abs(read_workers(stack, service, figure)[pid] - count()) <= 3, 5, figure)  # noqa: B023


@pytest.mark.parametrize("service", ["AUTH", "BOOKS"])
def test_the_connections_of_clients_are_counted_while_they_last(stack: Stack, service: str) -> None:
    def count() -> float:
        return sum(read_workers(stack, service, "worker_clients").values())

    before, clients = count(), [requests.Session() for _ in range(20)]
    for client in clients:
        assert client.get(f"{stack[f'{service}_URL']}/health", timeout=10).status_code == 200
    wait_until(lambda: abs(count() - before - 20) <= 3, 5, "they are counted")
    for client in clients:
        client.close()
    wait_until(lambda: abs(count() - before) <= 3, 5, "they are gone")


def test_the_time_of_the_server_is_that_of_the_answer(stack: Stack) -> None:
    before = time.time()
    assert before <= read_value(stack, "server_time_seconds") <= time.time()


def test_the_stores_figures_are_what_they_hold(stack: Stack) -> None:
    with connect_to_redis(stack) as store, connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        for number in range(50):
            store.set(f"usage-test:{number}", "x", ex=60)
        wait_until(lambda: abs(read_value(stack, "redis_keys") - store.dbsize()) <= 3, 5, "the keys are counted")
        assert read_value(stack, "redis_memory_bytes") == pytest.approx(store.info("memory")["used_memory"], rel=0.1)
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        ((_, count),) = cursor.fetchall()
        assert abs(read_value(stack, "db_connections") - int(str(count))) <= 3
        cursor.execute("SELECT @@GLOBAL.max_connections")
        ((most,),) = cursor.fetchall()
        assert read_value(stack, "db_max_connections") == int(str(most))


def test_the_stores_are_named_by_their_own_versions(stack: Stack) -> None:
    with connect_to_redis(stack) as store, connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        server = store.info("server")
        cursor.execute("SELECT VERSION()")
        ((mariadb,),) = cursor.fetchall()
    redis = f"Valkey {server['valkey_version']}" if "valkey_version" in server else server["redis_version"]
    wait_until(lambda: "stores_info" in {each.name for each in read_samples(stack, "BOOKS")}, 5, "they are named")
    (labels,) = [each.labels for each in read_samples(stack, "BOOKS") if each.name == "stores_info"]
    assert {labels["mariadb"], labels["redis"]} == {mariadb, redis}


def test_a_worker_that_died_is_no_longer_told_of_and_the_new_one_is(stack: Stack) -> None:
    wait_until(lambda: len(read_workers(stack, "AUTH", FIGURES[0])) == len(find_workers(stack, "AUTH")), 5, "all")
    killed = min(find_workers(stack, "AUTH"))
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in find_workers(stack, "AUTH"), 10, "Gunicorn sees it")
    wait_until(lambda: set(read_workers(stack, "AUTH", FIGURES[0])) == find_workers(stack, "AUTH"), 10, "the new one")
    assert killed not in read_workers(stack, "AUTH", FIGURES[0])
