"""The controls of the experiments: what is taken out of the code, and which checks must then fail."""

from tests.faults.builds import Cut
from tests.faults.findings import Control

DATABASE, CONNECTIONS, REDIS = "backend/stores/pool.py", "backend/stores/mariadb.py", "backend/stores/redis_store.py"
QUERIES, PASSWORDS, SESSIONS, LIMITS = (
    "backend/catalogue/queries.py",
    "backend/auth/passwords.py",
    "backend/auth/sessions.py",
    "backend/auth/login_limits.py",
)

READ_MODEL_READS = Control(
    "queries of the read model",
    ("catalogue reads that are not 200 in the fault",),
    (Cut(QUERIES, 'lookup.find_book(caller, isbn) if settings().read_model == "redis" else None', "None"),),
    only=("books",),
)
SHORT_DRIVER_TIMEOUT = Control(
    "the driver's short time-outs (5 s instead of 1 s)",
    ("every 503 within",),
    (Cut(CONNECTIONS, "TIMEOUT_S = 1 ", "TIMEOUT_S = 5 "),),
    only=("books",),
)
CLOSING_BREAKERS = Control(
    "probes of the stores that did not answer, for a minute",
    ("recovery",),
    (
        Cut("backend/stores/breaker.py", "PAUSE_S = 0.25", "PAUSE_S = 60"),
        Cut(DATABASE, "    pool().breaker.succeeded()\n", ""),
        Cut(REDIS, "        connection.close()\n    _breaker().succeeded()\n", "        connection.close()\n"),
    ),
    cheap=False,
)
PING = Control(
    "the look at a connection before it is lent",
    ("errors that a client sees",),
    (
        Cut(CONNECTIONS, "alive = self.is_connected()", "alive = True"),
        Cut(CONNECTIONS, "alive = self._cmysql.reset_connection() ", "alive = True "),
    ),
    only=("books",),
)
TRANSACTION = Control(
    "the transaction around a command, and the limit to a statement's time",
    ("books of which half a change was made", "503 to writers of a locked row within"),
    (
        Cut(CONNECTIONS, 'SESSION + "0"', 'SESSION + "1"'),
        Cut(CONNECTIONS, "STATEMENT_S = 0.8", "STATEMENT_S = 6"),
        Cut(CONNECTIONS, "TIMEOUT_S = 1 ", "TIMEOUT_S = 8 "),
    ),
    cheap=False,
)
DATABASE_BREAKER = Control(
    "the breaker before MariaDB",
    ("new connections tried per second and worker",),
    (Cut(DATABASE, "if not self.breaker.allows():", "if False:"),),
    cheap=False,
)
IDEMPOTENCY = Control(
    "the idempotency key, and the word on an unknown outcome",
    ("first answers that do not say the outcome is unknown", "repetitions that did not make the book exactly once"),
    (
        Cut("backend/catalogue/commands.py", "[] if key is None else [(CLAIM_KEY, (user_id, key, digest))]", "[]"),
        Cut(DATABASE, "The outcome of this write is unknown: the database", "The database"),
    ),
    only=("books",),
)
SHORT_POOL_WAIT = Control(
    "the bound of 250 ms to the wait for a connection (1.5 s), and to those who wait",
    ("wait of those who get no connection",),
    (
        Cut(DATABASE, "wait_s=chosen.db_pool_wait_ms / 1000", "wait_s=1.5"),
        Cut(DATABASE, "MOST_WAITING = 2 ", "MOST_WAITING = 1000 "),
    ),
    only=("books",),
)
FAILING_CLOSED = Control(
    "the refusal of sessions that cannot be looked up",
    ("requests accepted or called unauthorized without Redis",),
    (
        Cut(
            "backend/stores/live_sessions.py",
            "    with redis_errors():\n        entry = ask_script(LOOK_UP",
            "    try:\n        entry = ask_script(LOOK_UP",
        ),
        Cut(
            "backend/stores/live_sessions.py",
            "sessions_key], [])\n    caller.confirm(entry)\n",
            "sessions_key], [])\n    except Exception:\n        caller.seen = True\n"
            "    else:\n        caller.confirm(entry)\n",
        ),
    ),
    only=("books",),
)
KEPT_SESSIONS = Control(
    "the refusal of a log-in whose session cannot be kept",
    ("requests accepted or called unauthorized without Redis",),
    (
        Cut(
            SESSIONS, "    with redis_errors():\n        _run(OPEN", "    with suppress(Exception):\n        _run(OPEN"
        ),
        Cut(SESSIONS, "import time\n", "import time\nfrom contextlib import suppress\n"),
        Cut(
            LIMITS,
            "arguments, ask_once)\n",
            "arguments, ask_once)\n    return script is END\n",
        ),
        Cut(LIMITS, "    with redis_errors():\n", "    with suppress(Exception):\n"),
        Cut(LIMITS, "    if not _run(END,", "    if None is _run(END,"),
        Cut(LIMITS, "import uuid\n", "import uuid\nfrom contextlib import suppress\n"),
    ),
    only=("auth",),
)
SHORT_REDIS_TIMEOUT = Control(
    "the short time-out of Redis (2 s instead of 0.2 s)",
    ("time added to a refusal",),
    (Cut(REDIS, "TIMEOUT_S = 0.2 ", "TIMEOUT_S = 2 "),),
    only=("books",),
)
REBUILD_LOCK = Control(
    "the lock of a rebuild",
    ("rebuilds",),
    (Cut("backend/read_model/generations.py", "if redis.call('EXISTS', KEYS[2]) == 1 then return false end", ""),),
    cheap=False,
)
HASHING_BULKHEAD = Control(
    "the bulkhead around hashing",
    ("p95 of",),
    (
        Cut(PASSWORDS, "threading.Semaphore(slots + MOST_WAITING)", "threading.Semaphore(1000)"),
        Cut(PASSWORDS, "ThreadPoolExecutor(slots,", "ThreadPoolExecutor(64,"),
    ),
    cheap=False,
)
EARLY_REFUSAL = Control(
    "the fast path and the refusal before any work: what waited for too long is refused once its work is done",
    ("reads answered well",),
    (
        Cut("backend/server/main_loop.py", "behind = self.is_behind()", "behind = False"),
        Cut("backend/server/main_loop.py", 'getattr(app, "fast_path", None)', "None"),
        Cut("backend/server/shedding.py", "LONGEST_WAIT_S = 2.0 ", "LONGEST_WAIT_S = 0.5 "),
        Cut(
            "backend/http/web.py",
            "return shed(environ, start_response) if is_late(environ) else super()",
            "if is_late(environ):\n            list(super().wsgi_app(environ, lambda *_: None))\n"
            "            return shed(environ, start_response)\n        return super()",
        ),
    ),
    cheap=False,
)
