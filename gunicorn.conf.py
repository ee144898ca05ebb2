"""The production set-up of both services; Gunicorn reads it from the folder it is started in."""

import os
import resource
import shutil
import sys
from typing import Any, NoReturn

# The C library reads this at the start of a program alone, so the master begins once more. Else glibc would give almost
# each thread a heap of its own, and let each keep hundreds of the blocks that it has freed.
if "GLIBC_TUNABLES" not in os.environ:
    os.environ["GLIBC_TUNABLES"] = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself

# Before anything imports prometheus_client: each master has a folder of its own for its workers' metrics, and a
# reload (which runs this file again) keeps it.
if os.environ.get("METRICS_MASTER") != str(os.getpid()):
    from backend.server.metrics_folder import make_folder, remove_left_folders

    os.environ["METRICS_MASTER"] = str(os.getpid())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = make_folder()
    remove_left_folders()

from backend.log_writer import writer
from backend.logs import LOGGING, Logger

worker_class = "backend.server.worker.Worker"
threads = 16  # with more, each gets less done; those that wait for a store or a hash leave some for all else
keepalive = 75  # seconds: longer than a user thinks, else clients meet closed connections
timeout = 20  # seconds without a sign of life, after which the master replaces a worker: a frozen one within 30
graceful_timeout = 30
limit_request_line = (
    8190  # bytes, Gunicorn's most: the longest address of a page, all its filters and `after`, has 6,400
)
limit_request_field_size = 32768  # bytes: a longer header is refused
forwarded_allow_ips = ""  # nothing here reads forwarded headers, and SCRIPT_NAME would be one
control_socket_disable = True  # one default path for all masters: two services of one user would collide
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - heartbeats must not wait for a disk
logconfig_dict = LOGGING
logger_class = Logger
OPEN_FILES = 8192  # of a process, if it may: a thousand clients of a worker need more than the usual 1024
MAX_CONNECTIONS = 151  # MariaDB's default
SPARE_THREADS = 6  # that hold no connection, so that some are left for other requests while MariaDB is slow


def raise_file_limit() -> None:
    """Raise the limit on open files as far as it may be raised: a worker without one left for a client would end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


raise_file_limit()


def on_starting(server: Any) -> None:
    """Refuse to start with a setting that is missing or wrong, and warn of one that asks for too much; count the cores
    that the workers share.
    """
    from backend.config import ConfigError, settings
    from backend.cores import count_cores

    os.environ["SERVICE_CORES"] = str(count_cores())  # once, for all workers
    os.environ["SERVICE_THREADS"] = str(server.cfg.threads)
    try:
        size = server.cfg.workers * settings().db_pool_size
    except ConfigError as error:
        refuse_to_start(str(error))
    refuse_unfit_redis()
    if size > MAX_CONNECTIONS // 2:
        server.log.warning(
            "%d workers with DB_POOL_SIZE=%d may open %d connections, over half of MariaDB's default of %d: "
            "lower one of them or raise max_connections",
            server.cfg.workers, settings().db_pool_size, size, MAX_CONNECTIONS,
        )  # fmt: skip
    if settings().db_pool_size > (most := max(1, server.cfg.threads - SPARE_THREADS)):
        server.log.warning(
            "DB_POOL_SIZE=%d of %d threads: while MariaDB is slow few are left for requests that do not need it: "
            "lower it to %d",
            settings().db_pool_size, server.cfg.threads, most,
        )  # fmt: skip
    for name in settings().exposed:
        server.log.warning("%s: what goes there can be read on its way; .env.example says how to use TLS", name)
    if os.path.exists(".env") and os.stat(".env").st_mode & 0o077:
        server.log.warning(".env can be read by other users of this machine: chmod 600 .env")


def on_reload(server: Any) -> None:
    """Read the settings anew for the workers that come; with a wrong one they would answer nothing."""
    from backend.config import ConfigError, read_settings

    try:
        read_settings()
    except ConfigError as error:
        server.log.error("The settings stay as they were: %s", error)


def refuse_unfit_redis() -> None:
    """Refuse to start with a Redis, if one can be reached by now, that lacks what the services cannot do without."""
    from backend.stores.redis_needs import find_lacks

    if lacks := find_lacks():
        refuse_to_start(f"the Redis of REDIS_URL {lacks}; docs/cqrs.md says what it needs")


def refuse_to_start(words: str) -> NoReturn:
    """End the master with one line, and leave nothing behind."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
    writer.flush()  # the refusal is the last line
    sys.exit(f"The service does not start: {words}")


def pre_fork(server: Any, worker: Any) -> None:
    """Tell the workers how many they are, and choose a core for the next one."""
    from backend.cores import choose_core

    os.environ["SERVICE_WORKERS"] = str(server.num_workers)
    worker.core = choose_core([each.core for each in server.WORKERS.values()])


def post_fork(_server: Any, worker: Any) -> None:
    """Hold a worker to its core."""
    from backend.config import settings
    from backend.cores import hold_to

    if settings().pin_workers:
        hold_to(worker.core)


def post_worker_init(worker: Any) -> None:
    """Start what the service runs in the background of each worker."""
    for start in worker.wsgi.config.get("BACKGROUND", ()):
        start(worker)


def when_ready(server: Any) -> None:
    """Say at the start which store does not answer, what Redis may lose or bring back, and which tables are older."""
    from backend.http.readiness import check_stores
    from backend.stores.collations import find_other_collations
    from backend.stores.redis_needs import find_risks

    for store, state in check_stores().items():
        if state == "down":
            server.log.warning("%s does not answer: requests that need it get 503 until it does", store)
    for risk in find_risks():
        server.log.warning("redis: %s", risk)
    if columns := find_other_collations():
        server.log.warning(
            "%s compare names in another way than the services, with which two names may be one: load init.sql again",
            ", ".join(columns),
        )


def child_exit(_server: Any, worker: Any) -> None:
    """Take a dead worker out of the live metrics."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the folder of the metrics."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
