"""What a results folder holds: a table of all its files, and the names, columns and fields of the recorded ones.

| file | what is in it |
|---|---|
| run.json | what ran where: versions, settings, the plan of each scenario; run.py reads it |
| scenarios.csv | when each scenario began and ended, and with which exit code; run.py reads it |
| NAME.log | what Locust and the sampler logged |
| NAME.html | Locust's own report |
| NAME_stats.csv | Locust's totals of each endpoint; locust_files.py reads this file and the next four |
| NAME_stats_history.csv | Locust's users, requests and failures, one line a second |
| NAME_failures.csv | Locust's kinds of failures |
| NAME_exceptions.csv | Locust's exceptions in the code of the load |
| NAME_requests.json | when the load ended, and Locust's answers of each endpoint by milliseconds |
| NAME[_PART].hlog | the latencies of right answers: an HdrHistogram log, one line per second and endpoint, see below |
| NAME[_PART]_seconds.csv | SECONDS: what each second brought on each endpoint |
| NAME[_PART]_generator.csv | GENERATOR: how the process of the load is doing, one line a second |
| NAME[_PART]_ledger.jsonl | a Sent line when a write leaves, an Outcome line when its end is known |
| NAME[_PART]_failure_samples.jsonl | a FailureSample: the first request of each kind of failure, MOST_SAMPLES at most |
| NAME_steps.jsonl | of a break_point: a Step for each stretch of its search, and how that ended; steps.py reads it |
| NAME_machines.jsonl | of a load of several machines: a MachineEvent for all that befell their processes |
| NAME_server.jsonl | a ServerSample a second and source ("auth", "books on NAME", ...), or a line with "error" |
| NAME_data.jsonl | a DataState before the load and one after it was tidied up |
| NAME_read_back.json | what is there after the load, before it is tidied up: see ReadBack |
| summary.json | the verdicts for programs; analysis.summarize makes this file and the next three from all others |
| summary.md | the verdicts as Markdown |
| junit.xml | the verdicts for a CI server |
| report.html | the verdicts with their reasons, figures and pictures |

The recorded files are those from .hlog to _read_back.json. The load side writes them while it runs, each line flushed
within a second; latencies.py and raw_files.py read them afterwards. Both sides take names and columns from here. Every
time is in seconds since the epoch of the client's clock, as a float, unless it says otherwise. A *part* is the process
of the load that wrote a file: "" for one process, "0", "1", ... for the worker processes of --processes, "master" for
their master (which has a generator file only).

In an open load the latencies of an endpoint count from the moment at which its action was due; those from the moment
at which the request was sent have RAW before their tag, and how late actions began has the tag LATE.

HdrHistogram log (version 1.2 of the format; https://github.com/HdrHistogram/HdrHistogram_py, hdrh.log): lines
`Tag=TAG,START,LENGTH,MAX,BLOB`, START in whole seconds since the epoch (no StartTime or BaseTime line is needed),
LENGTH 1. An answer belongs to the second in which it came. Values are whole microseconds from 1 to HIGHEST_US (a
longer one counts as HIGHEST_US), with DIGITS significant digits. Lines add up: several of one second and tag are sums.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

SERVICES = ("auth", "books")
LOWEST_US, HIGHEST_US, DIGITS = 1, 60_000_000, 3
MASTER = "master"
MACHINES = "_machines.jsonl"
RAW, LATE = "(raw)", "(late)"

# Rows of one second and endpoint add up, so a row may come late: a request is known only when it ends, and its
# busy_s then belongs to every second it touched. `right`, `wrong`, `unanswered`, `shed` count in the second in which
# the request ended. `wrong` is an answer that should have been another; `unanswered` a lost connection or a time-out;
# `shed` a 503 or 429 with Retry-After. `busy_s` is the time that requests took within the second (Little's law).
SECONDS = ("second", "endpoint", "right", "wrong", "unanswered", "shed", "busy_s")
# Rows with these names are not about an endpoint. Only their busy_s is used: a time in the first two, else a number.
THINK = "(think)"  # the think time *asked for*, spread over the seconds it covers; it ends when its user is stopped
ASIDE = "(aside)"  # other time a user waits: for requests that are not counted, for a semaphore of the load
CLOSED = "(idle connection closed)"  # kept connections found closed by the service before anything was sent on them
WAITING = "(waiting)"  # requests in flight from the begin of the second to its end; no row without any
WAITING_BOOKS = "(waiting for the catalogue)"  # the same for requests to the catalogue alone
ARRIVED = "(arrived)"  # actions that were due in the second, of an open load
DROPPED = "(dropped)"  # those of them that found nobody in the pool to do them
NOT_SENT = "(not sent)"  # requests for whose connection the load itself had no descriptor or port left
NUMBERS = (CLOSED, WAITING, WAITING_BOOKS, ARRIVED, DROPPED, NOT_SENT)
NO_REQUESTS = (THINK, ASIDE, *NUMBERS)

# `cpu` is the share of one core since the line before; `users_wanted` and `users` are of this process. `lags_ms` are
# the lags of the event loop since the line before that exceed LAG_NOTED_MS, separated by spaces, in their order: by
# how much a sleep of LAG_PROBE_MS, one after the other, was too long.
GENERATOR = ("at", "pid", "cpu", "users_wanted", "users", "lags_ms")
LAG_PROBE_MS, LAG_NOTED_MS = 10.0, 5.0


@dataclass(frozen=True)
class SecondRow:
    """One row of NAME_seconds.csv."""

    second: int
    endpoint: str  # as in the tags: name_endpoint(method, name)
    right: int
    wrong: int
    unanswered: int
    shed: int
    busy_s: float


@dataclass(frozen=True)
class GeneratorRow:
    """One row of NAME_generator.csv."""

    at: float
    pid: int
    cpu: float
    users_wanted: int
    users: int
    lags_ms: tuple[float, ...]


@dataclass(frozen=True)
class Worker:
    """One worker process of a service; `cpu_s` is the processor time it has used so far, `rss` is in bytes.

    `clients` of its `fds` are connections of clients; older recordings do not tell.
    """

    cpu_s: float
    rss: float
    fds: float
    threads: float
    clients: float = 0.0

    @property
    def own_fds(self) -> float:
        """The descriptors that the load does not open."""
        return self.fds - self.clients


@dataclass(frozen=True)
class ServerSample:
    """One answer of /metrics: a line of NAME_server.jsonl.

    `at` is the middle of the exchange on the client's clock, `took` its seconds, `server_at` the server's own time.
    `values` has VALUES as far as this service knows them. Machine samples (service "machine", only when the target
    is this machine) have `values` {"cpu": share of all cores in use since the sample before, "cpus": their number,
    and OF_MACHINE as far as they can be seen}.
    A sample that could not be taken is {"at": .., "service": .., "error": "words"}.
    Where a service runs on several machines, each is sampled, and `machine` is its name.
    """

    at: float
    service: str
    took: float = 0.0
    server_at: float | None = None
    values: dict[str, float] | None = None
    workers: dict[str, Worker] | None = None  # by process id, which two machines may give twice
    error: str = ""
    machine: str = ""

    @property
    def source(self) -> str:
        """What the sample is of; see `name_source`."""
        return name_source(self.service, self.machine)


# Names in ServerSample.values, each a Prometheus sample summed over its labels; those in `_total` only rise.
VALUES = (
    "http_requests_in_flight",
    "http_requests_shed_total",
    "db_pool_in_use",
    "db_pool_waiting",
    "db_connections",  # MariaDB's Threads_connected
    "redis_memory_bytes",
    "redis_keys",
    "hashing_waiting",
    "read_model_lag_seconds",
    "read_model_misses_total",
)
OF_MACHINE = (
    "mariadb_cpu",  # cores that all MariaDB servers of the machine used since the sample before
    "redis_cpu",  # the same of Redis or Valkey
    "listen_queue",  # connections that wait until a service takes them, of both services
)


@dataclass(frozen=True)
class Sent:
    """A write that leaves: {"at", "n", "isbn", "method", "key", "if_match", "fields", "digest"} in a ledger line.

    `n` numbers the writes of one file, from 1 on. `fields` is the body (a whole book for POST, the changes for PATCH,
    None for DELETE), `digest` the SHA-256 of its bytes in hexadecimal, `key` the Idempotency-Key, `if_match` the
    version.
    """

    at: float
    n: int
    isbn: str
    method: str
    key: str | None
    if_match: int | None
    fields: dict[str, Any] | None
    digest: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of write `n`: {"at", "n", "outcome", "status", "version"} in a ledger line.

    `outcome` is "acknowledged" (201, 200, 204), "refused" (4xx: it was not done) or "unknown" (no whole answer, or 5xx:
    a 503 may be the answer to a write that was done). A DELETE that ends in 404 is unknown too while an earlier write
    to its ISBN is of unknown outcome and none was acknowledged since: that write may have taken effect late. A write
    without an Outcome line is unknown. `status` and `version` are those of the answer; a DELETE has no version.
    """

    at: float
    n: int
    outcome: str
    status: int | None
    version: int | None


ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"

FAILURE_SAMPLES, MOST_SAMPLES = "_failure_samples.jsonl", 200  # the ending of the file, and its most lines


@dataclass(frozen=True)
class FailureSample:
    """The first request of a kind of failure: {"at", "method", "name", "text", "ms", "status", "request_id"} in a line.

    A kind is the method, the name and the text under which Locust's NAME_failures.csv counts it. The request ended
    `at`, after `ms`. `request_id` is the X-Request-ID of the answer, which stands in the line of the service's log; it
    and `status` are None where no answer came.
    """

    at: float
    method: str
    name: str
    text: str
    ms: float
    status: int | None
    request_id: str | None


@dataclass(frozen=True)
class DataState:
    """The catalogue at a moment, a line of NAME_data.jsonl: `moment` is "before" or "after".

    `books` is the total of GET /api/books, `own` how many of them a load has added (ISBN 979...).
    """

    at: float
    moment: str
    books: int
    own: int


@dataclass(frozen=True)
class MachineEvent:
    """What befell a process of a joined machine, a line of NAME_machines.jsonl; `part` is that of its files.

    `event` is "came", "lost" (no sign of life for seconds), "back", "whole" (all of its record is here), or "clock".
    A clock's `offset_s` is how far the master's clock was ahead of its own, and `error_s` at most how wrong that is.
    """

    at: float
    event: str
    machine: str
    part: str
    offset_s: float | None = None
    error_s: float | None = None


MACHINE_EVENTS = ("came", "lost", "back", "whole", "clock")


@dataclass(frozen=True)
class Shown:
    """What a source of books shows of an ISBN: the status of GET /api/books/{isbn}, and the book if it is 200."""

    status: int
    book: dict[str, Any] | None


@dataclass(frozen=True)
class ReadBack:
    """NAME_read_back.json: {"at", "lag_s", "complete", "isbns": {ISBN: {"read_model": .., "database": ..}}}.

    Both sources are asked for every ISBN of the ledgers after the load and before its books are removed; each
    gives {"status": .., "book": ..}. `lag_s` is how long the read model went on differing from MariaDB after the
    load had ended (None when it still did at the end of the wait); `complete` is false when not all could be asked.
    What is lost, differs or is doubled is worked out from this and the ledger by the analysis.
    """

    at: float
    lag_s: float | None
    complete: bool
    isbns: dict[str, dict[str, Shown]]


BOOK_SOURCES = ("read_model", "database")


def name_source(service: str, machine: str = "") -> str:
    """The name of what is sampled: `books`, or `books on NAME` where several machines run the service."""
    return f"{service} on {machine}" if machine else service


def say_source(source: str, what: str = "service") -> str:
    """A source, or `what` of it, in a sentence: `the books service`, `the books workers on NAME`."""
    service, on, machine = source.partition(" on ")
    return f"the {service} {what}{on}{machine}"


def part_path(folder: Path, name: str, part: str, ending: str) -> Path:
    """The file of one part, part_path(folder, "soak", "0", "_seconds.csv"); endings are .hlog, _seconds.csv, ..."""
    return folder / f"{name}{'_' if part else ''}{part}{ending}"


def find_parts(folder: Path, name: str, ending: str) -> dict[str, Path]:
    """The files of all parts that are there, by part, in order."""
    parts = ["", MASTER, *(str(number) for number in range(100))]
    paths = {part: part_path(folder, name, part, ending) for part in parts}
    return {part: path for part, path in paths.items() if path.is_file()}


def name_endpoint(method: str, name: str) -> str:
    """The name of an endpoint in tags and rows: `GET|/api/books/{isbn}%20304`, without spaces, commas and quotes."""
    return f"{quote(method)}|{quote(name, safe='/{}?=')}"


@lru_cache(maxsize=256)
def split_endpoint(endpoint: str) -> tuple[str, str]:
    """The method and the name that `name_endpoint` was given."""
    method, _, name = endpoint.partition("|")
    return unquote(method), unquote(name)


def is_catalogue(endpoint: str) -> bool:
    """Whether an endpoint, as tags and rows name it, is one of the catalogue's."""
    return split_endpoint(endpoint)[1].startswith("/api/")
