"""What each worker process uses and what the stores hold, measured in the background of each worker for /metrics.

It is not measured while /metrics is answered, because the worker that answers cannot look into the others and may not
wait for a store.
"""

import math
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import psutil
from prometheus_client import Gauge

from backend.background import Trouble, repeat
from backend.metrics import EACH, LATEST
from backend.stores.pool import reading
from backend.stores.redis_run import ask_info
from backend.stores.redis_store import ask

WORKER_EVERY_S = 0.5
STORES_EVERY_S = 1.0

# A Gauge here, so that it is told for each worker and ends with it; /metrics gives it as the counter that it is.
CPU = Gauge("worker_cpu_seconds_total", "Processor time that a worker has used.", multiprocess_mode=EACH)
MEMORY = Gauge("worker_memory_bytes", "Resident memory of a worker.", multiprocess_mode=EACH)
DESCRIPTORS = Gauge("worker_descriptors", "Open files and sockets of a worker.", multiprocess_mode=EACH)
THREADS = Gauge("worker_threads", "Threads of a worker.", multiprocess_mode=EACH)
CLIENTS = Gauge("worker_clients", "Connections of clients that a worker holds.", multiprocess_mode=EACH)
CONNECTIONS = Gauge("db_connections", "Connections that MariaDB has, of all its clients.", multiprocess_mode=LATEST)
MOST_CONNECTIONS = Gauge(
    "db_max_connections",
    "Connections that MariaDB allows to all its clients, when it last answered.",
    multiprocess_mode=LATEST,
)
REDIS_MEMORY = Gauge("redis_memory_bytes", "Memory that Redis uses.", multiprocess_mode=LATEST)
REDIS_KEYS = Gauge("redis_keys", "Keys in Redis.", multiprocess_mode=LATEST)
STORES = Gauge("stores_info", "Versions of the stores; the value is 1.", ("mariadb", "redis"), multiprocess_mode=LATEST)


def start_measuring_worker(worker: Any) -> None:
    """Measure this process, a Gunicorn worker, until it ends."""
    repeat("usage of the worker", lambda: measure_worker(worker), WORKER_EVERY_S)


def start_measuring_stores(_worker: Any) -> None:
    """Measure what the stores hold until this process ends."""
    repeat("usage of the stores", measure_stores, STORES_EVERY_S)


def measure_worker(worker: Any) -> None:
    """Put into the metrics what this process uses, and how many connections of clients Gunicorn counts in it."""
    process = psutil.Process()
    with process.oneshot():
        CPU.set(time.process_time())
        MEMORY.set(process.memory_info().rss)
        DESCRIPTORS.set(process.num_fds())
        THREADS.set(process.num_threads())
        CLIENTS.set(worker.nr_conns)


def measure_stores() -> None:
    """Put into the metrics what the stores hold, NaN for what one does not tell, and which versions they are."""
    CONNECTIONS.set(_number_of(_count_connections))
    REDIS_MEMORY.set(_number_of(_measure_redis))
    REDIS_KEYS.set(_number_of(_count_keys))
    with _trouble_with(_name_stores).survived():
        _name_stores()


def _number_of(measure: Callable[[], Any]) -> float:
    with _trouble_with(measure).survived():
        return float(measure())
    return math.nan


@cache
def _trouble_with(measure: Callable[[], Any]) -> Trouble:
    return Trouble(f"usage of the stores, {measure.__name__.strip('_').replace('_', ' ')}")


def _count_connections() -> Any:
    with reading() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_connections AS most")  # in the same loan of a connection
        MOST_CONNECTIONS.set(cursor.fetchone()["most"])
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        return cursor.fetchone()["Value"]


def _measure_redis() -> str:
    return ask_info("memory")["used_memory"]


def _count_keys() -> Any:
    return ask("DBSIZE")


@cache
def _name_stores() -> None:
    with reading() as cursor:
        cursor.execute("SELECT VERSION() AS version")
        STORES.labels(cursor.fetchone()["version"], _name_redis(ask_info("server"))).set(1)


def _name_redis(info: dict[str, str]) -> str:
    # Valkey gives as redis_version that of the Redis it came from.
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else info["redis_version"]
