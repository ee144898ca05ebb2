"""What the services count: Prometheus metrics over all workers of one Gunicorn master."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import mysql.connector
from prometheus_client import Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from backend import __version__
from backend.config import settings

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LIVE: Final = "livesum"  # over the workers that live
EACH: Final = "liveall"  # of each of them, with its process id as label `pid`
LATEST: Final = "livemostrecent"

REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time in the service per request.",
    ("method", "route", "status"),
    buckets=BUCKETS,
)
ON_FAST_PATH = Counter("http_requests_on_fast_path", "Plain reads answered without a thread.")
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being answered.", multiprocess_mode=LIVE)
SHED = Counter("http_requests_shed", "Requests answered 503 or 429.")
POOL_IN_USE = Gauge("db_pool_in_use", "Database connections lent.", multiprocess_mode=LIVE)
POOL_WAITING = Gauge("db_pool_waiting", "Threads that wait for a database connection.", multiprocess_mode=LIVE)
POOL_OPENED = Counter("db_pool_opened", "Database connections opened.")
POOL_REPLACED = Counter("db_pool_replaced", "Dead database connections found and replaced.")
POOL_EXHAUSTED = Counter("db_pool_exhausted", "Waits for a database connection that ended without one.")
HASHING_THREADS = Gauge("hashing_threads", "Threads that may hash passwords at once.", multiprocess_mode=LIVE)
HASHING_WAITING = Gauge("hashing_waiting", "Threads that wait to hash a password.", multiprocess_mode=LIVE)
LAG = Gauge(
    "read_model_lag_seconds",
    "Age of the oldest change that is not in the read model; 0 when all are.",
    multiprocess_mode=LATEST,
)
OUTBOX_PENDING = Gauge("outbox_pending", "Changes that are not in the read model.", multiprocess_mode=LATEST)
READ_MODEL_MISSES = Counter("read_model_misses", "Queries answered from MariaDB because no read model stood.")
READ_MODEL_LOSSES = Counter("read_model_losses", "Times that Redis had lost a part of the read model in use.")
TIME = Gauge("server_time_seconds", "The time at which these metrics were read.", multiprocess_mode=LATEST)
INFO = Gauge(
    "service_info",
    "What runs here; the value is 1.",
    (
        *("service", "version", "bcrypt_rounds", "driver", "pool_size"),
        *("read_model", "workers", "threads", "db_tls", "redis_tls"),
    ),
    multiprocess_mode="livemax",
)


@cache
def _requests_of(method: str, route: str, status: int) -> Any:
    return REQUESTS.labels(method, route, status)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request that was answered with this status after so many seconds."""
    _requests_of(method, route, status).observe(seconds)
    if status in (429, 503):
        SHED.inc()


def describe_service(service: str) -> None:
    """Set service_info."""
    chosen = settings()
    driver = "C extension" if mysql.connector.HAVE_CEXT else "pure Python"
    INFO.labels(
        service=service,
        version=__version__,
        bcrypt_rounds=chosen.bcrypt_rounds,
        driver=f"mysql-connector-python {mysql.connector.__version__} ({driver})",
        pool_size=chosen.db_pool_size,
        read_model=chosen.read_model,
        workers=chosen.service_workers,
        threads=chosen.service_threads,
        db_tls=chosen.db_encryption,
        redis_tls=chosen.redis_address.encryption,
    ).set(1)


def metrics_text() -> bytes:
    """Give the metrics of all workers in the Prometheus text format."""
    TIME.set_to_current_time()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    return generate_latest(AllWorkers())


class AllWorkers(Collector):
    """What all workers have counted and measured.

    A gauge named `..._total` is given as the counter that it is. It is a gauge in the code because prometheus_client
    adds up the counters of all workers, dead ones too: only gauges are told for each worker, and end with it.
    """

    def collect(self) -> Iterator[Metric]:
        """Yield each family of metrics."""
        for family in MultiProcessCollector(None).collect():  # type: ignore[no-untyped-call]
            if family.type == "gauge" and family.name.endswith("_total"):
                family.name, family.type = family.name.removesuffix("_total"), "counter"
            yield family
